// Starting the helper alone with rights; the engine itself never has them.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, type Outcome } from '../../../app/contract/errors.ts';
import { packageRoot } from '../addon.ts';
import { SOCKET_PATH_BYTES_MAX } from '../paths.ts';
import { patience } from './patience.ts';

/** The unit that packages install. */
export const SYSTEM_SOCKET = '/run/weft/helper.sock';
/** Where packages put it: the path that polkit's policy names. */
const INSTALLED = '/usr/lib/weft/weft-helper';
const READY_TIMEOUT_MS = 5_000;
/** A person types a password meanwhile. */
const ASK_TIMEOUT_MS = 120_000;

export function helperBinary(env: NodeJS.ProcessEnv = process.env): string {
  if (env['WEFT_HELPER']) return env['WEFT_HELPER'];
  const resources = (process as { resourcesPath?: string }).resourcesPath;
  const packaged = resources ? [INSTALLED, join(resources, 'weft-helper')] : [];
  return packaged.find((path) => existsSync(path)) ?? join(packageRoot(), 'native/target/release/weft-helper');
}

/** `<state>/helper.sock`; where that is too long for a socket address, a folder named by the state folder's hash. */
export function ownSocket(stateDir: string): string {
  const path = join(stateDir, 'helper.sock');
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  const folder = `/run/weft-${createHash('sha256').update(stateDir).digest('hex').slice(0, 16)}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, 'helper.sock');
}

/** Who owns the adapters in the helper's eyes: the same after a restart of this state folder's engine. */
export const ownerOf = (stateDir: string): string =>
  createHash('sha256').update(`weft owner ${stateDir}`).digest('hex').slice(0, 32);

/**
 * Runs the helper until it listens. `ask`: a person is there to type a password. Fails with `helper-missing` {why}, `helper-refused` {why}.
 */
export async function startHelper(socket: string, ask: boolean): Promise<Outcome<void>> {
  const binary = helperBinary();
  try {
    accessSync(binary, constants.X_OK);
  } catch {
    return fail('helper-missing', { why: `${binary} is not there` });
  }
  const uid = process.getuid?.() ?? 0;
  const serve = ['serve', '--socket', socket, '--uid', String(uid), ...graceArguments()];
  if (uid === 0) return whenReady(launch(binary, serve), READY_TIMEOUT_MS);
  if (!ask) return fail('helper-missing', { why: 'it was not started' });
  const graphical = Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);
  if (graphical && existsSync('/usr/bin/pkexec'))
    return whenReady(launch('/usr/bin/pkexec', [binary, ...serve]), ASK_TIMEOUT_MS);
  if (existsSync('/usr/bin/sudo'))
    return whenReady(launch('/usr/bin/sudo', ['-n', binary, ...serve]), READY_TIMEOUT_MS);
  return fail('helper-missing', { why: 'neither pkexec nor sudo is installed' });
}

/** Tests shorten the grace time. */
function graceArguments(): string[] {
  const seconds = process.env['WEFT_HELPER_GRACE'];
  return seconds && /^\d{1,4}$/.test(seconds) ? ['--grace', seconds] : [];
}

/** In a session of its own: it must outlive the engine. */
const launch = (command: string, args: string[]): ChildProcess =>
  spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });

function whenReady(child: ChildProcess, timeoutMs: number): Promise<Outcome<void>> {
  return new Promise((settle) => {
    let said = '';
    const finish = (outcome: Outcome<void>): void => {
      stop();
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      settle(outcome);
    };
    const stop = patience(timeoutMs, () => finish(fail('helper-refused', { why: 'it did not start in time' })));
    child.stdout?.on('data', (text: Buffer) => {
      if (String(text).includes('ready')) finish(ok(undefined));
    });
    child.stderr?.on('data', (text: Buffer) => (said = `${said}${text}`.slice(-300)));
    child.on('error', (error) => finish(fail('helper-missing', { why: error.message })));
    child.on('exit', (code) => finish(fail('helper-refused', { why: said.trim() || `it ended with code ${code}` })));
  });
}
