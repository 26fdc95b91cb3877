// What a protocol analyser makes of a recorded TCP port: Wireshark's own dissectors, none of ours.
import { existsSync } from 'node:fs';
import { run, start, type Running } from './shell.ts';
import type { Internet } from './internet.ts';

const TSHARK = '/usr/bin/tshark';
const TCPDUMP = '/usr/bin/tcpdump';

/** Reason why nothing can be analysed here, or null. */
export function whyNoTshark(): string | null {
  if (!existsSync(TSHARK)) return 'tshark is missing';
  return existsSync(TCPDUMP) ? null : 'tcpdump is missing';
}

export interface Recording {
  file: string;
  running: Running;
}

/** Records TCP that passes a port of the internet's router. */
export async function recordTcp(internet: Internet, port: string, file: string): Promise<Recording> {
  const dump = [TCPDUMP, '-i', port, '-n', '-s', '0', '-B', '16384', '-U', '-Z', 'root', '-w', file, 'tcp'];
  const running = start('ip', ['netns', 'exec', internet.router.namespace, ...dump]);
  await running.says(/listening on/, 10_000);
  return { file, running };
}

/** Rows of fields of the frames that match; `decode`: what port 443 carries, where it is not what 443 usually does. */
export async function dissect(
  { file }: Recording,
  filter: string,
  fields: string[],
  decode: 'tls' | 'http' = 'tls',
): Promise<string[][]> {
  const each = fields.flatMap((field) => ['-e', field]);
  const how = ['-2', '-n', '-d', `tcp.port==443,${decode}`, '-Y', filter, '-T', 'fields', ...each];
  const { code, stdout, stderr } = await run(TSHARK, ['-r', file, ...how], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`tshark: ${stderr}`);
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => line.split('\t'));
}

/** TCP payloads that no dissector understood: neither a message nor a part of one. */
export async function unexplained(recording: Recording, decode: 'tls' | 'http'): Promise<number> {
  // What was cut off by the recording's end or came twice belongs to no message.
  const odd = 'tcp.len > 0 && !tcp.reassembled_in && !tcp.analysis.retransmission && !tcp.analysis.keep_alive';
  const understood = decode === 'tls' ? 'tls' : 'http || websocket';
  const rows = await dissect(recording, `${odd} && !(${understood})`, ['frame.number'], decode);
  const broken = await dissect(recording, '_ws.malformed', ['frame.number'], decode);
  return rows.length + broken.length;
}

const RECORD_HEADER = 5;
/** RFC 8446, 5.2. */
const RECORD_BYTES_MAX = 16_384 + 256;

/** Ways of TCP connections, and how many of them are TLS records from the first byte to the last one recorded. */
export async function tlsWays(recording: Recording): Promise<{ ways: number; pure: number }> {
  const fields = ['tcp.stream', 'tcp.srcport', 'tcp.seq', 'tcp.payload'];
  const ways = new Map<string, { next: number; parts: Buffer[] }>();
  for (const [stream, from, seq, payload] of await dissect(recording, 'tcp.len > 0', fields)) {
    const way = ways.get(`${stream} ${from}`) ?? { next: 1, parts: [] };
    ways.set(`${stream} ${from}`, way);
    const bytes = Buffer.from((payload ?? '').replaceAll(':', ''), 'hex');
    // What came twice is taken once; nothing is lost on these cables.
    const fresh = bytes.subarray(Math.max(0, way.next - Number(seq)));
    way.next += fresh.length;
    way.parts.push(fresh);
  }
  const pure = [...ways.values()].filter(({ parts }) => isRecords(Buffer.concat(parts)));
  return { ways: ways.size, pure: pure.length };
}

function isRecords(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length;) {
    // The recording may end inside of the last one.
    if (bytes.length - at < RECORD_HEADER) return at > 0;
    const [kind, major, length] = [bytes[at] as number, bytes[at + 1], bytes.readUInt16BE(at + 3)];
    if (kind < 20 || kind > 23 || major !== 3 || length > RECORD_BYTES_MAX) return false;
    at += RECORD_HEADER + length;
  }
  return bytes.length > 0;
}
