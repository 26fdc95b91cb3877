// npm run demo: the main job on one machine. Three members in namespaces of their own (as root, or inside a user namespace where the
// system allows that), live multicast between them, and the UI of one in your browser. Ctrl+C ends it and leaves nothing behind.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { has, root, say, stop } from './lib/run.mjs';
import { setup } from './setup.mjs';

setup();
const outfile = join(root, 'dist/demo/main.mjs');
await build({
  entryPoints: [join(root, 'examples/demo/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
  define: { 'import.meta.dirname': JSON.stringify(join(root, 'test/netns/support')) },
});

/** How the members get networks of their own: as root, by a user namespace, or not at all (adapterless over loopback). */
function means() {
  if (process.platform !== 'linux') return 'loopback';
  if (process.getuid() === 0) return 'root';
  if (!has('unshare') || !has('ip')) return 'loopback';
  const probe = spawnSync('unshare', [
    '-Urnm',
    'sh',
    '-c',
    'mount -t tmpfs tmpfs /run && ip tuntap add dev t0 mode tap',
  ]);
  return probe.status === 0 ? 'user namespace' : 'loopback';
}

// The members' namespaces have a loopback of their own: connections of the browser are handed through a Unix socket.
const folder = mkdtempSync(join(tmpdir(), 'weft-demo-'));
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
    ? [
        'unshare',
        [
          '-Urnm',
          'sh',
          '-c',
          'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && exec "$@"',
          'sh',
          process.execPath,
          ...args,
        ],
      ]
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
