// An HTTPS server that agrees to WebSocket upgrades: "101" for those, "plain" for everything else.
//   upgrade-server.mjs --port P --cert FILE --key FILE
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { port: { type: 'string' }, cert: { type: 'string' }, key: { type: 'string' } },
});
https
  .createServer({ cert: readFileSync(values.cert), key: readFileSync(values.key) }, (_, response) =>
    response.end('plain\n'),
  )
  .on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  })
  .listen(Number(values.port), () => process.stdout.write('ready\n'));
