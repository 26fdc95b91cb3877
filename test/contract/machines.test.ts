// Both machines without carriers: what goes in, what comes out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ok, fail } from '../../app/contract/errors.ts';
import * as limits from '../../app/contract/limits.ts';
import {
  ClientMachine,
  ServerMachine,
  type ClientOutput,
  type Json,
  type ServerOutput,
} from '../../app/contract/protocol/index.ts';
import type { Access } from '../../app/contract/table.ts';
import { network, state } from './support/samples.ts';

const value = (...names: string[]): Json => state(names.map((name) => network(name))) as unknown as Json;

function drain<T>(machine: { next(): T | null }): T[] {
  const outputs: T[] = [];
  for (let output = machine.next(); output; output = machine.next()) outputs.push(output);
  return outputs;
}
const sent = (outputs: (ServerOutput | ClientOutput)[]): Record<string, unknown>[] =>
  outputs.flatMap((output) => (output.kind === 'send' ? [JSON.parse(output.text) as Record<string, unknown>] : []));
const not = (outputs: ServerOutput[]): ServerOutput[] => outputs.filter((output) => output.kind !== 'send');

/** A server that has welcomed its client. */
function welcomed(access: Access = 'use'): ServerMachine {
  const server = new ServerMachine({ authorize: () => access, engine: '1.2.3' });
  server.receive('{"type":"hello","version":1,"client":"test"}', 0);
  drain(server);
  return server;
}
const say = (server: ServerMachine, message: unknown, now = 0): ServerOutput[] => {
  server.receive(typeof message === 'string' ? message : JSON.stringify(message), now);
  return drain(server);
};

