// The server around the machine: merging of changes, slow readers, clients that leave, bugs of handlers.
import { describe, expect, it, vi } from 'vitest';
import { HELLO_TIMEOUT_MS, PATCHES_PER_SECOND_MAX } from '../../app/contract/limits.ts';
import { Client, memoryPair, type Carrier } from '../../app/contract/protocol/index.ts';
import { CONNECTIONS_MAX, RpcServer, UNREAD_BYTES_MAX } from '../../main/rpc/server.ts';
import { fakeEngine, LINK } from './support/fake-engine.ts';
import { network, state } from './support/samples.ts';
import { until } from './support/until.ts';

function serve(options: Parameters<typeof fakeEngine>[0] = {}) {
  const engine = fakeEngine(options);
  const bugs: string[] = [];
  const rpc = new RpcServer({ ...engine, version: '1.2.3', onBug: (where) => bugs.push(where) });
  const connect = (change: (carrier: Carrier) => Carrier = (carrier) => carrier): Client => {
    const [own, other] = memoryPair();
    rpc.accept(change(other), 'use');
    return new Client(own, { client: 'test' });
  };
  return { engine, rpc, bugs, connect };
}

describe('the RPC server', () => {
  it('answers a handler’s throw as an internal error, reports it, and goes on', async () => {
    const { bugs, connect } = serve();
    const client = connect();
    expect(await client.call('network.down', {})).toEqual({
      ok: false,
      error: { code: 'internal', data: { why: 'a bug' } },
    });
    expect(bugs).toEqual(['network.down']);
    expect((await client.call('status', {})).ok).toBe(true);
  });

  it('answers out of order, and stops the work of a call that is cancelled or whose client has gone', async () => {
    const { engine, connect, rpc } = serve({ joinWaits: true });
    const client = connect();
    const join = client.start('network.join', { link: LINK });
    expect((await client.call('status', {})).ok).toBe(true);
    join.cancel();
    expect(await join.outcome).toEqual({ ok: false, error: { code: 'cancelled' } });
    await until(() => engine.aborted.length === 1);
    const lost = client.call('network.join', { link: LINK });
    await until(() => engine.calls.filter(({ name }) => name === 'network.join').length === 2);
    client.close();
    expect(await lost).toEqual({ ok: false, error: { code: 'cancelled' } });
    await until(() => engine.aborted.length === 2 && rpc.size === 0);
  });

  it('merges changes: at most ten patches a second, and the last value always arrives', async () => {
    const { engine, connect } = serve();
    const client = connect();
    const seen: string[] = [];
    client.watch('state', ({ settings }) => seen.push(settings.language));
    await until(() => seen.length === 1);
    const start = performance.now();
    for (let i = 0; performance.now() - start < 550; i++) {
      await (engine.handlers['settings.set'] as (changes: object) => unknown)({ language: `l${i}` });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await (engine.handlers['settings.set'] as (changes: object) => unknown)({ language: 'last' });
    await until(() => seen.at(-1) === 'last');
    const seconds = (performance.now() - start) / 1000;
    expect(seen.length).toBeLessThanOrEqual(Math.ceil(seconds * PATCHES_PER_SECOND_MAX) + 2);
    expect(seen.length).toBeGreaterThan(3);
  });

  it('asks a source once for all who watch it, and lets go of it when nobody does', async () => {
    const { engine, connect } = serve();
    const clients = [connect(), connect(), connect()];
    const values: unknown[] = [];
    const stops = clients.map((client) => client.watch('state', (state) => values.push(state)));
    await until(() => values.length === 3);
    expect(engine.watchers()).toBe(1);
    for (const stop of stops) stop();
    await until(() => engine.watchers() === 0);
  });

  it('tells a slow reader less, and disconnects one that does not read at all', async () => {
    const { engine, rpc, connect } = serve();
    let unread = 0;
    const client = connect((carrier) => ({ ...carrier, buffered: () => unread }));
    const seen: string[] = [];
    client.watch('state', (state) => seen.push(state.networks.map(({ name }) => name).join()));
    await until(() => seen.length === 1);
    unread = UNREAD_BYTES_MAX / 4;
    for (const name of ['a', 'b']) (engine.handlers['network.create'] as (params: object) => unknown)({ name });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(seen).toHaveLength(1);
    unread = 0;
    await until(() => seen.length === 2);
    expect(seen[1]).toBe('a,b');
    unread = UNREAD_BYTES_MAX + 1;
    let end = '';
    client.onEnd((failure) => (end = failure.code));
    void client.call('status', {});
    await until(() => end !== '');
    expect([end, rpc.size]).toEqual(['too-large', 0]);
  });

  it('takes a limited number of clients', async () => {
    const { rpc, connect } = serve();
    const clients = Array.from({ length: CONNECTIONS_MAX }, () => connect());
    expect(await connect().ready).toEqual({ ok: false, error: { code: 'busy' } });
    expect(rpc.size).toBe(CONNECTIONS_MAX);
    clients[0]?.close();
    await until(() => rpc.size === CONNECTIONS_MAX - 1);
    expect((await connect().ready).ok).toBe(true);
  });

  it('ends connections that never say hello', async () => {
    vi.useFakeTimers();
    try {
      const { rpc } = serve();
      const [own, other] = memoryPair();
      const said: string[] = [];
      own.onMessage((text) => said.push(text));
      rpc.accept(other, 'use');
      await vi.advanceTimersByTimeAsync(HELLO_TIMEOUT_MS + 1);
      expect([said, rpc.size]).toEqual([['{"type":"bye","code":"timeout"}'], 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps a watch of a large state small on the wire', async () => {
    const { engine, connect } = serve();
    let sent = 0;
    const client = connect((carrier) => ({ ...carrier, send: (text) => ((sent += text.length), carrier.send(text)) }));
    const members = Array.from({ length: 500 }, (_, i) => ({
      ...network('x').members[1]!,
      id: `m${i}`,
      name: `m${i}`,
    }));
    let rtt = 1;
    const list = () => members.map((member, i) => (i === 7 ? { ...member, rttMs: rtt } : member));
    engine.topics.state.value = () => state([network('big', { members: list() })]);
    const seen: (number | undefined)[] = [];
    client.watch('state', (state) => seen.push(state.networks[0]?.members[7]?.rttMs));
    await until(() => seen.length === 1);
    const snapshot = sent;
    rtt = 2;
    engine.topics.state.changed();
    await until(() => seen.length === 2);
    expect(seen).toEqual([1, 2]);
    expect(snapshot).toBeGreaterThan(100_000);
    expect(sent - snapshot).toBeLessThan(150);
  });
});
