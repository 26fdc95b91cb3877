// Hands connections on a Unix socket to a port on this host's loopback.   forward.mjs SOCKET PORT
import { connect, createServer } from 'node:net';
import { rmSync } from 'node:fs';

const [path, port] = process.argv.slice(2);
rmSync(path, { force: true });
createServer((client) => {
  const inner = connect(Number(port), '127.0.0.1');
  for (const [from, to] of [
    [client, inner],
    [inner, client],
  ]) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}).listen(path);
