// Asks for one name by mDNS through the adapter whose IPv4 address is given, or, by IPv6, whose name is ("%weft0"); prints the address that
// comes back.
import dgram from 'node:dgram';

const [name, by] = process.argv.slice(2);
const ipv6 = by.startsWith('%');
const group = ipv6 ? 'ff02::fb' : '224.0.0.251';
const way = ipv6 ? `::${by}` : by;
const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
const query = Buffer.concat([
  Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  ...labels,
  Buffer.from([0, 0, 1, 0, 1]),
]);
const socket = dgram.createSocket({ type: ipv6 ? 'udp6' : 'udp4', reuseAddr: true, ipv6Only: ipv6 });
socket.on('message', (message) => {
  const answers = message.readUInt16BE(6);
  if (!(message[2] & 0x80) || answers === 0 || !message.includes(labels[0])) return;
  // The A record's four bytes are the last ones after type 1, class, ttl and length 4.
  for (let at = 12; at + 14 <= message.length; at++)
    if (
      message.readUInt16BE(at) === 1 &&
      message.readUInt16BE(at + 8) === 4 &&
      (message.readUInt16BE(at + 2) & 0x7fff) === 1
    ) {
      process.stdout.write(`${[...message.subarray(at + 10, at + 14)].join('.')}\n`, () => process.exit(0));
      return;
    }
});
socket.bind(5353, () => {
  socket.addMembership(group, way);
  socket.setMulticastInterface(way);
  socket.setMulticastTTL(255);
  socket.send(query, 5353, group);
  setTimeout(() => process.exit(1), 1500);
});
