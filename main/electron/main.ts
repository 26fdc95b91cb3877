// The desktop app: one instance, one window, a tray, and the engine of this state folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { app } from 'electron';
import { packageRoot } from '../host/addon.ts';
import { createLog } from '../host/log.ts';
import { defaultStateDir } from '../host/paths.ts';
import { registerScheme } from './app-scheme.ts';
import { linkFromArguments, validLink } from './deep-link.ts';
import { Shell } from './shell.ts';

/** Electron would stop the whole program behind a dialog: the engine's traffic and the window go on, and the log says what happened. */
function surviveErrors(): void {
  const log = createLog();
  const tell = (error: unknown): void =>
    log.write('error', 'internal error', {
      why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  process.on('uncaughtException', tell);
  process.on('unhandledRejection', tell);
}

function begin(): void {
  surviveErrors();
  const stateDir = defaultStateDir();
  // The browser's own files lie in the state folder too: one instance for each state folder, and nothing anywhere else.
  const profile = join(stateDir, 'desktop');
  mkdirSync(profile, { recursive: true, mode: 0o700 });
  app.setPath('userData', profile);
  registerScheme();
  if (!app.requestSingleInstanceLock()) return app.quit();
  const shell = new Shell({ root: packageRoot(), stateDir });
  // In development the program is Electron, and scripts/start.mjs says where links go.
  if (app.isPackaged) app.setAsDefaultProtocolClient('weft');
  app.on('second-instance', (_event, argv) => shell.open(linkFromArguments(argv)));
  app.on('open-url', (event, url) => {
    event.preventDefault();
    shell.open(validLink(url));
  });
  app.on('activate', () => shell.open(null));
  app.on('window-all-closed', () => shell.windowClosed());
  app.on('before-quit', (event) => shell.beforeQuit(event));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => app.quit());
  void app.whenReady().then(() => shell.start(linkFromArguments(process.argv)));
}

begin();
