// npm run demo: the main job on one machine. Three members in namespaces of their own (as root, or inside a user namespace where the
// system allows that), live multicast between them, and the UI of one in your browser. Ctrl+C ends it and leaves nothing behind.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram, fromNetns } from './lib/bundle-program.mjs';
import { has, root, say, stop } from './lib/run.mjs';
import { setup } from './setup.mjs';

await setup();

/**
 * In a user namespace: /run and /etc of its own, as named namespaces and their hosts files lie there. What was in /etc stays reachable.
 * Whatever of this a system forbids shows in the probe, which does as the demo does.
 */
const OWN_PLACES = [
  'mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/etc && mount --rbind /etc /run/etc && mount -t tmpfs tmpfs /etc',
  'ln -s /run/etc/* /etc/ && rm -f /etc/netns && mkdir /etc/netns',
].join(' && ');
const PROBE = 'ip netns add probe && ip netns exec probe ip tuntap add dev t0 mode tap';
const inUserNamespace = (script, ...args) => ['-Urnm', 'sh', '-c', `${OWN_PLACES} && ${script}`, 'sh', ...args];

/** How the members get networks of their own: as root, by a user namespace, or not at all (adapterless over loopback). */
function means() {
  if (process.platform !== 'linux') return 'loopback';
  if (process.getuid() === 0) return 'root';
  if (!has('unshare') || !has('ip')) return 'loopback';
  return spawnSync('unshare', inUserNamespace(PROBE)).status === 0 ? 'user namespace' : 'loopback';
}

// The members' namespaces have a loopback of their own: connections of the browser are handed through a Unix socket.
const folder = mkdtempSync(join(tmpdir(), 'weft-demo-'));
const outfile = await bundleProgram('examples/demo/main.ts', join(folder, 'main.mjs'), fromNetns);
const door = join(folder, 'ui.sock');
const server = createServer((client) => {
  const inner = connect(door);
  for (const [from, to] of [
    [client, inner],
    [inner, client],
  ]) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
});
await new Promise((settle) => server.listen(0, '127.0.0.1', settle));
const { port } = server.address();
const how = means();
if (how === 'loopback')
  say(
    'no root and no user namespaces here: three members without adapters over loopback. For live multicast run it as root.',
  );
const args = [outfile, how, String(port), door];
const [command, all] =
  how === 'user namespace'
    ? ['unshare', inUserNamespace('exec "$@"', process.execPath, ...args)]
    : [process.execPath, args];
const child = spawn(command, all, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, WEFT_LOG: process.env.WEFT_LOG ?? 'warn' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill('SIGTERM'));
child.on('error', (error) => stop(`The demo could not start: ${error.message}.`));
child.on('exit', (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 1);
});
