// Three members, one LAN. `npm run demo` starts this; arguments: means (root | user namespace | loopback), UI port, UI socket.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinAll } from '../../test/netns/support/lan.ts';
import { Lab } from '../../test/netns/support/lab.ts';
import { projectRoot, run, start, until, type Running } from '../../test/netns/support/shell.ts';

const [means, port = '0', door = ''] = process.argv.slice(2);
const NAMES = ['anna', 'ben', 'cleo'];
const GROUP = '239.1.1.1';
const stopped = new Promise<void>((settle) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => settle());
});
const say = (text: string) => process.stdout.write(`${text}\n`);
const cli = join(projectRoot, 'dist/cli/weft.cjs');

async function inNamespaces(): Promise<void> {
  say('Making three hosts, each in a network namespace, joined by a switch …');
  const lab = await Lab.create({ hosts: NAMES });
  try {
    const [anna, ...others] = NAMES.map((name) => lab.host(name));
    if (!anna) return;
    await anna.startDaemon({ args: ['--ui', `127.0.0.1:${port}`] });
    await Promise.all(others.map((host) => host.startDaemon()));
    say('anna creates the network “home”, ben and cleo join by a link each …');
    await joinAll(lab, NAMES);
    anna.program('forward', door, port);
    const receivers: [string, Running][] = [];
    for (const host of others) {
      const { ipv4 } = await host.overlay();
      receivers.push([
        host.name,
        host.program('receive', '--group', GROUP, '--interface', ipv4, '--port', '4000', '--live'),
      ]);
    }
    const { ipv4 } = await anna.overlay();
    anna.program(
      'send',
      '--to',
      GROUP,
      '--interface',
      ipv4,
      '--port',
      '4000',
      '--count',
      '1000000',
      '--rate',
      '100',
      '--size',
      '1000',
    );
    const { members } = await anna.network();
    for (const member of members) say(`  ${member.name.padEnd(6)} ${member.addresses.join('  ')}`);
    announce(anna.daemon);
    await show(receivers);
  } finally {
    say('\nRemoving the hosts …');
    await lab.close();
  }
}

function announce(daemon: Running | null): void {
  const address = /http:\/\/\S+/.exec(daemon?.stdout ?? '')?.[0];
  say(`\nThe window of anna: ${address ?? '(no address)'}\n`);
}

/** Counts what plain sockets on the other hosts receive, once a second, until Ctrl+C. */
async function show(receivers: [string, Running][]): Promise<void> {
  say(`anna sends 100 packets a second to ${GROUP}; plain sockets on the others receive (Ctrl+C ends):`);
  let over = false;
  void stopped.then(() => (over = true));
  const before = new Map<string, number>();
  while (!over) {
    await Promise.race([stopped, new Promise((settle) => setTimeout(settle, 1000))]);
    const cells = receivers.map(([name, receiver]) => {
      const lines = receiver.stdout.split('\n').length;
      const fresh = lines - (before.get(name) ?? lines);
      before.set(name, lines);
      // Keeps the memory of a long demo flat.
      if (receiver.stdout.length > 4_000_000) {
        receiver.stdout = '';
        before.set(name, 0);
      }
      return `${name} ${String(Math.max(0, fresh)).padStart(4)}/s`;
    });
    process.stdout.write(`\r  ${cells.join('   ')}   `);
  }
}

async function overLoopback(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-demo-'));
  const daemons: Running[] = [];
  const weft = (name: string, ...args: string[]) =>
    run(process.execPath, [cli, args[0] ?? '', '--state', join(folder, name), ...args.slice(1)]);
  try {
    for (const name of NAMES) {
      mkdirSync(join(folder, name), { mode: 0o700 });
      const ui = name === 'anna' ? '127.0.0.1:0' : 'none';
      const args = [cli, 'daemon', '--state', join(folder, name), '--adapter', 'none', '--ui', ui];
      daemons.push(start(process.execPath, args, { env: { WEFT_DEVICE_NAME: name } }));
      await until(`${name} answers`, 10_000, async () => (await weft(name, 'status', '--json')).code === 0);
    }
    await weft('anna', 'create', 'home');
    for (const name of NAMES.slice(1)) {
      const { stdout } = await weft('anna', 'invite');
      const joined = await weft(name, 'join', stdout.trim());
      if (joined.code !== 0) throw new Error(joined.stderr);
    }
    say((await weft('anna', 'members')).stdout);
    announce(daemons[0] ?? null);
    await stopped;
  } finally {
    for (const daemon of daemons) await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await (means === 'loopback' ? overLoopback() : inNamespaces());
process.exit(0);
