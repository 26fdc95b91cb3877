// Streams between hosts: TCP by iperf3, datagrams by native/bench-tool.
import { join } from 'node:path';
import type { Host } from '../netns/support/host.ts';
import { run, until, type Running } from '../netns/support/shell.ts';
import { pause } from './probe.ts';
import { benchTarget } from './plaintext.ts';
import type { Trial } from './statistics.ts';

const tool = join(benchTarget, 'release/weft-traffic');
export const PORT = 5099;
/** Loss below which a rate counts as carried. */
const LOSS_MAX = 0.01;
/** A sender below this share of what it was asked for is at its own limit. */
const REACHED_MIN = 0.9;
const SETTLE_MS = 60;
const SETTLE_MS_MAX = 1500;

/** Cargo skips what is built; throws when it cannot be built. */
export async function buildTool(): Promise<void> {
  const args = ['build', '--release', '--locked', '--manifest-path', 'native/Cargo.toml', '-p', 'weft-bench-tool'];
  const made = await run('cargo', args, { env: { CARGO_TARGET_DIR: benchTarget }, timeoutMs: 300_000 });
  if (made.code !== 0) throw new Error(made.stderr);
}

export interface Stream {
  bits: number;
  bytes: number;
}

/** One iperf3 run of TCP from `a` to an address of `b`. */
export async function tcp(a: Host, b: Host, address: string, seconds: number, ...extra: string[]): Promise<Stream> {
  const server = b.start(['iperf3', '-s', '-1', '-B', address, '--forceflush']);
  await server.says(/Server listening/, 5000);
  try {
    const args = ['iperf3', '-c', address, '-t', String(seconds), '-J', '--connect-timeout', '3000', ...extra];
    const output = await a.must(args, (seconds + 15) * 1000);
    const { sum_received: sum } = JSON.parse(output).end as {
      sum_received: { bits_per_second: number; bytes: number };
    };
    await until('the server ended', 2000, () => server.ended !== null).catch(() => undefined);
    return { bits: sum.bits_per_second, bytes: sum.bytes };
  } finally {
    await server.stop();
  }
}

export interface Count {
  packets: number;
  unique: number;
  bytes: number;
}

/** A receiver of datagrams on one host. */
export class Receiver {
  private asked = 0;
  private constructor(private readonly program: Running) {}

  static async start(host: Host, size: number, more: { group?: string; via?: string; gro?: boolean } = {}) {
    const cast = more.group ? ['--group', more.group, '--via', more.via ?? host.ipv4] : [];
    const args = ['receive', '--port', String(PORT), '--size', String(size), ...cast];
    const program = host.start([tool, ...args, ...(more.gro ? ['--segment', '1'] : [])], { interactive: true });
    await program.says(/ready\n/, 5000);
    return new Receiver(program);
  }

  /** What came since the last reset. */
  async count(reset = false): Promise<Count> {
    this.program.child.stdin?.write(reset ? 'reset\n' : '\n');
    this.asked++;
    const lines = () => this.program.stdout.split('\n').slice(1, -1);
    await until('the receiver answers', 5000, () => lines().length >= this.asked, 2);
    return JSON.parse(lines()[this.asked - 1] ?? '{}') as Count;
  }

  async stop(): Promise<void> {
    await this.program.stop();
  }
}

export interface Shower {
  to: string;
  size: number;
  rate: number;
  seconds: number;
  /** Overlay address of the sender: where multicast goes out. */
  via: string;
  segment?: number;
}

export async function send(from: Host, { to, size, rate, seconds, via, segment }: Shower) {
  const paced = ['--rate', String(rate), '--seconds', String(seconds), '--size', String(size)];
  const where = ['--to', `${to}:${PORT}`, '--via', via, ...(segment ? ['--segment', String(segment)] : [])];
  const output = await from.must([tool, 'send', ...where, ...paced], (seconds + 10) * 1000);
  return JSON.parse(output) as { sent: number; refused: number; seconds: number };
}

export interface Carried {
  sent: number;
  seconds: number;
  /** Different packets that came, of all receivers together. */
  delivered: number;
  /** Share of packets that a receiver missed, on average. */
  loss: number;
}

/** Sends once and counts when the last has come. */
export async function shower(from: Host, receivers: Receiver[], what: Shower): Promise<Carried> {
  for (const receiver of receivers) await receiver.count(true);
  const { sent, seconds } = await send(from, what);
  let seen = -1;
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const counts = await Promise.all(receivers.map((receiver) => receiver.count()));
    const now = counts.reduce((sum, { unique }) => sum + unique, 0);
    if (now === seen || now === sent * receivers.length || Date.now() > deadline) {
      seen = now;
      break;
    }
    seen = now;
    await pause(SETTLE_MS);
  }
  return { sent, seconds, delivered: seen, loss: 1 - seen / Math.max(1, sent * receivers.length) };
}

/** A try for `highest`: reached are deliveries per second at less than 1 % loss; one bad try is repeated. */
export async function trial(from: Host, receivers: Receiver[], what: Shower): Promise<Trial> {
  for (let turn = 0; turn < 2; turn++) {
    const { sent, seconds, delivered, loss } = await shower(from, receivers, what);
    if (loss >= LOSS_MAX) continue;
    return { reached: delivered / seconds, more: sent >= what.rate * what.seconds * REACHED_MIN };
  }
  return { reached: null, more: false };
}

/** Waits until each receiver hears the group; false when one never does. */
export async function heard(from: Host, receivers: Receiver[], what: Shower, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    await send(from, { ...what, rate: 50, seconds: 0.2 });
    const counts = await Promise.all(receivers.map((receiver) => receiver.count()));
    if (counts.every(({ unique }) => unique > 0)) return true;
  }
  return false;
}
