// LAN discovery: beacons by multicast on every underlay interface, answers by unicast. Rates are bounded in both directions.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import {
  beaconIsSigned,
  type BeaconKind,
  beaconKeys,
  BeaconTags,
  encodeBeacon,
  openBeacon,
  type SignedBeacon,
} from '../../app/mesh/discovery/beacon.ts';
import { dayOf, NONCE_BYTES } from '../../app/mesh/discovery/seal.ts';
import { formatEndpoint, parseEndpoint, parseIp } from '../../app/wire/messages/address.ts';
import { hex, sameBytes } from '../../app/wire/text.ts';
import { nodeRandom } from '../host/crypto.ts';
import type { LanDiscovery, LanFound, LanNetwork, Off } from './ports.ts';
import { sealCrypto as crypto } from './seal-crypto.ts';

export const LAN_PORT = 45_877;
/** Organisation-local scope, never routed with a TTL of 1. */
export const LAN_GROUP_IPV4 = '239.255.87.70';
/** Link-local scope, transient. */
export const LAN_GROUP_IPV6 = 'ff12::5765:6674';
/** After a start or a change of addresses: frames get lost, ports of switches wake slowly, and who was here a moment ago is missed late. */
const BURST_AT_MS = [0, 1000, 3000, 10_000];
const SEEKING_EVERY_MS = 30_000;
const QUIET_EVERY_MS = 600_000;
/** Answers and findings together, over all networks, a second. */
const HEARD_PER_SECOND = 32;
/** An ask made longer ago than this, by its own word, says nothing of now: it may be a replay. */
const ASK_FRESH_MS = 20_000;
const INTERFACES_MAX = 16;

export interface LanOptions {
  port?: number;
  look?: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** Tests only: loopback counts as an interface. */
  loopback?: boolean;
  /**
   * Ed25519 key of a member that counts now, null for anybody else. Beacons of others (removed members keep the network id) are dropped.
   */
  keyOf: (net: number, member: Uint8Array) => Uint8Array | null;
  /** The network reaches this member now: it needs no answer, and what it asks need not be asked again. */
  isOnline: (net: number, member: Uint8Array) => boolean;
}

interface Out {
  socket: Socket;
  group: string;
  scope: string;
  family: 'IPv4' | 'IPv6';
}

export class LanBeacons implements LanDiscovery {
  #networks: LanNetwork[] = [];
  #tags = new BeaconTags(crypto, [], 0);
  #tagsDay = -1;
  #ears: Socket[] = [];
  #outs = new Map<string, Out>();
  readonly #listeners = new Set<(found: LanFound) => void>();
  #bursts: NodeJS.Timeout[] = [];
  #periodic: NodeJS.Timeout | null = null;
  #heard = { second: 0, count: 0 };
  /** When a member that is online last asked, by network and family; monotonic ms. */
  readonly #asked = new Map<string, number>();
  #stopped = false;
  readonly #port: number;

  constructor(private readonly options: LanOptions) {
    this.#port = options.port ?? LAN_PORT;
  }

