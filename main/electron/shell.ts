// What the app does: keeps the engine, the window and the tray in step.
import { join } from 'node:path';
import { app, clipboard, Menu, nativeTheme, type BrowserWindow } from 'electron';
import type { Failure } from '../../app/contract/errors.ts';
import { Client, type Carrier } from '../../app/contract/protocol/index.ts';
import type { ShellNews, ShellRequest } from '../../app/contract/shell.ts';
import type { State } from '../../app/contract/state.ts';
import { autostart, HIDDEN_FLAG, setAutostart } from './autostart.ts';
import { Bridge } from './bridge.ts';
import { openEngine, type EngineLink } from './engine-link.ts';
import { WeftTray } from './tray.ts';
import type { TrayAction } from './tray-menu.ts';
import { createWindow, prepareSession } from './window.ts';

const RETRY_MS = 2_000;

export interface ShellOptions {
  root: string;
  stateDir: string;
}

export class Shell {
  readonly #options: ShellOptions;
  readonly #tray: WeftTray;
  #trayShown = false;
  #window: BrowserWindow | null = null;
  #bridge: Bridge | null = null;
  #engine: EngineLink | null = null;
  #client: Client | null = null;
  #state: State | null = null;
  #failure: Failure | null = null;
  /** Told to the window as soon as it has a port. */
  #waiting: ShellNews[] = [];
  #opening = false;
  #hidden = process.argv.includes(HIDDEN_FLAG);
  /** In the background, without window and tray. */
  #staying = false;
  #quitting: 'no' | 'busy' | 'done' = 'no';

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#tray = new WeftTray(join(options.root, 'assets/tray'), (action) => this.#act(action));
  }

  start(link: string | null): void {
    Menu.setApplicationMenu(null);
    prepareSession(this.#options.root);
    this.#trayShown = this.#tray.start();
    if (!(this.#hidden && this.#trayShown && !link)) this.open(link);
    void this.#reach();
  }

  /** Shows the window; a link goes to its Join preview. */
  open(link: string | null): void {
    if (!app.isReady()) {
      void app.whenReady().then(() => this.open(link));
      return;
    }
    if (link) this.#tell({ type: 'shell.join', link });
    if (this.#staying) {
      this.#staying = false;
      this.#trayShown = this.#tray.start();
      this.#tray.update(this.#state);
    }
    this.#window ??= this.#makeWindow();
    if (this.#window.isMinimized()) this.#window.restore();
    this.#window.show();
    this.#window.focus();
  }

  /** Without a tray there would be no way back: then closing the window is quitting. */
  windowClosed(): void {
    this.#window = null;
    if (this.#quitting === 'no' && !this.#trayShown && !this.#staying && process.platform !== 'darwin') this.#quit();
  }

  /** Ends the own engine before the program. */
  beforeQuit(event: { preventDefault: () => void }): void {
    if (this.#quitting === 'done') return;
    event.preventDefault();
    if (this.#quitting === 'busy') return;
    this.#quitting = 'busy';
    const end = async (): Promise<void> => {
      this.#client?.close();
      this.#bridge?.close();
      await this.#engine?.stop(this.#state?.settings.quit !== 'stay');
      this.#tray.stop();
      this.#quitting = 'done';
      app.quit();
    };
    void end();
  }

  /** The user is done. With "stay connected" an own engine goes on in the background, until the app is opened again. */
  #quit(): void {
    const stay = this.#state?.settings.quit === 'stay' && this.#client !== null && this.#engine?.attached === false;
    if (!stay) return app.quit();
    this.#staying = true;
    this.#tray.stop();
    this.#trayShown = false;
    this.#window?.close();
  }

  #makeWindow(): BrowserWindow {
    const window = createWindow({ root: this.#options.root, onPort: (carrier) => this.#onPort(carrier) });
    window.on('closed', () => {
      this.#window = null;
      this.#bridge?.close();
      this.#bridge = null;
    });
    return window;
  }

  #onPort(carrier: Carrier): void {
    this.#bridge?.close();
    const bridge = new Bridge(carrier, (request) => this.#onRequest(request));
    this.#bridge = bridge;
    bridge.tell({ type: 'shell.info', version: app.getVersion(), autostart: autostart() });
    if (this.#failure) bridge.lose(this.#failure);
    void this.#join(bridge);
    for (const news of this.#waiting.splice(0)) bridge.tell(news);
  }

  #tell(news: ShellNews): void {
    if (this.#bridge) this.#bridge.tell(news);
    else this.#waiting = [news];
  }

  #onRequest(request: ShellRequest): void {
    if (request.type === 'shell.retry') return void this.#reach();
    setAutostart(request.on);
    this.#tell({ type: 'shell.info', version: app.getVersion(), autostart: autostart() });
  }

  /** Finds or starts an engine, then connects the shell itself and the window to it. */
  async #reach(): Promise<void> {
    if (this.#opening || this.#client || this.#quitting !== 'no') return;
    this.#opening = true;
    await this.#engine?.stop(false);
    this.#engine = null;
    const opened = await openEngine({ stateDir: this.#options.stateDir, onStop: () => void this.#stopped() });
    this.#opening = false;
    if (!opened.ok) {
      this.#lost(opened.error);
      // Another program that is just starting or ending: only that passes by itself.
      if (opened.error.code === 'engine-busy') setTimeout(() => void this.#reach(), RETRY_MS);
      return;
    }
    this.#engine = opened.value;
    this.#failure = null;
    const carrier = await opened.value.connect();
    if (!carrier.ok) return this.#lost(carrier.error);
    this.#follow(new Client(carrier.value, { client: `desktop ${app.getVersion()}` }));
    if (this.#bridge) void this.#join(this.#bridge);
  }

  async #join(bridge: Bridge): Promise<void> {
    const carrier = await this.#engine?.connect();
    if (carrier?.ok && this.#bridge === bridge) bridge.use(carrier.value);
  }

  #follow(client: Client): void {
    this.#client = client;
    client.watch('state', (state) => this.#show(state));
    client.onEnd((failure) => {
      if (this.#client !== client) return;
      this.#client = null;
      const attached = this.#engine?.attached;
      this.#lost(failure);
      // A daemon that was restarted is found again; if it is gone for good, the engine runs here.
      if (attached) setTimeout(() => void this.#reach(), RETRY_MS);
    });
  }

  #show(state: State): void {
    const first = this.#state === null;
    this.#state = state;
    nativeTheme.themeSource = state.settings.theme;
    this.#tray.update(state);
    if (first && state.settings.startMinimised && this.#trayShown && !this.#window?.isFocused()) this.#window?.hide();
  }

  #lost(failure: Failure): void {
    this.#failure = failure;
    this.#tray.update(null);
    this.#bridge?.lose(failure);
  }

  /** Somebody stopped the own engine: the window says so, and can start it again. */
  async #stopped(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    this.#client?.close();
    this.#client = null;
    await engine?.stop(true);
    this.#lost({ code: 'engine-unreachable' });
  }

  #act(action: TrayAction): void {
    switch (action.do) {
      case 'open':
        this.open(null);
        return;
      case 'quit':
        return this.#quit();
      case 'copy':
        // Newer versions of Electron return a promise.
        void clipboard.writeText(action.text);
        return;
      case 'invite':
      case 'settings':
        this.#tell({ type: 'shell.show', page: action.do });
        this.open(null);
        return;
      case 'toggle': {
        const params = action.networkId === null ? {} : { network: action.networkId };
        void this.#client?.call(action.on ? 'network.up' : 'network.down', params);
      }
    }
  }
}
