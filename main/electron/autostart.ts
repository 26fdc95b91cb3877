// Starting with the desktop session: an XDG autostart file on Linux, the system's login items elsewhere.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { app } from 'electron';

export const HIDDEN_FLAG = '--hidden';

/** Only a packaged app has a path that stays. null: cannot be arranged. */
export function autostart(): boolean | null {
  if (!app.isPackaged) return null;
  return process.platform === 'linux' ? existsSync(file()) : app.getLoginItemSettings().openAtLogin;
}

export function setAutostart(on: boolean): void {
  if (!app.isPackaged) return;
  if (process.platform !== 'linux') return app.setLoginItemSettings({ openAtLogin: on, args: [HIDDEN_FLAG] });
  if (!on) return rmSync(file(), { force: true });
  mkdirSync(dirname(file()), { recursive: true });
  writeFileSync(file(), autostartEntry(process.env['APPIMAGE'] ?? process.execPath));
}

function file(): string {
  const xdg = process.env['XDG_CONFIG_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.config'), 'autostart/weft.desktop');
}

/** Desktop Entry Specification: inside quotes, backslash, quote, backtick and dollar are escaped (and the backslash again). */
export function autostartEntry(program: string): string {
  const quoted = program
    .replace(/["`$\\]/g, '\\$&')
    .replace(/\\/g, '\\\\')
    .replace(/%/g, '%%');
  return `[Desktop Entry]\nType=Application\nName=Weft\nExec="${quoted}" ${HIDDEN_FLAG}\nX-GNOME-Autostart-enabled=true\n`;
}