  set(networks: LanNetwork[]): void {
    if (this.#stopped) return;
    const before = this.#networks;
    this.#networks = networks;
    this.#tagsDay = -1;
    if (networks.length === 0) return this.#close();
    if (before.length === 0) this.#open();
    const said = (list: LanNetwork[]) => list.map((one) => [hex(one.networkId), ...one.endpoints].join()).join(';');
    if (said(before) !== said(networks)) this.#burst();
    else this.#schedule();
  }

  refresh(): void {
    if (this.#stopped || this.#networks.length === 0) return;
    this.#joinAll();
    this.#burst();
  }

  onFound(listener: (found: LanFound) => void): Off {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#stopped = true;
    this.#networks = [];
    this.#close();
  }

  #open(): void {
    for (const type of ['udp4', 'udp6'] as const) {
      const ear = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' });
      // A machine without the family or with the port taken exclusively has one ear less.
      ear.on('error', () => this.#dropEar(ear));
      ear.on('message', (bytes, from) => this.#hear(bytes, from));
      ear.bind(this.#port, () => this.#joinAll());
      ear.unref();
      this.#ears.push(ear);
    }
  }

  #dropEar(ear: Socket): void {
    this.#ears = this.#ears.filter((other) => other !== ear);
    try {
      ear.close();
    } catch {
      // It was closed by the error.
    }
  }

  #close(): void {
    this.#bursts.forEach(clearTimeout);
    this.#bursts = [];
    if (this.#periodic) clearTimeout(this.#periodic);
    for (const socket of [...this.#ears, ...[...this.#outs.values()].map((out) => out.socket)]) socket.close();
    this.#ears = [];
    this.#outs.clear();
    this.#asked.clear();
  }

  /** Joins the groups on every underlay interface and keeps one sender for each. */
  #joinAll(): void {
    const found = underlay((this.options.look ?? networkInterfaces)(), this.options.loopback === true);
    for (const [name, out] of this.#outs)
      if (!found.some((one) => one.name === name)) {
        out.socket.close();
        this.#outs.delete(name);
      }
    for (const one of found) {
      const type = one.ipv6 ? 'udp6' : 'udp4';
      for (const ear of this.#ears) join(ear, one);
      if (this.#outs.has(one.name)) continue;
      const socket = createSocket({ type });
      socket.on('error', () => undefined);
      // Answers come to where the beacon came from.
      socket.on('message', (bytes, from) => this.#hear(bytes, from));
      socket.bind(0, () => aim(socket, one));
      socket.unref();
      const group = one.ipv6 ? `${LAN_GROUP_IPV6}%${one.scope}` : LAN_GROUP_IPV4;
      this.#outs.set(one.name, { socket, group, scope: one.scope, family: one.ipv6 ? 'IPv6' : 'IPv4' });
    }
  }

  #burst(): void {
    this.#bursts.forEach(clearTimeout);
    this.#bursts = BURST_AT_MS.map((delay) => setTimeout(() => this.#announce(0), delay).unref());
    this.#schedule();
  }

  #schedule(): void {
    const every = this.#networks.some((network) => network.seeking) ? SEEKING_EVERY_MS : QUIET_EVERY_MS;
    // Jitter of a quarter keeps members from speaking in step.
    const delay = every * (0.875 + ((nodeRandom.bytes(1)[0] as number) / 255) * 0.25);
    // One at a time: whether members are missing changes often.
    if (this.#periodic) clearTimeout(this.#periodic);
    this.#periodic = setTimeout(() => {
      this.#announce(every);
      this.#schedule();
    }, delay).unref();
  }

  /** Not where somebody else of the network asked less than `everyMs` ago: that finds the same members. */
  #announce(everyMs: number): void {
    const outs = [...this.#outs.values()];
    // Nothing tells by which interface a beacon came.
    const alone = new Set(outs.map(({ scope }) => scope)).size === 1;
    const since = performance.now() - everyMs;
    for (const network of this.#networks) {
      const bytes = this.#beacon(network, 'ask');
      if (!bytes) continue;
      for (const { socket, group, family } of outs) {
        const asked = this.#asked.get(askKey(network.net, family)) ?? -Infinity;
        if (!alone || asked <= since) send(socket, bytes, this.#port, group);
      }
    }
  }

  #beacon(network: LanNetwork, kind: BeaconKind): Uint8Array | null {
    const now = Date.now();
    const keys = beaconKeys(crypto, network.networkId, dayOf(now));
    const entry = { kind, member: network.member, issuedMs: now, endpoints: network.endpoints };
    return encodeBeacon(crypto, keys, network.signSeed, nodeRandom.bytes(NONCE_BYTES), entry);
  }

  #hear(bytes: Uint8Array, from: RemoteInfo): void {
    const now = Date.now();
    this.#freshTags(now);
    const keys = this.#tags.find(bytes);
    if (!keys || !this.#allowed(now)) return;
    const beacon = openBeacon(crypto, keys, new Uint8Array(bytes), now);
    const network = this.#networks.find((one) => sameBytes(one.networkId, keys.networkId));
    if (!beacon || !network || sameBytes(beacon.member, network.member)) return;
    const memberKey = this.options.keyOf(network.net, beacon.member);
    if (!memberKey || !beaconIsSigned(crypto, keys, memberKey, beacon)) return;
    const endpoints = withSender(beacon.endpoints, from.address);
    for (const listener of this.#listeners) listener({ net: network.net, member: beacon.member, endpoints });
    if (beacon.kind === 'ask') this.#asks(network, beacon, from);
  }

  #asks(network: LanNetwork, { member, issuedMs }: SignedBeacon, from: RemoteInfo): void {
    if (this.options.isOnline(network.net, member)) {
      const isFresh = Math.abs(Date.now() - issuedMs) <= ASK_FRESH_MS;
      if (isFresh) this.#asked.set(askKey(network.net, from.family), performance.now());
      return;
    }
    const answer = this.#beacon(network, 'answer');
    const ear = this.#ears.find((one) => one.address().family === from.family);
    if (answer && ear) send(ear, answer, from.port, from.address);
  }

  #freshTags(now: number): void {
    if (this.#tagsDay === dayOf(now)) return;
    const ids = this.#networks.map((network) => network.networkId);
    this.#tags = new BeaconTags(crypto, ids, now);
    this.#tagsDay = dayOf(now);
  }

  #allowed(now: number): boolean {
    const second = Math.floor(now / 1000);
    if (second !== this.#heard.second) this.#heard = { second, count: 0 };
    return ++this.#heard.count <= HEARD_PER_SECOND;
  }
}

const askKey = (net: number, family: string): string => `${net}/${family}`;

interface Underlay {
  /** Unique by interface and family. */
  name: string;
  scope: string;
  address: string;
  ipv6: boolean;
}

/** One entry a family and interface; never Weft's own adapters. */
export function underlay(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>, loopback: boolean): Underlay[] {
  const found = new Map<string, Underlay>();
  for (const [scope, list] of Object.entries(interfaces)) {
    if (scope.startsWith('weft')) continue;
    for (const { address, family, internal } of list ?? []) {
      const ipv6 = family === 'IPv6';
      if (internal !== loopback || (ipv6 && !loopback && !/^fe80:/i.test(address))) continue;
      const name = `${scope}/${family}`;
      if (!found.has(name) && found.size < INTERFACES_MAX) found.set(name, { name, scope, address, ipv6 });
    }
  }
  return [...found.values()];
}

function join(ear: Socket, { scope, address, ipv6 }: Underlay): void {
  try {
    if ((ear.address().family === 'IPv6') !== ipv6) return;
    if (ipv6) ear.addMembership(LAN_GROUP_IPV6, `::%${scope}`);
    else ear.addMembership(LAN_GROUP_IPV4, address);
  } catch {
    // Joined already, not bound yet, or an interface without multicast.
  }
}

function aim(socket: Socket, { scope, address, ipv6 }: Underlay): void {
  try {
    socket.setMulticastInterface(ipv6 ? `::%${scope}` : address);
    socket.setMulticastTTL(1);
  } catch {
    // An interface without multicast.
  }
}

function send(socket: Socket, bytes: Uint8Array, port: number, address: string): void {
  try {
    socket.send(bytes, port, address, () => undefined);
  } catch {
    // Not bound yet or closed: the next beacon goes out.
  }
}

/** The address that a beacon came from, with the ports that it lists, then the list. */
export function withSender(endpoints: string[], sender: string): string[] {
  const address = parseIp(sender.split('%')[0] as string);
  // Link-local addresses mean nothing without their interface, which endpoints do not name.
  if (!address || (address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80)) return endpoints;
  const first = endpoints.map(parseEndpoint).find((one) => one !== null);
  const seen = first ? [formatEndpoint({ ...first, address })] : [];
  return [...new Set([...seen, ...endpoints])];
}
