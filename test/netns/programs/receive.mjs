// A plain multicast or broadcast receiver. Prints "ready", then one JSON line with what came when its input ends or on SIGTERM.
//   receive.mjs --port P [--group G] [--interface NAME|IP] [--source S] [--bind ADDR] [--live]
import dgram from 'node:dgram';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    group: { type: 'string' },
    interface: { type: 'string' },
    source: { type: 'string' },
    bind: { type: 'string' },
    live: { type: 'boolean' },
  },
});
const six = (values.group ?? values.bind ?? '').includes(':');
const socket = dgram.createSocket({ type: six ? 'udp6' : 'udp4', reuseAddr: true, recvBufferSize: 4 << 20 });
const seen = new Map();
const gaps = [];
let lastAt = 0;

socket.on('message', (message, from) => {
  const at = performance.now();
  if (lastAt && at - lastAt > 100) gaps.push(Math.round(at - lastAt));
  lastAt = at;
  const key = from.address.split('%')[0];
  const entry = seen.get(key) ?? { count: 0, unique: new Set(), bytes: 0 };
  entry.count++;
  entry.bytes += message.length;
  if (message.length >= 4) entry.unique.add(message.readUInt32BE(0));
  seen.set(key, entry);
  if (values.live)
    process.stdout.write(`from ${key} ${message.length >= 4 ? message.readUInt32BE(0) : '-'} ${message.length}\n`);
});
socket.bind(Number(values.port), values.bind, () => {
  if (values.group && values.source) socket.addSourceSpecificMembership(values.source, values.group, values.interface);
  else if (values.group) socket.addMembership(values.group, values.interface);
  process.stdout.write('ready\n');
});
process.on('SIGTERM', () => {
  const from = Object.fromEntries(
    [...seen].map(([address, e]) => [address, { count: e.count, unique: e.unique.size, bytes: e.bytes }]),
  );
  const count = [...seen.values()].reduce((sum, e) => sum + e.count, 0);
  process.stdout.write(`${JSON.stringify({ count, from, gaps })}\n`, () => process.exit(0));
});
