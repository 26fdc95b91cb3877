// What a dialled WebSocket puts on the wire: masked, as RFC 6455 wants of clients, by a key that changes nothing.
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dialStream } from '../../main/transports/dial.ts';
import { until } from '../contract/support/until.ts';
import { batchOf, numbered, watch } from './support/frames.ts';

/** What every handshake's key is hashed with (RFC 6455, 1.3). */
const HANDSHAKE = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** A final binary frame, and its length with the bit that says it is masked: one of 126 to 65,535 bytes says it in the two that follow. */
const HEAD = [0x82, 0x80 | 126];

let server: Server;
let port = 0;
let socket: Socket | undefined;
let bytes = Buffer.alloc(0);

beforeEach(async () => {
  bytes = Buffer.alloc(0);
  server = createServer();
  server.on('upgrade', (request, upgraded: Socket) => {
    socket = upgraded;
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${HANDSHAKE}`).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    upgraded.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    upgraded.on('data', (more: Buffer) => (bytes = Buffer.concat([bytes, more])));
    upgraded.on('error', () => {});
  });
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  port = (server.address() as { port: number }).port;
});
afterEach(async () => {
  socket?.destroy();
  await new Promise((settle) => server.close(settle));
});

it('is masked with a key of zeros: every batch travels as it is, and costs neither end a pass over its bytes', async () => {
  const result = await dialStream('ws', { host: '127.0.0.1', port, proxy: null }).result;
  if (!result.ok) throw new Error(result.code);
  const { io } = watch(result.io);
  const batches = [batchOf(numbered(1, 600), numbered(2, 900)), batchOf(numbered(3, 300))];
  for (const batch of batches) io.send(batch);
  const length = (batch: Uint8Array) => [batch.length >> 8, batch.length & 0xff];
  const wanted = Buffer.concat(
    batches.flatMap((batch) => [Buffer.from([...HEAD, ...length(batch), 0, 0, 0, 0]), Buffer.from(batch)]),
  );
  await until(() => bytes.length >= wanted.length);
  expect(bytes.equals(wanted)).toBe(true);
  io.close();
});