describe('the server', () => {
  it('welcomes a known token only, and nothing comes before hello', () => {
    const make = () => new ServerMachine({ authorize: (token) => (token === 'good' ? 'use' : null), engine: '1.2.3' });
    const good = say(make(), { type: 'hello', version: 1, client: 'test', token: 'good' });
    expect(sent(good)).toEqual([{ type: 'welcome', version: 1, contract: 1, access: 'use', engine: '1.2.3' }]);
    for (const bad of [
      { type: 'hello', version: 1, client: 'test', token: 'bad' },
      { type: 'hello', version: 1, client: 'test' },
      { type: 'call', id: 1, name: 'status' },
      { type: 'watch', id: 1, topic: 'state' },
    ]) {
      const server = make();
      const outputs = say(server, bad);
      expect(sent(outputs)).toEqual([{ type: 'bye', code: 'token-wrong' }]);
      expect(not(outputs)).toEqual([{ kind: 'close' }]);
      expect(say(server, { type: 'hello', version: 1, client: 'test', token: 'good' })).toEqual([]);
    }
    expect(sent(say(make(), { type: 'hello', version: 99, client: 'test', token: 'good' }))).toEqual([
      { type: 'bye', code: 'engine-outdated' },
    ]);
  });

  it('hands over calls with checked parameters and defaults, and answers each once', () => {
    const server = welcomed();
    expect(say(server, { type: 'call', id: 7, name: 'invite.create', params: { uses: 2, unknown: 1 } })).toEqual([
      { kind: 'call', id: 7, name: 'invite.create', params: { role: 'member', uses: 2, expiresSeconds: 86_400 } },
    ]);
    server.answer(7, ok({ id: 'i', link: 'weft://join/#x', expiresMs: 1, secret: 'dropped' }));
    server.answer(7, fail('timeout'));
    expect(sent(drain(server))).toEqual([
      { type: 'answer', id: 7, result: { id: 'i', link: 'weft://join/#x', expiresMs: 1 } },
    ]);
  });

  it.each([
    [{ name: 'no.such' }, { code: 'unknown-call' }],
    [{ name: 'toString' }, { code: 'unknown-call' }],
    [
      { name: 'invite.create', params: { uses: 0 } },
      { code: 'bad-argument', data: { what: 'uses' } },
    ],
    [
      { name: 'invite.create', params: { uses: 1e9 } },
      { code: 'too-large', data: { what: 'uses' } },
    ],
    [
      { name: 'invite.create', params: { role: 'owner' } },
      { code: 'bad-argument', data: { what: 'role' } },
    ],
    [{ name: 'network.join', params: { link: 'x'.repeat(5_000) } }, { code: 'link-too-long' }],
    [{ name: 'network.join', params: { link: '' } }, { code: 'link-not-weft' }],
    [
      { name: 'network.create', params: [] },
      { code: 'bad-argument', data: { what: 'parameters' } },
    ],
  ])('refuses %j', (call, error) => {
    const outputs = say(welcomed(), { type: 'call', id: 1, ...call });
    expect(not(outputs)).toEqual([]);
    expect(sent(outputs)).toEqual([{ type: 'answer', id: 1, error }]);
  });

  it('lets a viewer look but not act', () => {
    const server = welcomed('view');
    expect(not(say(server, { type: 'call', id: 1, name: 'status' }))).toHaveLength(1);
    expect(sent(say(server, { type: 'call', id: 2, name: 'network.leave', params: {} }))).toEqual([
      { type: 'answer', id: 2, error: { code: 'not-allowed', data: { role: 'view' } } },
    ]);
  });

  it('answers a result that does not fit as an internal error that names the field', () => {
    const server = welcomed();
    say(server, { type: 'call', id: 1, name: 'network.create', params: { name: 'x' } });
    server.answer(1, ok({ id: 5 }));
    expect(sent(drain(server))[0]).toMatchObject({
      error: { code: 'internal', data: { why: expect.stringContaining('id') } },
    });
  });

  it('answers a cancelled call at once, and keeps its place until the work has ended', () => {
    const server = welcomed();
    for (let id = 1; id <= limits.CALLS_IN_FLIGHT_MAX; id++) say(server, { type: 'call', id, name: 'status' });
    const full = say(server, { type: 'call', id: 100, name: 'status' });
    expect(sent(full)).toEqual([{ type: 'answer', id: 100, error: { code: 'busy' } }]);
    const cancelled = say(server, { type: 'cancel', id: 1 });
    expect(sent(cancelled)).toEqual([{ type: 'answer', id: 1, error: { code: 'cancelled' } }]);
    expect(not(cancelled)).toEqual([{ kind: 'cancel', id: 1 }]);
    expect(say(server, { type: 'cancel', id: 1 })).toEqual([]);
    expect(sent(say(server, { type: 'call', id: 101, name: 'status' }))).toMatchObject([{ error: { code: 'busy' } }]);
    server.answer(1, ok({}));
    expect(drain(server)).toEqual([]);
    expect(not(say(server, { type: 'call', id: 102, name: 'status' }))).toHaveLength(1);
  });

  it('sends a snapshot, then patches with consecutive revisions, and nothing when nothing changed', () => {
    const server = welcomed();
    expect(say(server, { type: 'watch', id: 3, topic: 'state' })).toEqual([{ kind: 'watch', id: 3, topic: 'state' }]);
    server.publish(3, value('home'));
    server.publish(3, value('home'));
    server.publish(3, value('house'));
    const [snapshot, patch, ...rest] = sent(drain(server));
    expect(snapshot).toMatchObject({ type: 'snapshot', id: 3, rev: 1, value: { networks: [{ name: 'home' }] } });
    expect(patch).toMatchObject({ type: 'patch', id: 3, rev: 2 });
    expect(rest).toEqual([]);
    // A repeated watch is a wish for a fresh snapshot.
    expect(not(say(server, { type: 'watch', id: 3, topic: 'state' }))).toHaveLength(1);
    server.publish(3, value('house'));
    expect(sent(drain(server))).toMatchObject([{ type: 'snapshot', rev: 3 }]);
    expect(say(server, { type: 'unwatch', id: 3 })).toEqual([{ kind: 'unwatch', id: 3 }]);
    server.publish(3, value('x'));
    expect(drain(server)).toEqual([]);
  });

  it('limits watches, refuses unknown topics and values that do not fit', () => {
    const server = welcomed();
    expect(sent(say(server, { type: 'watch', id: 99, topic: 'constructor' }))).toMatchObject([
      { error: { code: 'unknown-call' } },
    ]);
    for (let id = 1; id <= limits.WATCHES_PER_CLIENT_MAX; id++)
      expect(not(say(server, { type: 'watch', id, topic: 'state' }))).toHaveLength(1);
    expect(sent(say(server, { type: 'watch', id: 50, topic: 'state' }))).toMatchObject([{ error: { code: 'busy' } }]);
    server.publish(1, { networks: 5 });
    const outputs = drain(server);
    expect(sent(outputs)).toMatchObject([{ type: 'answer', id: 1, error: { code: 'internal' } }]);
    expect(not(outputs)).toEqual([{ kind: 'unwatch', id: 1 }]);
  });

  it('ends a value that is too large for one message with a code', () => {
    const server = welcomed();
    say(server, { type: 'watch', id: 1, topic: 'state' });
    server.publish(1, state([network('x'.repeat(limits.MESSAGE_BYTES_MAX))]) as unknown as Json);
    expect(sent(drain(server))).toEqual([
      { type: 'answer', id: 1, error: { code: 'too-large', data: { what: 'state' } } },
    ]);
  });

  it('takes a hundred calls a second and a burst', () => {
    const server = welcomed();
    const busy = (now: number): boolean => {
      const outputs = say(server, { type: 'call', id: 1, name: 'status' }, now);
      server.answer(1, ok(value('home')));
      drain(server);
      return sent(outputs).some((message) => JSON.stringify(message).includes('"busy"'));
    };
    let done = 0;
    while (!busy(1_000)) done++;
    expect(done).toBe(limits.REQUESTS_BURST_MAX);
    expect(Array.from({ length: 200 }, (_, i) => busy(1_000 + i * 10)).filter(Boolean).length).toBeLessThan(5);
    // A clock that goes back gives nothing.
    while (!busy(9_000));
    expect(busy(0)).toBe(true);
    expect(busy(0)).toBe(true);
  });

  it('answers what it does not know, and ends with a code on what it cannot read', () => {
    expect(sent(say(welcomed(), { type: 'telepathy', id: 9 }))).toEqual([
      { type: 'answer', id: 9, error: { code: 'unknown-call' } },
    ]);
    expect(say(welcomed(), { type: 'telepathy' })).toEqual([]);
    expect(sent(say(welcomed(), { type: 'call', id: 9 }))).toMatchObject([{ error: { code: 'bad-argument' } }]);
    for (const bad of ['', 'x', '[]', 'null', '"hello"', '{}', '{"type":5}', '{"type":"call","id":-1,"name":"status"}'])
      expect(sent(say(welcomed(), bad)), bad).toEqual([{ type: 'bye', code: 'bad-argument' }]);
    const large = `{"type":"call","id":1,"name":"${'ä'.repeat(limits.REQUEST_BYTES_MAX / 2)}"}`;
    expect(sent(say(welcomed(), large))).toEqual([{ type: 'bye', code: 'too-large' }]);
    const server = welcomed();
    say(server, { type: 'call', id: 1, name: 'status' });
    expect(sent(say(server, { type: 'call', id: 1, name: 'status' }))).toEqual([{ type: 'bye', code: 'bad-argument' }]);
  });

  it('never throws, whatever comes', () => {
    const word = fc.constantFrom(
      'hello',
      'call',
      'cancel',
      'watch',
      'unwatch',
      'bye',
      'status',
      'state',
      'network.join',
      '__proto__',
    );
    const message = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({
          type: word,
          id: fc.oneof(fc.nat(3), fc.jsonValue()),
          name: word,
          topic: word,
          params: fc.jsonValue(),
        })
        .map((m) => JSON.stringify(m)),
    );
    const property = fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const server = welcomed();
      for (const text of messages) {
        server.receive(text, 0);
        for (const output of drain(server)) {
          if (output.kind === 'call') server.answer(output.id, ok({}));
          if (output.kind === 'watch') server.publish(output.id, value('home'));
        }
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});

describe('the client', () => {
  const connected = (): ClientMachine => {
    const client = new ClientMachine({ client: 'test' });
    client.receive('{"type":"welcome","version":1,"contract":1,"access":"use","engine":"1.2.3"}');
    drain(client);
    return client;
  };

  it('says hello first and refuses bad parameters by itself', () => {
    const client = new ClientMachine({ client: 'test', token: 'secret' });
    const id = client.call('invite.create', { uses: 0 });
    expect(drain(client)).toEqual([
      { kind: 'send', text: '{"type":"hello","version":1,"client":"test","token":"secret"}' },
      { kind: 'answer', id, outcome: fail('bad-argument', { what: 'uses' }) },
    ]);
  });

  it('asks again after a gap, and ignores patches until the snapshot comes', () => {
    const client = connected();
    const id = client.watch('state');
    drain(client);
    const patch = (rev: number, name: string): string =>
      JSON.stringify({ type: 'patch', id, rev, ops: [{ op: 'set', path: ['networks', 0, 'name'], value: name }] });
    client.receive(JSON.stringify({ type: 'snapshot', id, rev: 1, value: value('home') }));
    client.receive(patch(2, 'two'));
    client.receive(patch(4, 'four'));
    client.receive(patch(5, 'five'));
    client.receive(JSON.stringify({ type: 'snapshot', id, rev: 6, value: value('six') }));
    client.receive(patch(7, 'seven'));
    const outputs = drain(client);
    expect(sent(outputs)).toEqual([{ type: 'watch', id, topic: 'state' }]);
    const names = outputs.flatMap((output) =>
      output.kind === 'value' ? [(output.value as { networks: { name: string }[] }).networks[0]?.name] : [],
    );
    expect(names).toEqual(['home', 'two', 'six', 'seven']);
  });

  it('keeps fields of later versions and shows unknown codes as internal', () => {
    const client = connected();
    const id = client.watch('state');
    client.receive(
      JSON.stringify({ type: 'snapshot', id, rev: 1, value: { ...(value('home') as object), future: [1] } }),
    );
    client.receive(JSON.stringify({ type: 'patch', id, rev: 2, ops: [{ op: 'set', path: ['future', 1], value: 2 }] }));
    client.receive(JSON.stringify({ type: 'prophecy', id }));
    const call = client.call('status', {});
    client.receive(JSON.stringify({ type: 'answer', id: call, error: { code: 'from-the-future' } }));
    const outputs = drain(client);
    expect(outputs.filter((output) => output.kind === 'value').pop()).toMatchObject({ value: { future: [1, 2] } });
    expect(outputs.pop()).toEqual({ kind: 'answer', id: call, outcome: fail('internal', { why: 'from-the-future' }) });
  });

  it('answers everything that is open when the connection ends, once', () => {
    const client = connected();
    const [call, watch] = [client.call('status', {}), client.watch('state')];
    drain(client);
    client.receive('{"type":"bye","code":"engine-unreachable"}');
    client.end({ code: 'timeout' });
    client.receive(JSON.stringify({ type: 'answer', id: call, result: value('home') }));
    const failure = { code: 'engine-unreachable' };
    expect(drain(client)).toEqual([
      { kind: 'answer', id: call, outcome: { ok: false, error: failure } },
      { kind: 'unwatched', id: watch, failure },
      { kind: 'ended', failure },
    ]);
    expect(client.call('status', {}) && drain(client)).toMatchObject([{ kind: 'answer', outcome: { error: failure } }]);
    expect(client.watch('state') && drain(client)).toMatchObject([{ kind: 'unwatched', failure }]);
  });

  it('ends on what it cannot read, and on snapshots of another world only the watch', () => {
    const bad = connected();
    bad.receive('{"type":"answer"}');
    expect(drain(bad)).toMatchObject([{ kind: 'ended', failure: { code: 'internal' } }]);
    const client = connected();
    const id = client.watch('state');
    client.receive(JSON.stringify({ type: 'snapshot', id, rev: 1, value: { networks: 'none' } }));
    expect(drain(client).pop()).toEqual({ kind: 'unwatched', id, failure: { code: 'engine-outdated' } });
  });
});
