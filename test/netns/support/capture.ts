// Records what is on the wire, packet by packet, and copies what a process knows: what an attacker has who sits on a network.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.ts';
import type { Lab } from './lab.ts';
import { must, projectRoot, start, type Running } from './shell.ts';

const CHUNK_BYTES = 4 << 20;

export interface Capture {
  file: string;
  running: Running;
}

/** Records the UDP packets on a host's cable. The host's kernel cuts runs of segments before they get there. */
export async function record(lab: Lab, host: Host): Promise<Capture> {
  await host.must(['ethtool', '-K', 'eth0', 'tx-udp-segmentation', 'off', 'gso', 'off', 'tso', 'off']);
  const file = join(lab.folder, `${host.name}.pcap`);
  const dump = [
    'tcpdump',
    '-i',
    `p${host.index}`,
    '-n',
    '-s',
    '0',
    '-B',
    '65536',
    '-U',
    '-Z',
    'root',
    '-w',
    file,
    'udp',
  ];
  const running = start('ip', ['netns', 'exec', lab.switchName, ...dump]);
  await running.says(/listening on/, 10_000);
  return { file, running };
}

/** Ends it and says how many packets it missed. */
export async function finish({ running }: Capture): Promise<number> {
  const { stderr } = await running.stop('SIGINT');
  return Number(/(\d+) packets? dropped by kernel/.exec(stderr)?.[1] ?? NaN);
}

/** Copies all memory that a process can write to into a file, while it stands still. */
export function copyMemory(pid: number, file: string): void {
  process.kill(pid, 'SIGSTOP');
  const [memory, out] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(file, 'w', 0o600)];
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (!match) continue;
      const end = Number.parseInt(match[2] as string, 16);
      for (let at = Number.parseInt(match[1] as string, 16); at < end; at += CHUNK_BYTES) {
        const bytes = readMemory(memory, chunk, at, Math.min(CHUNK_BYTES, end - at));
        if (bytes > 0) writeSync(out, chunk, 0, bytes);
      }
    }
  } finally {
    closeSync(memory);
    closeSync(out);
    process.kill(pid, 'SIGCONT');
  }
}

/** Some mappings cannot be read (of devices, say): they hold nothing. */
function readMemory(memory: number, chunk: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, chunk, 0, length, at);
  } catch {
    return 0;
  }
}

/** What native/session/examples/wiretap prints: [seen, opened] each. */
export interface Opened {
  /** Expanded AES keys found in memory. */
  schedules: number;
  candidates: number;
  /** Sender keys that opened frames handed over. */
  learned: number;
  hellos: [number, number];
  data: [number, number];
  casts: [number, number];
  hops: [number, number];
}

export interface Attack {
  captures: Capture[];
  /** Copies of memory. */
  memory?: string[];
  /** Files of a state folder. */
  secrets?: string[];
  /** X25519 secrets, hexadecimal. */
  statics?: string[];
  network?: string;
  /** Frames from or to these addresses are learned from, not counted. */
  without?: string[];
  afterMs?: number;
  beforeMs?: number;
}

const target = process.env['CARGO_TARGET_DIR'] ?? join(projectRoot, 'native/target');

/** In the profile and with the features of the Rust tests, which have built all of it but the linking. */
export async function buildWiretap(): Promise<void> {
  const manifest = ['--manifest-path', join(projectRoot, 'native/Cargo.toml')];
  await must('cargo', [
    'build',
    '-q',
    '--locked',
    '--profile',
    'tests',
    '--workspace',
    '--example',
    'wiretap',
    ...manifest,
  ]);
}

/** Opens what can be opened. */
export async function attack(options: Attack): Promise<Opened> {
  const each = (name: string, values: readonly (string | undefined)[] = []) =>
    values.flatMap((value) => (value === undefined ? [] : [name, value]));
  const seconds = (ms?: number) => (ms === undefined ? undefined : String(ms / 1000));
  const printed = await must(join(target, 'tests/examples/wiretap'), [
    ...each(
      '--capture',
      options.captures.map(({ file }) => file),
    ),
    ...each('--memory', options.memory),
    ...each('--secrets', options.secrets),
    ...each('--static', options.statics),
    ...each('--network', [options.network]),
    ...each('--without', options.without),
    ...each('--after', [seconds(options.afterMs)]),
    ...each('--before', [seconds(options.beforeMs)]),
  ]);
  return JSON.parse(printed) as Opened;
}
