// The browser's port: who gets in, what is served, and how.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Client, socketCarrier } from '../../app/contract/protocol/index.ts';
import { newToken, tokenMatches } from '../../main/rpc/guard.ts';
import { RpcServer } from '../../main/rpc/server.ts';
import { connectUi, HTTP_CONNECTIONS_MAX, RPC_PATH, serveUiAndRpc } from '../../main/rpc/ui-server.ts';
import type { Listener } from '../../main/rpc/unix-socket.ts';
import { fakeEngine } from './support/fake-engine.ts';

const token = newToken();
const rpc = new RpcServer({ ...fakeEngine(), version: '1.2.3' });
let folder: string;
let listener: Listener;
let port: number;

const serve = (host: string, at = 0) =>
  serveUiAndRpc({
    host,
    port: at,
    folder: join(folder, 'ui'),
    token,
    onCarrier: (carrier, access) => rpc.accept(carrier, access),
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-ui-'));
  mkdirSync(join(folder, 'ui/assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'ui/index.html'), '<!doctype html><title>Weft</title>');
  writeFileSync(join(folder, 'ui/assets/index-AbCdEf12.js'), 'export {};');
  writeFileSync(join(folder, 'ui/.hidden.js'), 'secret');
  writeFileSync(join(folder, 'ui/data.sqlite'), 'secret');
  symlinkSync(join(folder, 'secret.txt'), join(folder, 'ui/link.txt'));
  const served = await serve('127.0.0.1');
  if (!served.ok) throw new Error(served.error.code);
  listener = served.value;
  port = Number(new URL(listener.address).port);
});
afterAll(() => {
  listener.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    asked.on('error', reject).end();
  });
}
/** "welcome", or why not: an HTTP status, or the code of the bye. */
function knock(options: {
  headers?: Record<string, string>;
  origin?: string;
  path?: string;
  token?: string;
}): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${options.path ?? RPC_PATH}`, {
      headers: options.headers ?? {},
      ...(options.origin === undefined ? {} : { origin: options.origin }),
    });
    socket.on('unexpected-response', (_, response) => resolve(String(response.statusCode)));
    const client = new Client(socketCarrier(socket), {
      client: 'test',
      ...(options.token === undefined ? {} : { token: options.token }),
    });
    void client.ready.then((ready) => {
      resolve(ready.ok ? 'welcome' : ready.error.code);
      client.close();
    });
  });
}

describe('the UI’s files', () => {
  it('come with strict headers, types and caching', async () => {
    const page = await get('/');
    expect(page).toMatchObject({ status: 200, body: '<!doctype html><title>Weft</title>' });
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    const policy = page.headers['content-security-policy'] as string;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'self';/);
    expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${port};`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe-eval');
    const script = await get('/assets/index-AbCdEf12.js?x=1');
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'private, max-age=31536000, immutable',
    });
    const cached = await get('/', { 'If-None-Match': page.headers['etag'] as string });
    expect([cached.status, cached.body]).toEqual([304, '']);
    const head = await get('/', {}, 'HEAD');
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', String(page.body.length)]);
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/..%2fsecret.txt',
    '//etc/passwd',
    '/link.txt',
    '/.hidden.js',
    '/data.sqlite',
    '/assets',
    '/assets/',
    '/__proto__',
    '/constructor',
    '/\\..\\secret.txt',
  ])('do not include %s', async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('secret');
  });

  it('are only read', async () => {
    expect(await get('/', {}, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('say so when they are not built', async () => {
    const served = await serveUiAndRpc({
      host: '127.0.0.1',
      port: 0,
      folder: '/nonexistent',
      token,
      onCarrier: () => {},
    });
    if (!served.ok) throw new Error(served.error.code);
    const answer = await fetch(served.value.address);
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('npm run build')]);
    served.value.close();
  });
});

describe('the guard', () => {
  it.each([
    'evil.example',
    'evil.example:PORT',
    '127.0.0.1',
    '127.0.0.1:1',
    'localhost.evil.example:PORT',
    '127.0.0.1:PORT.evil.example',
    '0.0.0.0:PORT',
  ])('refuses pages and sockets under the name %s (DNS rebinding)', async (name) => {
    const Host = name.replace('PORT', String(port));
    expect((await get('/', { Host })).status).toBe(403);
    expect(await knock({ headers: { Host }, token })).toBe('403');
  });

  it.each([
    'http://evil.example',
    'https://127.0.0.1:PORT',
    'http://127.0.0.1:1',
    'http://localhost:PORT',
    'null',
    'file://',
  ])('refuses the origin %s', async (origin) => {
    expect(await knock({ origin: origin.replace('PORT', String(port)), token })).toBe('403');
  });

  it('takes its own pages and programs, with the token only', async () => {
    const own = `http://127.0.0.1:${port}`;
    expect(await knock({ origin: own, token })).toBe('welcome');
    expect(await knock({ token })).toBe('welcome');
    expect(await knock({ headers: { Host: `localhost:${port}` }, origin: `http://localhost:${port}`, token })).toBe(
      'welcome',
    );
    for (const wrong of [undefined, '', 'x', token.slice(0, -1), `${token}x`, token.toLowerCase()])
      expect(await knock(wrong === undefined ? { origin: own } : { origin: own, token: wrong })).toBe('token-wrong');
    expect(await knock({ path: '/other', token })).toBe('403');
    expect(tokenMatches('', undefined)).toBe(false);
  });

  it('refuses messages that are too large without reading them', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${RPC_PATH}`);
    await new Promise((resolve) => socket.on('open', resolve));
    socket.on('error', () => {});
    socket.send('x'.repeat(1024 * 1024));
    const code = await new Promise((resolve) => socket.on('close', resolve));
    expect([1009, 1006]).toContain(code);
  });

  it('ends a client that sends bytes instead of text', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${RPC_PATH}`);
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(Buffer.from([1, 2, 3]));
    await new Promise((resolve) => socket.on('close', resolve));
  });

  it('holds out against a crowd of silent connections', async () => {
    const crowd = Array.from({ length: HTTP_CONNECTIONS_MAX + 40 }, () =>
      connect(port, '127.0.0.1').on('error', () => {}),
    );
    await Promise.all(
      crowd.map((socket) => new Promise((resolve) => socket.on('connect', resolve).on('close', resolve))),
    );
    for (const socket of crowd) socket.destroy();
    await Promise.all(crowd.map((socket) => socket.closed || new Promise((resolve) => socket.on('close', resolve))));
    expect((await get('/')).status).toBe(200);
  });
});

describe('listening', () => {
  it('is on loopback only, and a taken port is told by its code', async () => {
    for (const host of ['0.0.0.0', '192.0.2.1', '::', 'example.org'])
      expect(await serve(host)).toMatchObject({ ok: false, error: { code: 'bad-argument' } });
    expect(await serve('127.0.0.1', port)).toEqual({
      ok: false,
      error: { code: 'port-taken', data: { address: `127.0.0.1:${port}` } },
    });
  });

  it('works on ::1', async (context) => {
    const probe = createServer();
    const available = await new Promise((resolve) =>
      probe.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true)),
    );
    probe.close();
    if (!available) return context.skip('no IPv6 loopback here');
    const served = await serve('[::1]');
    if (!served.ok) throw new Error(served.error.code);
    expect(served.value.address).toMatch(/^http:\/\/\[::1\]:\d+\/#/);
    const { carrier, token: given } = connectUi(served.value.address);
    const client = new Client(carrier, { client: 'test', token: given });
    expect((await client.ready).ok).toBe(true);
    client.close();
    served.value.close();
  });
});
