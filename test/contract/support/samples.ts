// Values of every shape that a client sees; the golden files and the fakes are made of them.
import type { Channel, Group, Invite, Member, Network, State, Traffic } from '../../../app/contract/state.ts';

export const member = (name: string, more: Partial<Member> = {}): Member => ({
  id: `${name}-id`,
  name,
  role: 'member',
  self: false,
  addresses: ['10.87.3.9', 'fd00:77::9'],
  dnsName: `${name}.home.weft`,
  online: true,
  path: 'direct',
  transport: 'udp',
  endpoint: '192.0.2.7:51820',
  rttMs: 1.5,
  lastSeenMs: 1_700_000_000_000,
  rxBytes: 1_000,
  txBytes: 2_000,
  ...more,
});

export const group: Group = {
  address: '239.1.2.3',
  members: ['anna-id', 'ben-id'],
  joined: true,
  mode: 'include',
  sources: ['10.87.3.9'],
};

/** Only anna may send to it. */
export const channel: Channel = {
  id: '00112233445566778899aabbccddeeff',
  name: 'stage',
  address: '239.193.4.5',
  port: 20_000,
  repair: 'nack',
  publishers: ['anna-id'],
  signed: true,
  subscribers: null,
  joined: true,
  mayPublish: true,
  maySubscribe: true,
  mayChange: true,
};

export const invite: Invite = {
  id: 'invite-id',
  role: 'member',
  usesMax: 2,
  usesLeft: 1,
  expiresMs: 1_700_086_400_000,
  createdMs: 1_700_000_000_000,
  issuer: 'anna',
  issuerId: 'anna-id',
  state: 'open',
};

export const network = (name: string, more: Partial<Network> = {}): Network => ({
  id: name,
  name,
  state: 'connected',
  on: true,
  addresses: ['10.87.3.8/16', 'fd00:77::8/64'],
  adapter: 'weft0',
  mtu: 1380,
  selfId: 'anna-id',
  selfRole: 'owner',
  members: [member('anna', { self: true, role: 'owner', path: 'self' }), member('ben')],
  groups: [group],
  invites: [invite],
  problems: [{ code: 'prefix-overlaps', data: { local: '10.87.0.0/16' } }],
  createdMs: 1_700_000_000_000,
  ...more,
});

export const state = (networks: Network[]): State => ({
  version: '1.2.3',
  contract: 1,
  networks,
  settings: {
    deviceName: 'anna',
    listen: [],
    language: 'en',
    theme: 'system',
    startMinimised: false,
    quit: 'disconnect',
  },
  problems: [],
  listening: ['0.0.0.0:51820'],
  helper: 'ready',
});

export const traffic: Traffic = {
  atMs: 1_700_000_000_000,
  networks: [
    {
      id: 'home',
      rxBytesPerSecond: 10,
      txBytesPerSecond: 20,
      members: [{ id: 'ben-id', rxBytesPerSecond: 10, txBytesPerSecond: 20 }],
    },
  ],
};
