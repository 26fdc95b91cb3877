// SSDP with plain sockets. `answer` plays a media server, `search` a player; both only choose the adapter's address.
import dgram from 'node:dgram';

const [mode, address] = process.argv.slice(2);
const GROUP = '239.255.255.250';
const PORT = 1900;

if (mode === 'answer') {
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', (message, from) => {
    if (!message.toString().startsWith('M-SEARCH')) return;
    const reply = `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:MediaServer:1\r\nUSN: uuid:weft-test\r\nLOCATION: http://${address}:8200/\r\n\r\n`;
    socket.send(reply, from.port, from.address);
  });
  socket.bind(PORT, () => {
    socket.addMembership(GROUP, address);
    process.stdout.write('ready\n');
  });
} else {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => {
    process.stdout.write(`${JSON.stringify({ from: from.address, text: message.toString() })}\n`, () =>
      process.exit(0),
    );
  });
  socket.bind(0, address, () => {
    socket.setMulticastInterface(address);
    socket.setMulticastTTL(4);
    const search = `M-SEARCH * HTTP/1.1\r\nHOST: ${GROUP}:${PORT}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n`;
    socket.send(search, PORT, GROUP);
    setTimeout(() => process.exit(1), 3000);
  });
}
