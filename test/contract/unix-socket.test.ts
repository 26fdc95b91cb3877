// The engine's own socket: for its owner alone, over what a killed engine left, and not held up by anybody.
import * as fs from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX } from '../../app/contract/limits.ts';
import { statePaths } from '../../main/host/paths.ts';
import { connectEngine } from '../../main/rpc/engine-client.ts';
import { RpcServer } from '../../main/rpc/server.ts';
import { listenUnix, type Listener } from '../../main/rpc/unix-socket.ts';
import { fakeEngine } from './support/fake-engine.ts';
import { until } from './support/until.ts';

let dir: string;
let rpc: RpcServer;
const listeners: Listener[] = [];
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'weft-unix-'));
  rpc = new RpcServer({ ...fakeEngine(), version: '1.2.3' });
});
afterEach(() => {
  rpc.close();
  for (const listener of listeners.splice(0)) listener.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

async function listen(path: string): Promise<Listener> {
  const listening = await listenUnix(path, (carrier) => rpc.accept(carrier, 'use'));
  if (!listening.ok) throw new Error(listening.error.code);
  listeners.push(listening.value);
  return listening.value;
}
/** A client of a few bytes, and whether its connection has ended. */
function raw(path: string): { socket: Socket; said: () => string; over: () => boolean } {
  const socket = connect(path);
  let said = '';
  let over = false;
  socket.on('error', () => {});
  socket.on('close', () => (over = true));
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { socket, said: () => said, over: () => over };
}
const HELLO = '{"type":"hello","version":1,"client":"raw"}\n';

describe('the Unix socket', () => {
  it('is the owner’s alone, in a folder of the owner’s alone', async () => {
    fs.chmodSync(dir, 0o755);
    const { socket } = statePaths(dir);
    await listen(socket);
    expect([fs.statSync(socket).mode & 0o777, fs.statSync(dir).mode & 0o777]).toEqual([0o600, 0o700]);
    const client = await connectEngine(dir, 'test');
    expect(client.ok && (await client.value.call('status', {})).ok).toBe(true);
    if (client.ok) client.value.close();
  });

  it('takes the place of what a killed engine left', async () => {
    const { socket } = statePaths(dir);
    expect(await connectEngine(dir, 'test')).toEqual({ ok: false, error: { code: 'engine-unreachable' } });
    fs.writeFileSync(socket, '');
    expect(await connectEngine(dir, 'test')).toEqual({ ok: false, error: { code: 'engine-unreachable' } });
    await listen(socket);
    expect((await connectEngine(dir, 'test')).ok).toBe(true);
  });

  it.skipIf(process.getuid?.() !== 0)('is not put into a folder that somebody else made', async () => {
    const folder = join(dir, 'shared');
    fs.mkdirSync(folder);
    for (const path of [dir, folder]) fs.chmodSync(path, 0o777);
    process.seteuid?.(65_534);
    try {
      const refused = await listenUnix(join(folder, 'engine.sock'), () => {});
      expect(refused).toMatchObject({ ok: false, error: { code: 'state-unwritable', data: { why: 'EPERM' } } });
    } finally {
      process.seteuid?.(0);
    }
  });

  it('works for state folders with long names', async () => {
    const long = join(dir, 'x'.repeat(120));
    fs.mkdirSync(long);
    const { socket } = statePaths(long);
    await listen(socket);
    const client = await connectEngine(long, 'test');
    expect(client.ok).toBe(true);
    if (client.ok) client.value.close();
    // Somebody else's folder of that name is not trusted with anything.
    if (process.getuid?.() === 0) {
      fs.chownSync(join(socket, '..'), 65_534, 65_534);
      expect(await connectEngine(long, 'test')).toEqual({ ok: false, error: { code: 'engine-unreachable' } });
    }
    fs.rmSync(join(socket, '..'), { recursive: true, force: true });
  });

  it('reads messages that come in pieces, also within a letter, and several at once', async () => {
    const { address } = await listen(join(dir, 's'));
    const { socket, said } = raw(address);
    const bytes = Buffer.from(
      `${HELLO}\n{"type":"call","id":1,"name":"network.create","params":{"name":"zoë"}}\n${'{"type":"call","id":2,"name":"nö"}\n'}`,
    );
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => said().split('\n').length === 4);
    expect(said()).toContain('"result":{"id":"zoë"}');
    socket.destroy();
  });

  it('ends whoever sends a line without an end, or one that is too large', async () => {
    const { address } = await listen(join(dir, 's'));
    const endless = raw(address);
    const chunk = 'x'.repeat(256 * 1024);
    for (let sent = 0; sent <= MESSAGE_BYTES_MAX; sent += chunk.length) endless.socket.write(chunk);
    const large = raw(address);
    large.socket.write(`${HELLO}${'x'.repeat(REQUEST_BYTES_MAX + 1)}\n`);
    await until(() => endless.over() && large.over() && rpc.size === 0);
    expect(large.said()).toContain('{"type":"bye","code":"too-large"}');
  });

  it('lets the engine end although a client does not read', async () => {
    const { address } = await listen(join(dir, 's'));
    const stuck = connect(address);
    stuck.on('error', () => {});
    stuck.pause();
    stuck.write(HELLO);
    await until(() => rpc.size === 1);
    for (let id = 1; id <= 150; id++) stuck.write(`{"type":"call","id":${id},"name":"invite.list"}\n`);
    let ended = false;
    rpc.close();
    listeners.pop()?.close();
    stuck.on('close', () => (ended = true));
    await until(() => rpc.size === 0);
    stuck.resume();
    await until(() => ended);
  });
});
