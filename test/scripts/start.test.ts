// `npm start` where there is no window, and `npm run demo`, for real.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { clear, pathOf, root } from './support.ts';

const built = existsSync(join(root, 'dist/cli/weft.cjs')) && existsSync(join(root, 'native/addon/weft.node'));
if (!built) console.log('skipped: npm start: not built (npm run build)');
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const DEMO_MS_MAX = 60_000;
/** Set-up has been done; the compilers of whoever did it need not be this user's. */
const COMPILERS = ['cargo', 'rustc', 'cc'];

let child: ChildProcess | null = null;
let folder = '';
let removeTools = (): void => undefined;
let said = '';
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((settle) => child?.once('exit', settle));
    child.kill('SIGKILL');
    await gone;
  }
  removeTools();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function launch(command: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  said = '';
  const running = spawn(command, args, {
    cwd: root,
    env: { ...process.env, WEFT_DISCOVERY: 'none', WEFT_LOG: 'error', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [running.stdout, running.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  child = running;
  return running;
}

async function ended(running: ChildProcess): Promise<number | null> {
  if (running.exitCode === null && running.signalCode === null)
    await new Promise((settle) => running.once('exit', settle));
  return running.exitCode;
}

describe.skipIf(!built)('npm start without a window', () => {
  it('prints an address that answers, says what this user lacks, once, and ends when told', async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-start-'));
    const state = join(folder, 'state');
    mkdirSync(state, { mode: 0o700 });
    // Somebody without rights: what start.mjs launches there, for whom set-up has been done.
    if (isRoot) for (const path of [folder, state]) chownSync(path, NOBODY, NOBODY);
    const [command, ...before] = isRoot
      ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs', process.execPath]
      : [process.execPath];
    const args = ['scripts/start.mjs', '--state', state, '--ui', '127.0.0.1:0', '--listen', '127.0.0.1:0'];
    const tools = pathOf(COMPILERS);
    chmodSync(tools.path, 0o755);
    removeTools = tools.remove;
    const PATH = `${tools.path}:${process.env['PATH']}`;
    const running = launch(command as string, [...before, ...args], { WEFT_NO_ELECTRON: '1', HOME: folder, PATH });
    const address = await vi.waitUntil(() => /http:\/\/127\.0\.0\.1:\d+\/#\S+/.exec(said)?.[0], {
      timeout: 25_000,
    });
    expect(said).toMatch(/starting Weft without a window/);
    const page = await fetch(address);
    expect(page.status).toBe(200);
    expect(await page.text()).toMatch(/<div id="root"/);
    await vi.waitUntil(() => /^weft: The helper is not running/m.test(said), { timeout: 10_000 });
    running.kill('SIGTERM');
    expect(await ended(running), said).toBe(0);
    expect(said.match(/The helper is not running/g)).toHaveLength(1);
    expect(said).toMatch(/start it as the README says/);
    clear(said);
  });
});

const lan = isRoot && existsSync('/dev/net/tun') && spawnSync('ip', ['-V']).status === 0;
if (!lan) console.log('skipped: npm run demo: needs root, /dev/net/tun and iproute2');
/** An ordinary user of a desktop: everybody may open /dev/net/tun there, and have user namespaces. */
const asUser = (path: string): [string, ...string[]] => [
  'unshare',
  '-m',
  'sh',
  '-c',
  'mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"',
  'sh',
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  'env',
  `PATH=${path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
  process.execPath,
];
const userNamespaces =
  lan && spawnSync('setpriv', [`--reuid=${NOBODY}`, '--clear-groups', 'unshare', '-Urnm', 'true']).status === 0;
if (lan && !userNamespaces) console.log('skipped: the demo of an ordinary user: no user namespaces here');

describe.skipIf(!built || !lan)('npm run demo', () => {
  const both = () =>
    [...said.matchAll(/ben +(\d+)\/s +cleo +(\d+)\/s/g)].some(([, ben, cleo]) => Number(ben) > 0 && Number(cleo) > 0);

  async function shows(command: string, args: string[]): Promise<void> {
    const started = Date.now();
    const running = launch(command, [...args, 'scripts/demo.mjs']);
    await vi.waitUntil(() => both() || running.exitCode !== null, { timeout: DEMO_MS_MAX, interval: 100 });
    expect(both(), said).toBe(true);
    expect(Date.now() - started).toBeLessThan(DEMO_MS_MAX);
    const page = await fetch(/http:\/\/127\.0\.0\.1:\d+\/#\S+/.exec(said)?.[0] ?? '');
    expect(page.status).toBe(200);
    running.kill('SIGTERM');
    expect(await ended(running), said).toBe(0);
    expect(said).toMatch(/Removing the hosts/);
    clear(said);
  }

  it('shows live multicast within a minute, as root', { timeout: 90_000 }, () => shows(process.execPath, []));

  it.skipIf(!userNamespaces)('and as an ordinary user', { timeout: 90_000 }, async () => {
    const tools = pathOf(COMPILERS);
    chmodSync(tools.path, 0o755);
    removeTools = tools.remove;
    const [command, ...args] = asUser(tools.path);
    await shows(command, args);
    expect(said).not.toMatch(/over loopback/);
  });
});
