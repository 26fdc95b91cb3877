// Every stream transport through proxies as offices have them, to a real shared port: who asks for which password, what is denied.
import { afterEach, describe, expect, it } from 'vitest';
import { dialStream } from '../../main/transports/dial.ts';
import { listenShared } from '../../main/transports/listener.ts';
import {
  STREAM_TRANSPORTS,
  type DialResult,
  type LinkIo,
  type Listener,
  type ProxyServer,
  type StreamTransport,
} from '../../main/transports/transport.ts';
import { until } from '../contract/support/until.ts';
import { batchOf, numbered, watch, type Seen } from './support/frames.ts';
import {
  PASSWORD,
  startForwardProxy,
  USER,
  type ForwardProxy,
  type ForwardProxyOptions,
} from './support/forward-proxy.ts';

const FRAMES = 20;

describe('through a proxy', () => {
  const undo: (() => Promise<void>)[] = [];
  const links: LinkIo[] = [];
  const accepted: Seen[] = [];
  afterEach(async () => {
    for (const link of links.splice(0)) link.close();
    for (const { io } of accepted.splice(0)) io.close();
    for (const step of undo.splice(0).reverse()) await step();
  });

  async function scene(options: ForwardProxyOptions): Promise<{ proxy: ForwardProxy; listener: Listener }> {
    const proxy = await startForwardProxy(options);
    undo.push(() => proxy.close());
    const onLink = (io: LinkIo): void => void accepted.push(watch(io));
    const listening = await listenShared({ address: '127.0.0.1:0', onLink });
    if (!listening.ok) throw new Error(listening.code);
    undo.push(() => listening.listener.close());
    return { proxy, listener: listening.listener };
  }

  const server = (port: number, password = PASSWORD): ProxyServer => ({
    ...{ scheme: 'http', host: '127.0.0.1', port, user: USER, password },
  });

  async function dial(
    transport: StreamTransport,
    listener: Listener,
    proxy: ProxyServer,
  ): Promise<DialResult & { sent?: Seen }> {
    const result = await dialStream(transport, { host: '127.0.0.1', port: listener.port, proxy }).result;
    if (result.ok) links.push(result.io);
    return result;
  }

  /** Frames there and back. */
  async function carries(result: DialResult): Promise<void> {
    if (!result.ok) throw new Error(result.code);
    const near = watch(result.io);
    for (let n = 0; n < FRAMES; n++) near.io.send(batchOf(numbered(n, 600)));
    await until(() => accepted.at(-1)?.frames.length === FRAMES);
    for (let n = 0; n < FRAMES; n++) accepted.at(-1)?.io.send(batchOf(numbered(n, 900)));
    await until(() => near.frames.length === FRAMES);
    accepted.pop()?.io.close();
  }

  for (const auth of ['none', 'basic', 'digest-md5', 'digest-sha256'] as const)
    it.each(STREAM_TRANSPORTS)(`%s, authentication ${auth}`, async (transport) => {
      const { proxy, listener } = await scene({ auth });
      const result = await dial(transport, listener, server(proxy.port));
      await carries(result);
      if (result.ok) expect(result.io.proxy).toBe(`http://127.0.0.1:${proxy.port}`);
      // Asked once; "http" is forwarded request by request, all others are one tunnel.
      expect(proxy.served.filter((line) => line.endsWith(' 407')).length).toBeLessThanOrEqual(auth === 'none' ? 0 : 2);
      const plain = proxy.served.filter((line) => !line.startsWith('CONNECT'));
      expect(plain.length > 0).toBe(transport === 'http');
      if (transport === 'http')
        for (const line of plain) expect(line).toMatch(/^(GET|POST) http:\/\/127\.0\.0\.1:\d+\//);
    });

  it('a remembered challenge is answered at once, a stale nonce once more', async () => {
    const { proxy, listener } = await scene({ auth: 'digest-md5', nonceUses: 2 });
    for (let n = 0; n < 5; n++) await carries(await dial('tls', listener, server(proxy.port)));
    const statuses = proxy.served.map((line) => line.split(' ').at(-1));
    expect(statuses).toEqual(['407', '200', '200', '407', '200', '200', '407', '200']);
  });

  it.each(['basic', 'digest-sha256'] as const)('%s: a wrong password is a code, after two tries', async (auth) => {
    for (const transport of ['tls', 'ws', 'http'] as const) {
      const { proxy, listener } = await scene({ auth });
      const result = await dial(transport, listener, server(proxy.port, 'wrong'));
      expect(result, transport).toEqual({ ok: false, code: 'proxy-auth' });
      // A forwarding proxy is asked once more for the rest of a session that ends.
      expect(proxy.served.length, transport).toBeLessThanOrEqual(3);
      const without = await dial(transport, listener, { scheme: 'http', host: '127.0.0.1', port: proxy.port });
      expect(without, transport).toEqual({ ok: false, code: 'proxy-auth' });
    }
  });

  for (const auth of ['none', 'basic', 'digest-md5'] as const)
    it(`CONNECT denied, upgrades forwarded, ${auth}: ws and http get through`, async () => {
      const { proxy, listener } = await scene({ auth, connect: false });
      for (const transport of STREAM_TRANSPORTS) {
        const result = await dial(transport, listener, server(proxy.port));
        if (transport === 'ws' || transport === 'http') await carries(result);
        else expect(result, transport).toEqual({ ok: false, code: 'proxy-refused' });
      }
      expect(proxy.served).toContain(`GET http://127.0.0.1:${listener.port}/ws 101`);
    });

  it('CONNECT and upgrades denied: requests and answers are left', async () => {
    const { proxy, listener } = await scene({ auth: 'digest-md5', connect: false, upgrades: false });
    for (const transport of STREAM_TRANSPORTS) {
      const result = await dial(transport, listener, server(proxy.port));
      if (transport === 'http') await carries(result);
      else expect(result, transport).toMatchObject({ ok: false });
    }
    expect(proxy.served.some((line) => line.startsWith('POST http://'))).toBe(true);
  });

  it('a proxy that is not there, and a target behind one that is not, are codes', async () => {
    const { proxy, listener } = await scene({});
    await proxy.close();
    undo.splice(0, 1);
    for (const transport of STREAM_TRANSPORTS)
      expect(await dial(transport, listener, server(proxy.port)), transport).toEqual({
        ...{ ok: false, code: 'proxy-unreachable' },
      });
  });
});
