// Golden files of contract version 1. They are never edited: a change that cannot read them is not a change within the version.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ok } from '../../app/contract/errors.ts';
import {
  ClientMachine,
  ClientMessage,
  decodeClientMessage,
  decodeServerMessage,
  ServerMachine,
  ServerMessage,
} from '../../app/contract/protocol/index.ts';
import { CALLS, TOPICS, type CallName } from '../../app/contract/table.ts';
import { group, invite, member, network, state, traffic } from './support/samples.ts';

const folder = new URL('../golden/contract/', import.meta.url).pathname;
const update = process.env['UPDATE_GOLDEN'] === '1';

/** The file's value. With UPDATE_GOLDEN=1 absent files are made; existing ones are left alone. */
function golden(name: string, make: () => unknown): unknown {
  const path = join(folder, `${name}.json`);
  if (update && !existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, `${JSON.stringify(make(), null, 2)}\n`);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as unknown;
}

const home = state([network('home')]);
const done = [{}, {}] as const;
const named = { network: 'home' };
/** Parameters and result of every call. */
const calls: Record<CallName, readonly [unknown, unknown]> = {
  status: [{}, home],
  'network.create': [{ name: 'home', memberName: 'anna' }, { id: 'home' }],
  'network.preview': [
    { link: 'weft://join/#abc' },
    {
      networkId: 'home',
      networkName: 'home',
      fingerprint: '12ab 34cd 56ef 7890',
      inviter: 'anna',
      role: 'member',
      expiresMs: 1_700_086_400_000,
      waysIn: 2,
      alreadyMember: false,
    },
  ],
  'network.join': [{ link: 'weft://join/#abc', memberName: 'ben' }, { id: 'home' }],
  'network.leave': [named, {}],
  'network.up': [named, {}],
  'network.down': done,
  'network.rename': [{ ...named, name: 'house' }, {}],
  'network.recovery': [named, { recovery: 'text' }],
  'invite.create': [
    { ...named, role: 'guest', uses: 2, expiresSeconds: 3600 },
    { id: 'invite-id', link: 'weft://join/#abc', expiresMs: 1_700_086_400_000 },
  ],
  'invite.list': [named, { invites: [invite] }],
  'invite.revoke': [{ ...named, invite: 'invite-id' }, {}],
  'member.remove': [{ ...named, member: 'ben' }, { review: ['invite-id'] }],
  'member.rename': [{ ...named, member: 'ben', name: 'benjamin' }, {}],
  'member.setRole': [{ ...named, member: 'ben', role: 'admin' }, {}],
  'channel.create': [
    { ...named, name: 'stage', repair: 'nack', publishers: ['anna'], subscribers: null },
    { id: '00112233445566778899aabbccddeeff', address: '239.193.4.5', port: 20_000 },
  ],
  'channel.change': [{ ...named, channel: 'stage', publishers: null }, {}],
  'channel.close': [{ ...named, channel: 'stage' }, {}],
  'channel.join': [{ ...named, channel: 'stage' }, {}],
  'channel.leave': [{ ...named, channel: 'stage' }, {}],
  'settings.set': [{ theme: 'dark' }, home.settings],
  'doctor.run': [
    {},
    {
      items: [{ id: 'tun', level: 'error', code: 'no-tun', text: '/dev/net/tun is missing.', remedy: 'Load it.' }],
      figures: { wakes: 12, replay: 0 },
    },
  ],
  'helper.install': done,
  'engine.stop': [{ disconnect: false }, {}],
};

const clientMessages: Record<ClientMessage['type'], unknown> = {
  hello: { type: 'hello', version: 1, client: 'cli 0.1.0', token: 'abc' },
  call: { type: 'call', id: 1, name: 'network.create', params: { name: 'home' } },
  cancel: { type: 'cancel', id: 1 },
  watch: { type: 'watch', id: 2, topic: 'state' },
  unwatch: { type: 'unwatch', id: 2 },
  bye: { type: 'bye', code: 'cancelled' },
};
const serverMessages: Record<string, unknown> = {
  welcome: { type: 'welcome', version: 1, contract: 1, access: 'use', engine: '0.1.0' },
  'answer-result': { type: 'answer', id: 1, result: { id: 'home' } },
  'answer-error': { type: 'answer', id: 1, error: { code: 'no-such-network', data: { what: 'home' } } },
  snapshot: { type: 'snapshot', id: 2, rev: 1, value: home },
  patch: {
    type: 'patch',
    id: 2,
    rev: 2,
    ops: [
      { op: 'set', path: ['networks', 0, 'members', 1, 'rttMs'], value: 2.5 },
      { op: 'delete', path: ['networks', 0, 'groups', 0] },
    ],
  },
  bye: { type: 'bye', code: 'engine-unreachable' },
};

