// A plain sender: numbered datagrams to a unicast, multicast or broadcast address, paced, then prints {"sent":n}.
//   send.mjs --to ADDR --port P [--interface NAME|IP] [--count N] [--rate PER_SECOND] [--size BYTES] [--bind ADDR] [--ttl N] [--first N]
import dgram from 'node:dgram';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    to: { type: 'string' },
    port: { type: 'string' },
    interface: { type: 'string' },
    count: { type: 'string', default: '1' },
    rate: { type: 'string', default: '200' },
    size: { type: 'string', default: '64' },
    bind: { type: 'string' },
    ttl: { type: 'string', default: '16' },
    first: { type: 'string', default: '0' },
  },
});
const six = values.to.includes(':');
const socket = dgram.createSocket({ type: six ? 'udp6' : 'udp4', reuseAddr: true, sendBufferSize: 4 << 20 });
socket.bind(0, values.bind, () => {
  socket.setBroadcast(true);
  socket.setMulticastTTL(Number(values.ttl));
  socket.setMulticastLoopback(false);
  if (values.interface) socket.setMulticastInterface(values.interface);
  const total = Number(values.count);
  const perMs = Number(values.rate) / 1000;
  const started = performance.now();
  let sent = 0;
  const tick = () => {
    const due = Math.min(total, 1 + Math.floor((performance.now() - started) * perMs));
    for (; sent < due; sent++) {
      const message = Buffer.alloc(Number(values.size));
      if (message.length >= 4) message.writeUInt32BE(Number(values.first) + sent, 0);
      socket.send(message, Number(values.port), values.to, (error) => error && process.stderr.write(`${error}\n`));
    }
    if (sent < total) return void setTimeout(tick, 1);
    setTimeout(() => process.stdout.write(`{"sent":${sent}}\n`, () => process.exit(0)), 50);
  };
  tick();
});
