// Where things are: the state folder and what lies in it. The CLI, the daemon and the desktop app agree by asking here.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';

/** sun_path holds 108 bytes with its end; some systems 104. */
export const SOCKET_PATH_BYTES_MAX = 100;

/**
 * The default state folder: as root /var/lib/weft, otherwise `$XDG_STATE_HOME/weft`, else `~/.local/state/weft`
 * (macOS: `~/Library/Application Support/Weft`, Windows: `%LOCALAPPDATA%\Weft`). `$WEFT_STATE` overrides all of them.
 */
export function defaultStateDir(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): string {
  if (env['WEFT_STATE']) return resolve(env['WEFT_STATE']);
  if (process.platform === 'darwin') return join(homedir(), 'Library/Application Support/Weft');
  if (process.platform === 'win32') return join(env['LOCALAPPDATA'] ?? homedir(), 'Weft');
  if (uid === 0) return '/var/lib/weft';
  const xdg = env['XDG_STATE_HOME'];
  // The XDG rules: relative values are to be ignored.
  return xdg && isAbsolute(xdg) ? join(xdg, 'weft') : join(homedir(), '.local/state/weft');
}

export interface StatePaths {
  dir: string;
  /** Who runs the engine; see lock.ts. */
  lock: string;
  /** The engine's Unix socket, mode 0600 in a folder of mode 0700. */
  socket: string;
}

/** What lies in a state folder besides the store's files. */
export function statePaths(stateDir: string): StatePaths {
  const dir = resolve(stateDir);
  return { dir, lock: join(dir, 'lock'), socket: socketPath(dir) };
}

/**
 * `<state>/engine.sock`; where that is too long for a socket address, in a folder named by the state folder's owner and hash. Nothing
 * of the environment is in it, so that daemon and clients agree.
 */
function socketPath(dir: string): string {
  const path = join(dir, 'engine.sock');
  if (process.platform === 'win32') return `\\\\.\\pipe\\weft-${shortHash(dir)}`;
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  const uid = ownerOf(dir) ?? process.getuid?.() ?? 0;
  return join(uid === 0 ? '/run' : '/tmp', `weft-${uid}-${shortHash(dir)}`, 'engine.sock');
}

/** The user that a path belongs to; null when it does not exist. */
const ownerOf = (path: string): number | null => statSync(path, { throwIfNoEntry: false })?.uid ?? null;

/** Whether a socket is where only the state folder's owner can have put it; in /tmp anybody could have made the folder first. */
export function isOwnSocket({ dir, socket }: StatePaths): boolean {
  return process.platform === 'win32' || dirname(socket) === dir || ownerOf(dirname(socket)) === ownerOf(dir);
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
