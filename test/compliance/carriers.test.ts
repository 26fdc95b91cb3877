// Every carrier keeps the promises of app/contract/protocol/carrier.ts, alone and under the whole RPC.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel as NodeChannel, type MessagePort as NodePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, memoryPair, portCarrier, type Carrier, type PortLike } from '../../app/contract/protocol/index.ts';
import { newToken } from '../../main/rpc/guard.ts';
import { RpcServer } from '../../main/rpc/server.ts';
import { connectUi, serveUiAndRpc } from '../../main/rpc/ui-server.ts';
import { connectUnix, listenUnix } from '../../main/rpc/unix-socket.ts';
import { fakeEngine } from '../contract/support/fake-engine.ts';
import { until } from '../contract/support/until.ts';

interface Pair {
  client: Carrier;
  server: Carrier;
  token?: string;
}
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanUps.splice(0).reverse()) clean();
});

/** Electron's MessagePortMain on top of Node's: events with `data`, delivery only after start(). */
function electronLike(port: NodePort): PortLike {
  return {
    postMessage: (message) => port.postMessage(message),
    close: () => port.close(),
    start: () => port.start(),
    on: (event, listener) =>
      port.on(event, (data: unknown) => listener(event === 'message' ? { data, ports: [] } : {})),
  };
}
/** A page's MessagePort before Chrome 122: no close event. */
function domLike(port: NodePort): PortLike {
  return {
    postMessage: (message) => port.postMessage(message),
    close: () => port.close(),
    start: () => port.start(),
    addEventListener: (event, listener) =>
      event === 'message' && port.on('message', (data: unknown) => listener({ data })),
  };
}

const makers: Record<string, () => Promise<Pair>> = {
  memory: async () => {
    const [client, server] = memoryPair();
    return { client, server };
  },
  'unix socket': async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-carrier-'));
    let accept: (carrier: Carrier) => void = () => {};
    const accepted = new Promise<Carrier>((resolve) => (accept = resolve));
    const listener = await listenUnix(join(folder, 'engine.sock'), accept);
    if (!listener.ok) throw new Error(listener.error.code);
    const client = await connectUnix(listener.value.address);
    if (!client.ok) throw new Error(client.error.code);
    cleanUps.push(() => rmSync(folder, { recursive: true }), listener.value.close, client.value.close);
    return { client: client.value, server: await accepted };
  },
  websocket: async () => {
    const token = newToken();
    let accept: (carrier: Carrier) => void = () => {};
    const accepted = new Promise<Carrier>((resolve) => (accept = resolve));
    const served = await serveUiAndRpc({
      host: '127.0.0.1',
      port: 0,
      folder: '/nonexistent',
      token,
      onCarrier: accept,
    });
    if (!served.ok) throw new Error(served.error.code);
    const { carrier } = connectUi(served.value.address);
    cleanUps.push(served.value.close, carrier.close);
    return { client: carrier, server: await accepted, token };
  },
  'worker port': async () => {
    const { port1, port2 } = new NodeChannel();
    cleanUps.push(() => port1.close());
    return { client: portCarrier(port1), server: portCarrier(port2) };
  },
  'electron port to page port': async () => {
    const { port1, port2 } = new NodeChannel();
    cleanUps.push(() => port1.close());
    return { client: portCarrier(domLike(port1)), server: portCarrier(electronLike(port2)) };
  },
};

function collect(carrier: Carrier): { texts: string[]; ends: number } {
  const seen = { texts: [] as string[], ends: 0 };
  carrier.onMessage((text) => seen.texts.push(text));
  carrier.onClose(() => seen.ends++);
  return seen;
}

for (const [name, make] of Object.entries(makers))
  describe(`carrier: ${name}`, () => {
    it('delivers whole messages in order, both ways, whatever is in them', async () => {
      const { client, server } = await make();
      const [atClient, atServer] = [collect(client), collect(server)];
      const up = [
        '{}',
        'grüße 🧶\u2028',
        '"a\\nb"',
        'x'.repeat(60_000),
        ...Array.from({ length: 200 }, (_, i) => `m${i}`),
      ];
      const down = ['ä🧶'.repeat(200_000), 'last'];
      for (const text of up) client.send(text);
      for (const text of down) server.send(text);
      await until(() => atServer.texts.length === up.length && atClient.texts.length === down.length);
      expect(atServer.texts).toEqual(up);
      expect(atClient.texts).toEqual(down);
    });

    it('keeps what came before anybody listened', async () => {
      const { client, server } = await make();
      client.send('early');
      client.send('bird');
      server.send('probe');
      // Once the client has the probe's answer path open, the early messages are under way; listen afterwards.
      await new Promise<void>((resolve) => client.onMessage(() => resolve()));
      const atServer = collect(server);
      await until(() => atServer.texts.length === 2);
      expect(atServer.texts).toEqual(['early', 'bird']);
    });

    it.each(['client', 'server'] as const)(
      'tells both ends once when the %s closes, after the last message',
      async (who) => {
        const pair = await make();
        const [closer, other] = who === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
        const [atCloser, atOther] = [collect(closer), collect(other)];
        closer.send('last words');
        closer.close();
        closer.close();
        closer.send('too late');
        await until(() => atCloser.ends === 1 && atOther.ends === 1);
        expect(atOther.texts).toEqual(['last words']);
        other.send('nobody there');
        other.close();
        let late = 0;
        other.onClose(() => late++);
        await until(() => late === 1);
        expect([atCloser.ends, atOther.ends]).toEqual([1, 1]);
      },
    );

    it('carries the whole RPC: calls, a watch with patches, and the end', async () => {
      const { client: carrier, server, token } = await make();
      const engine = fakeEngine();
      const rpc = new RpcServer({ ...engine, version: '1.2.3' });
      rpc.accept(server, (given) => (given === token ? 'use' : null));
      const client = new Client(carrier, { client: 'test', ...(token ? { token } : {}) });
      expect(await client.ready).toMatchObject({ ok: true, value: { access: 'use', engine: '1.2.3' } });
      expect(await client.call('network.create', { name: 'home' })).toEqual({ ok: true, value: { id: 'home' } });
      const names: string[] = [];
      client.watch('state', (state) => names.push(state.networks.map((network) => network.name).join()));
      await until(() => names.length === 1);
      await client.call('network.create', { name: 'work' });
      await until(() => names.at(-1) === 'home,work');
      let ended = '';
      client.onEnd((failure) => (ended = failure.code));
      rpc.close();
      await until(() => ended !== '');
      expect(ended).toBe('engine-unreachable');
      expect(rpc.size).toBe(0);
      expect(engine.watchers()).toBe(0);
    });
  });
