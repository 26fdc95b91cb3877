// What the fake engine's networks look like: people, addresses and groups of everyday life.
import type { Group, Invite, Member, Network, State } from '../../../app/contract/state.ts';

const NOW = Date.now();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const idOf = (name: string): string => `${name}k3vq7zt2mnxw4abcy5odhr6ujlefgpsiv3q7zt2mnxw4abcy5od`.slice(0, 52);

export function member(name: string, host: number, more: Partial<Member> = {}): Member {
  return {
    id: idOf(name),
    name,
    role: 'member',
    self: false,
    addresses: [`10.87.3.${host}`, `fd5c:91a2:7e40::${(host * 4_099).toString(16)}`],
    dnsName: `${name}.home.weft`,
    online: true,
    path: 'direct',
    transport: 'udp',
    endpoint: `198.51.100.${host}:41641`,
    rttMs: host / 7,
    lastSeenMs: NOW - 2_000,
    rxBytes: host * 12_345_678,
    txBytes: host * 2_345_678,
    ...more,
  };
}

const self = (name: string, host: number): Member =>
  member(name, host, {
    self: true,
    role: 'owner',
    path: 'self',
    transport: undefined,
    endpoint: undefined,
    rttMs: undefined,
  });

export const group = (address: string, names: string[], more: Partial<Group> = {}): Group => ({
  address,
  members: names.map(idOf),
  joined: names.includes('anna'),
  ...more,
});

const invite = (id: string, more: Partial<Invite>): Invite => ({
  id,
  role: 'member',
  usesMax: 1,
  usesLeft: 1,
  createdMs: NOW - 20 * MINUTE,
  expiresMs: NOW + DAY,
  issuer: 'anna',
  issuerId: idOf('anna'),
  state: 'open',
  ...more,
});

export const home = (more: Partial<Network> = {}): Network => ({
  id: 'home',
  name: 'home',
  state: 'connected',
  on: true,
  addresses: ['10.87.3.9/16', 'fd5c:91a2:7e40::901b/64'],
  adapter: 'weft0',
  mtu: 1380,
  selfId: idOf('anna'),
  selfRole: 'owner',
  members: [
    self('anna', 9),
    member('ben', 23, {
      role: 'admin',
      tried: [{ transport: 'udp', result: 'reached', endpoint: '198.51.100.23:41641' }],
    }),
    member('cleo', 41, {
      ...{ transport: 'wss', endpoint: '198.51.100.41:443', proxy: 'http://proxy.example:3128' },
      tried: [
        { transport: 'udp', result: 'no-answer' },
        { transport: 'tcp', result: 'timeout', endpoint: '198.51.100.41:443' },
        { transport: 'tls', result: 'proxy-refused', proxied: true, endpoint: '198.51.100.41:443' },
        { transport: 'wss', result: 'reached', proxied: true, endpoint: '198.51.100.41:443' },
      ],
    }),
    member('studio-nas', 77, { rttMs: 0.4 }),
    member('dora', 102, {
      ...{ path: 'relay', transport: 'relay', rttMs: 63, endpoint: undefined, relays: ['ben'] },
      tried: [
        { transport: 'udp', result: 'no-answer' },
        { transport: 'tcp', result: 'refused', endpoint: '203.0.113.102:41641' },
        { transport: 'webrtc', result: 'timeout' },
      ],
    }),
    member('emil', 130, { path: 'none', transport: undefined, endpoint: undefined, rttMs: undefined }),
    member('old-laptop', 188, {
      online: false,
      path: 'none',
      transport: undefined,
      endpoint: undefined,
      rttMs: undefined,
      lastSeenMs: NOW - 3 * DAY,
      cause: 'timeout',
    }),
  ],
  groups: [
    group('224.0.0.251', ['anna', 'ben', 'cleo', 'studio-nas', 'dora'], { sending: { way: 'direct', receivers: 4 } }),
    group('239.255.255.250', ['ben', 'studio-nas']),
    group('239.20.1.7', ['anna', 'cleo'], { mode: 'include', sources: ['10.87.3.23'] }),
    group('ff15::4a5', ['dora', 'cleo']),
  ],
  channels: [
    {
      ...{ id: 'c1', name: 'stage', address: '239.193.4.5', port: 20_112, repair: 'nack', subscribers: null },
      ...{ publishers: [idOf('ben')], signed: true, joined: true },
      ...{ mayPublish: false, maySubscribe: true, mayChange: true },
    },
    {
      ...{ id: 'c2', name: 'walkie', address: '239.194.77.2', port: 23_004, repair: 'off', subscribers: null },
      ...{ publishers: null, signed: false, joined: false },
      ...{ mayPublish: true, maySubscribe: true, mayChange: true },
    },
  ],
  invites: [
    invite('i1', { usesMax: 5, usesLeft: 3 }),
    invite('i2', {
      role: 'admin',
      issuer: 'ben',
      issuerId: idOf('ben'),
      createdMs: NOW - 3 * DAY,
      state: 'used',
      usesLeft: 0,
    }),
    invite('i3', { role: 'guest', createdMs: NOW - 9 * DAY, expiresMs: NOW - 2 * DAY, state: 'expired' }),
  ],
  problems: [],
  createdMs: NOW - 40 * DAY,
  ...more,
});

export const club = (more: Partial<Network> = {}): Network =>
  home({
    id: 'club',
    name: 'chess-club',
    adapter: 'weft1',
    addresses: ['10.142.0.17/16', 'fd08:7c1e:44b2::11/64'],
    selfRole: 'member',
    members: [{ ...self('anna', 17), role: 'member' }, member('omar', 3, { role: 'owner' }), member('lin', 5)],
    groups: [],
    channels: [],
    invites: [],
    ...more,
  });

/** A network as `network.create` makes it. */
export const fresh = (id: string, name: string): Network =>
  home({ id, name, members: [self('anna', 9)], groups: [], channels: [], invites: [] });

export const state = (networks: Network[], more: Partial<State> = {}): State => ({
  version: '0.1.0',
  contract: 1,
  networks,
  settings: {
    deviceName: 'anna',
    listen: [],
    language: 'en',
    theme: 'system',
    startMinimised: false,
    quit: 'disconnect',
    relay: 'unlimited',
    relayKBps: 0,
    uplinkKBps: 0,
    only443: false,
    trafficClass: true,
    proxy: 'auto',
    portMapping: true,
    lan: true,
    dht: true,
    stun: [],
    port443: false,
    anywhere: ['discovery', 'games'],
    webrtc: true,
    turn: [],
  },
  problems: [],
  listening: ['0.0.0.0:41641', '[::]:41641'],
  helper: 'ready',
  finding: {
    nat: 'cone',
    observed: ['203.0.113.40:41641'],
    mapping: { state: 'none', endpoints: [] },
    lan: { on: true, found: 2 },
    dht: { on: true, found: 0, last: 'idle' },
  },
  ...more,
});