const fits = (schema: z.ZodType, value: unknown): void => expect(schema.parse(value)).toEqual(value);

describe('golden files of contract version 1', () => {
  it.each(Object.keys(CALLS) as CallName[])('call %s', (name) => {
    const [params, result] = calls[name];
    const file = golden(`call.${name}`, () => ({ params, result })) as { params: unknown; result: unknown };
    fits(CALLS[name].params, file.params);
    fits(CALLS[name].result, file.result);
  });

  it.each(Object.entries(clientMessages))('client message %s', (name, message) => {
    const text = JSON.stringify(golden(`client.${name}`, () => message));
    const decoded = decodeClientMessage(text);
    expect(decoded).toEqual({ kind: 'message', message: JSON.parse(text) });
  });

  it.each(Object.entries(serverMessages))('server message %s', (name, message) => {
    const text = JSON.stringify(golden(`server.${name}`, () => message));
    const decoded = decodeServerMessage(text);
    expect(decoded).toEqual({ kind: 'message', message: JSON.parse(text) });
  });

  it('topics', () => {
    fits(
      TOPICS.state.snapshot,
      golden('topic.state', () => home),
    );
    fits(
      TOPICS.traffic.snapshot,
      golden('topic.traffic', () => traffic),
    );
    // Optional fields may be absent.
    const bare = member('cleo', { online: false, path: 'none' });
    for (const key of ['transport', 'endpoint', 'rttMs', 'lastSeenMs'] as const) delete bare[key];
    fits(
      TOPICS.state.snapshot,
      golden('topic.state-bare', () => state([network('home', { adapter: null, members: [bare], groups: [group] })])),
    );
    // Additions within the version.
    const shape = { receivers: 5, unserved: 0, depth: 2, degree: 4, relays: 1 };
    const sent = { ...group, sending: { way: 'trees' as const, stripes: 2, ...shape } };
    const tree = { origin: 'anna', groups: [group.address], epoch: 3, parent: null, children: 2, hops: 0, ...shape };
    const trees = [{ ...tree, edges: [['ben', 'anna'] as [string, string]] }];
    fits(
      TOPICS.state.snapshot,
      golden('topic.state-trees', () => state([network('home', { groups: [sent], trees })])),
    );
  });

  it('has a file for every message of this version, and the machines speak them', () => {
    const types = (schema: typeof ClientMessage | typeof ServerMessage): string[] =>
      schema.options.map((option) => option.shape.type.value);
    const files = readdirSync(folder).map((name) => name.replace(/\.json$/, ''));
    for (const type of types(ClientMessage)) expect(files).toContain(`client.${type}`);
    for (const type of types(ServerMessage)) expect(files.some((name) => name.startsWith(`server.${type}`))).toBe(true);
    const client = new ClientMachine({ client: 'cli 0.1.0', token: 'abc' });
    const server = new ServerMachine({ authorize: () => 'use', engine: '0.1.0' });
    client.call('network.create', { name: 'home' });
    const said: unknown[] = [];
    for (let out = client.next(); out; out = client.next()) {
      if (out.kind !== 'send') continue;
      said.push(JSON.parse(out.text));
      server.receive(out.text, 0);
    }
    expect(said).toEqual([golden('client.hello', () => null), golden('client.call', () => null)]);
    const answers: unknown[] = [];
    for (let out = server.next(); out; out = server.next()) {
      if (out.kind === 'call') server.answer(out.id, ok({ id: 'home' }));
      if (out.kind === 'send') answers.push(JSON.parse(out.text));
    }
    expect(answers).toEqual([golden('server.welcome', () => null), golden('server.answer-result', () => null)]);
  });
});
