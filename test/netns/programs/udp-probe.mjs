// A plain UDP socket under control from outside: each line of standard input is "PORT ADDRESS TEXT" to send; what comes is printed as
// "got ADDRESS PORT TEXT". With --echo it also answers with what it saw: "seen ADDRESS PORT".
//   udp-probe.mjs --port P [--bind ADDR] [--echo]
import dgram from 'node:dgram';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { port: { type: 'string' }, bind: { type: 'string' }, echo: { type: 'boolean' } },
});
const socket = dgram.createSocket((values.bind ?? '').includes(':') ? 'udp6' : 'udp4');
socket.on('message', (message, { address, port }) => {
  process.stdout.write(`got ${address} ${port} ${message}\n`);
  if (values.echo) socket.send(`seen ${address} ${port}`, port, address);
});
socket.bind(Number(values.port), values.bind, () => process.stdout.write('ready\n'));
createInterface({ input: process.stdin }).on('line', (line) => {
  const [port, address, ...words] = line.split(' ');
  socket.send(
    words.join(' '),
    Number(port),
    address,
    (error) => error && process.stdout.write(`error ${error.code}\n`),
  );
});
