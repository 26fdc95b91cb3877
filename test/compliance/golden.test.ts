// Streams and requests as they are on the wire: vectors of version 1. WEFT_GOLDEN=write makes the file anew: only for a new version.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, request } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openPolling } from '../../main/transports/polling-client.ts';
import { PollingServer } from '../../main/transports/polling-server.ts';
import { streamLink } from '../../main/transports/stream-link.ts';
import type { LinkIo } from '../../main/transports/transport.ts';

const FILE = join(import.meta.dirname, '../golden/transports/v1.json');
/** Two frames. */
const BATCH = Uint8Array.of(0, 3, 1, 2, 3, 0, 1, 0xff);
const nothing = { onBatch: () => undefined, onDrain: () => undefined, onClose: () => undefined };
const idle = new AbortController().signal;

interface Vectors {
  /** What a dialler says on a raw stream. */
  stream: string;
  /** The dialler's requests: method and target, body. */
  requests: [string, string][];
  /** The listener's answer to the second poll of a session: a batch. */
  answer: string;
}

const listening = (server: { listen(port: number, host: string, done: () => void): unknown; address(): unknown }) =>
  new Promise<number>((settle) => server.listen(0, '127.0.0.1', () => settle((server.address() as AddressInfo).port)));

async function stream(): Promise<string> {
  let heard: (text: string) => void;
  const said = new Promise<string>((settle) => (heard = settle));
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.length >= 2 + BATCH.length) heard(bytes.toString('hex'));
    });
    socket.on('error', () => undefined);
  });
  const port = await listening(server);
  const socket = connect(port, '127.0.0.1');
  await new Promise((settle) => socket.once('connect', settle));
  const link = streamLink(socket, { transport: 'tcp', endpoint: 'x', dialled: true });
  link.start(nothing);
  link.send(BATCH);
  const text = await said;
  link.close();
  server.close();
  return text;
}

/** An engine.io server that says only what it must. */
async function requests(): Promise<[string, string][]> {
  const seen: [string, string][] = [];
  let done: () => void;
  const all = new Promise<void>((settle) => (done = settle));
  const server = createHttp((asked, answer) => {
    let body = '';
    asked.on('data', (data) => (body += String(data)));
    asked.on('end', () => {
      seen.push([`${asked.method} ${asked.url}`, body]);
      if (asked.method === 'POST') answer.end('ok');
      if (seen.length === 1)
        answer.end('0{"sid":"one","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}');
      if (asked.method === 'POST') done();
    });
  });
  const port = await listening(server);
  const opened = await openPolling('http', { host: '127.0.0.1', port, proxy: null }, idle);
  if (!opened.ok) throw new Error(opened.code);
  opened.io.start(nothing);
  opened.io.send(BATCH);
  await all;
  opened.io.close();
  server.closeAllConnections();
  server.close();
  return [seen[0] as [string, string], ...seen.filter(([line]) => line.startsWith('POST'))].slice(0, 2);
}

const get = (port: number, path: string): Promise<string> =>
  new Promise((settle, fail) =>
    request({ port, host: '127.0.0.1', path, agent: false }, (answer) => {
      let body = '';
      answer.on('data', (data) => (body += String(data))).on('end', () => settle(body));
    })
      .on('error', fail)
      .end(),
  );

async function answer(): Promise<string> {
  let link: LinkIo | undefined;
  const polling = new PollingServer({ onLink: (io) => (link = io), onUse: () => undefined });
  const server = createHttp((asked, answered) => polling.handle(asked, answered, 'http'));
  const port = await listening(server);
  const path = '/socket.io/?EIO=4&transport=polling';
  const open = await get(port, path);
  const { sid } = JSON.parse(open.slice(1)) as { sid: string };
  link?.start(nothing);
  link?.send(BATCH);
  const said = await get(port, `${path}&sid=${sid}`);
  polling.close();
  server.closeAllConnections();
  server.close();
  return said;
}

describe('transports on the wire', () => {
  let made: Vectors;
  let golden: Vectors;
  beforeAll(async () => {
    made = { stream: await stream(), requests: await requests(), answer: await answer() };
    if (process.env['WEFT_GOLDEN'] === 'write') writeFileSync(FILE, `${JSON.stringify(made, null, 2)}\n`);
    golden = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;
  });

  it('a raw stream begins with its preface, then frames', () => expect(made.stream).toBe(golden.stream));
  it('requests ask and say as engine.io 4 does', () => expect(made.requests).toEqual(golden.requests));
  it('and are answered so', () => expect(made.answer).toBe(golden.answer));
});
