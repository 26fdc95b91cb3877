// The tray icon. Some desktops have none: everything in it can be done in the window too.
import { join } from 'node:path';
import { Menu, nativeImage, Tray } from 'electron';
import type { State } from '../../app/contract/state.ts';
import { trayIcon, trayMenu, trayTooltip, type TrayAction } from './tray-menu.ts';

export class WeftTray {
  readonly #folder: string;
  readonly #act: (action: TrayAction) => void;
  #tray: Tray | null = null;
  #shown = '';

  /** `folder` holds on.png, busy.png … */
  constructor(folder: string, act: (action: TrayAction) => void) {
    this.#folder = folder;
    this.#act = act;
  }

  /** Whether the system took an icon. */
  start(): boolean {
    try {
      this.#tray = new Tray(this.#image(null));
      this.#tray.on('click', () => this.#act({ do: 'open' }));
      this.update(null);
      return true;
    } catch {
      this.#tray = null;
      return false;
    }
  }

  update(state: State | null): void {
    const items = trayMenu(state);
    // Menus are rebuilt only when they differ: on Linux an open one would close.
    const shown = JSON.stringify([trayIcon(state), items]);
    if (!this.#tray || shown === this.#shown) return;
    this.#shown = shown;
    this.#tray.setImage(this.#image(state));
    this.#tray.setToolTip(trayTooltip(state));
    const template = items.map(({ label, action, checked, separator }) =>
      separator
        ? { type: 'separator' as const }
        : {
            label,
            enabled: action !== undefined,
            ...(checked === undefined ? {} : { type: 'checkbox' as const, checked }),
            click: () => action && this.#act(action),
          },
    );
    this.#tray.setContextMenu(Menu.buildFromTemplate(template));
  }

  stop(): void {
    this.#tray?.destroy();
    this.#tray = null;
    this.#shown = '';
  }

  #image(state: State | null) {
    const name = process.platform === 'darwin' ? 'Template' : trayIcon(state);
    return nativeImage.createFromPath(join(this.#folder, `${name}.png`));
  }
}
