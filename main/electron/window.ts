// The one window, closed to everything but the app's own files.
import { join } from 'node:path';
import { BrowserWindow, ipcMain, MessageChannelMain, nativeTheme, session, type Session } from 'electron';
import { portCarrier, type Carrier, type PortLike } from '../../app/contract/protocol/index.ts';
import { SHELL_PORT_MESSAGE } from '../../app/contract/shell-port.ts';
import { serveApp } from './app-scheme.ts';
import { APP_INDEX, mayNavigate, mayUse } from './policy.ts';

const BACKGROUND = { light: '#f4f2ee', dark: '#121617' };

export interface WindowOptions {
  /** The app's folder: dist/ and assets/ lie in it. */
  root: string;
  /** Each load of the page gets one port of its own. */
  onPort: (carrier: Carrier) => void;
}

/** Rules that hold for whatever a page tries, and the app's files. Once per run. */
export function prepareSession(root: string): Session {
  const ours = session.defaultSession;
  ours.setPermissionRequestHandler((_contents, permission, answer) => answer(mayUse(permission)));
  ours.setPermissionCheckHandler((_contents, permission) => mayUse(permission));
  serveApp(ours, join(root, 'dist/renderer'));
  return ours;
}

export function createWindow({ root, onPort }: WindowOptions): BrowserWindow {
  const window = new BrowserWindow({
    width: 1080,
    height: 760,
    minWidth: 420,
    minHeight: 360,
    show: false,
    title: 'Weft',
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    icon: join(root, 'assets/icons/256.png'),
    autoHideMenuBar: true,
    webPreferences: {
      preload: join(root, 'dist/electron/preload.cjs'),
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  harden(window);
  const { webContents } = window;
  const hand = (event: Electron.IpcMainEvent): void => {
    if (event.sender !== webContents || event.senderFrame?.url.split('#', 1)[0] !== APP_INDEX) return;
    const { port1, port2 } = new MessageChannelMain();
    webContents.postMessage(SHELL_PORT_MESSAGE, null, [port2]);
    onPort(portCarrier(port1 as unknown as PortLike));
  };
  ipcMain.on(SHELL_PORT_MESSAGE, hand);
  window.on('closed', () => ipcMain.off(SHELL_PORT_MESSAGE, hand));
  void window.loadURL(APP_INDEX);
  return window;
}

function harden({ webContents }: BrowserWindow): void {
  webContents.setWindowOpenHandler(() => ({ action: 'deny' }));
  const refuse = (event: { preventDefault: () => void }, url: string): void => {
    if (!mayNavigate(url)) event.preventDefault();
  };
  webContents.on('will-navigate', refuse);
  webContents.on('will-redirect', refuse);
  webContents.on('will-attach-webview', (event) => event.preventDefault());
}
