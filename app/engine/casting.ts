// The multicast trees of one network: binds app/mesh/multicast to records, statements, sessions and the data plane. Owned by Network.
import { Coordinates } from '../mesh/coordinates/coordinates.ts';
import type { TreesIo } from '../mesh/multicast/io.ts';
import type { ChannelRights, MemberWishes } from '../mesh/multicast/receivers.ts';
import { Trees, type TreesView } from '../mesh/multicast/trees.ts';
import { isChatter, isEntitled, receives, spelled } from '../mesh/multicast/wanting.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import { hex } from '../wire/messages/hex.ts';
import { formatIp } from '../wire/messages/address.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { TreeMessage } from '../wire/messages/tree.ts';
import type { Repair } from '../wire/record.ts';
import { channelRights } from './channels.ts';
import type { Peers } from './peers.ts';
import { Offences } from './limited.ts';
import type { LimitedEvent, Now, PeerStats, Ports, TreeEvent } from './ports.ts';
import type { Conduct } from './reaching.ts';
import type { Roll, RollMember } from './roll.ts';
import { StreamRates } from './stream-rates.ts';

/** Members, their wishes and their places change in bursts: trees are looked at this long after the first of them. */
const MEMBERS_COALESCE_MS = 10;
/** Chatter that went directly and goes on within this time is a stream. The data plane asks again after 10 s of sending directly. */
const CHATTER_MS = 30_000;
const CHATTER_GROUPS_MAX = 256;

export interface CastingIo {
  net: number;
  ports: Pick<Ports, 'crypto' | 'random' | 'dataplane'>;
  roll: Roll;
  peers: Peers;
  paths: Paths;
  /** Secret of the `boxKey` in the own statement. */
  boxSecret: Uint8Array;
  /** Larger at each start of the engine, as the sequences of own statements are. */
  start: number;
  send(origin: Origin, bytes: Uint8Array): boolean;
  conduct(): Conduct;
  changed(): void;
  /** The own programs began or ceased to send more than this device's share. */
  ownShare(now: Now): void;
}

/** What groups that are no channel's get: nobody asks for less. */
const OPEN_REPAIR: Repair = 'nack';

export class Casting {
  readonly #io: CastingIo;
  readonly #trees: Trees;
  readonly #coordinates: Coordinates;
  #now: Now = { mono: 0, wall: 0 };
  /** Of the records as they are; null: to be computed. */
  #rights: Map<string, ChannelRights> | null = null;
  /** When the trees hear that members changed. */
  #membersMono = Infinity;
  readonly #rates = new StreamRates();
  /** Members that send more than their share. */
  readonly offences: Offences;
  /** When groups by which hosts find each other were answered with "directly", the oldest first. */
  readonly #chatter = new Map<string, number>();

  constructor(io: CastingIo) {
    this.#io = io;
    const { roll, ports, start } = io;
    this.#coordinates = new Coordinates(ports.random);
    this.offences = new Offences(io.changed);
    this.#trees = new Trees(this.#treesIo(), { networkId: roll.networkId, self: roll.selfOrigin, start });
  }

  #treesIo(): TreesIo {
    const { net, ports, roll, peers, paths } = this.#io;
    const { crypto, random, dataplane } = ports;
    return {
      random,
      sign: (message) => crypto.sign(roll.keys.signSeed, message),
      verify: (origin, message, signature) => {
        const member = this.#member(origin);
        return member !== undefined && crypto.verify(member.signKey, message, signature);
      },
      hash: (...parts) => crypto.hash(...parts),
      hkdf: (key, info, length) => crypto.hkdf(key, info, length),
      sealBox: (key, secret, plaintext, aad) => crypto.sealBox(key, secret, plaintext, aad),
      openBox: (sealed, aad) => crypto.openBox(this.#io.boxSecret, sealed, aad),
      send: (origin, bytes) => this.#io.send(origin, bytes),
      connect: (origin) => paths.want(this.#now, origin),
      isUp: (origin) => paths.contacts.isUp(origin),
      peerHandle: (origin) => peers.of(origin)?.handle ?? null,
      presence: (origin) => paths.presence(origin),
      isOnline: (origin) => paths.isOnline(origin) && paths.presence(origin)?.off !== true,
      rttMs: (origin) => (paths.contacts.isRelayed(origin) ? undefined : paths.contacts.get(origin)?.rttMs),
      members: () =>
        roll.members().flatMap(({ origin, role }) => (role === 'guest' || origin === roll.selfOrigin ? [] : [origin])),
      receivers: (group) => this.#receivers(group),
      mayHear: (origin, group) => {
        const member = this.#member(origin);
        return member !== undefined && isEntitled(group, this.#wishes(member), this.#rightsOf(group));
      },
      maySpeak: (origin, group) => {
        const member = this.#member(origin);
        const rights = this.#rightsOf(group);
        return member !== undefined && (rights?.mayPublish({ origin, guest: member.role === 'guest' }) ?? true);
      },
      wants: (origin, group) => this.#wants(origin, group),
      repair: (group) => this.#repair(group),
      signed: (group) => this.#rightsOf(group)?.signed ?? false,
      castSigner: () => dataplane.castSigner?.(net) ?? null,
      rate: (group) => this.#rates.of(group),
      conduct: () => {
        const { relay, uplinkKBps, relayKBps } = this.#io.conduct();
        return { relays: relay === 'unlimited', uplinkKBps, relayKBps };
      },
      sequence: (tree) => dataplane.castSequence?.(net, tree) ?? 0,
      setTree: (config) => dataplane.setTree(net, config),
      dropTree: (origin, tree) => dataplane.dropTree(net, origin, tree),
      setCastKey: (key) => dataplane.setCastKey(net, key),
      sendOn: (group, trees) => dataplane.sendOn(net, group, trees),
      sendDirectly: (group) => dataplane.sendDirectly(net, group),
      changed: () => this.#io.changed(),
    };
  }

  // ---- who and what ----------------------------------------------------------------------------------------------------------

  #member(origin: Origin): RollMember | undefined {
    return this.#io.roll.member(origin);
  }

  #rightsOf(group: string): ChannelRights | undefined {
    this.#rights ??= channelRights(this.#io.roll);
    return this.#rights.get(group);
  }

  #wishes({ origin, role }: RollMember): MemberWishes {
    const peer = this.#io.peers.of(origin)?.handle ?? 0;
    return { peer, origin, guest: role === 'guest', wishes: this.#io.paths.presence(origin)?.groups ?? [] };
  }

  #receivers(group: string): Origin[] {
    const { roll, paths } = this.#io;
    const own = roll.self();
    if (!own) return [];
    const addresses = spelled([own.ipv4, own.ipv6, own.linkLocal]);
    const rights = this.#rightsOf(group);
    return roll
      .members()
      .filter((member) => member !== own && paths.presence(member.origin)?.off !== true)
      .filter((member) => receives(group, this.#wishes(member), rights, addresses))
      .map(({ origin }) => origin);
  }

  /** Whether this host has joined the group, for what that member sends. */
  #wants(origin: Origin, group: string): boolean {
    const own = this.#io.roll.self();
    const sender = this.#member(origin);
    if (!own || !sender) return false;
    const wishes = { ...this.#wishes(own), wishes: this.#io.paths.ownGroups() };
    return receives(group, wishes, undefined, spelled([sender.ipv4, sender.ipv6, sender.linkLocal]));
  }

  #repair(group: string): Repair {
    return this.#io.roll.channels().find((one) => formatIp(one.group) === group)?.repair ?? OPEN_REPAIR;
  }

  // ---- what happens ----------------------------------------------------------------------------------------------------------

  event(now: Now, event: TreeEvent | LimitedEvent): void {
    this.#now = now;
    const { mono } = now;
    switch (event.kind) {
      case 'stream':
        if (this.#isChatter(mono, event.group)) return this.#io.ports.dataplane.sendDirectly(this.#io.net, event.group);
        this.#rates.begin(mono, event.group);
        return this.#trees.stream(mono, event.group);
      case 'streamEnd':
        this.#rates.end(event.group);
        return this.#trees.streamEnd(mono, event.group);
      case 'grafted': {
        const parent = this.#io.peers.get(event.to)?.origin ?? null;
        return this.#trees.grafted(mono, hex(event.origin), event.tree, parent);
      }
      case 'treeTrouble':
        return this.#trees.trouble(mono, hex(event.origin), event.tree, event.code);
      case 'limited': {
        const { roll, peers } = this.#io;
        const origin = event.peer === undefined ? roll.selfOrigin : peers.get(event.peer)?.origin;
        if (origin !== undefined) this.#ownShare(now, () => this.offences.hear(now, origin, event));
        return;
      }
    }
  }

  /** Others hear of it when the own device begins or ceases to be limited. */
  #ownShare(now: Now, change: () => void): void {
    const { selfOrigin } = this.#io.roll;
    const before = this.offences.has(selfOrigin);
    change();
    if (this.offences.has(selfOrigin) !== before) this.#io.ownShare(now);
  }

  #isChatter(nowMono: number, group: string): boolean {
    if (!isChatter(group)) return false;
    const before = this.#chatter.get(group) ?? -Infinity;
    this.#chatter.delete(group);
    if (nowMono - before < CHATTER_MS) return false;
    this.#chatter.set(group, nowMono);
    if (this.#chatter.size > CHATTER_GROUPS_MAX) this.#chatter.delete(this.#chatter.keys().next().value as string);
    return true;
  }

  /** `bad`: the sender is at fault. */
  hear(now: Now, from: Origin, message: TreeMessage): 'ok' | 'bad' {
    this.#now = now;
    return this.#trees.hear(now.mono, from, message);
  }

  /** A session with a member is usable. */
  up(now: Now, origin: Origin): void {
    this.#now = now;
    this.#trees.up(now.mono, origin);
  }

  down(now: Now, origin: Origin): void {
    this.#now = now;
    this.#trees.down(now.mono, origin);
  }

  /** Records, who is online, or what statements say of members has changed. */
  membersChanged(now: Now): void {
    this.#rights = null;
    if (!this.#trees.idle) this.#membersMono = Math.min(this.#membersMono, now.mono + MEMBERS_COALESCE_MS);
  }

  /** Wishes of members have changed. */
  groupsChanged(now: Now): void {
    this.#now = now;
    this.#trees.groupsChanged(now.mono);
  }

  /** A round trip of a session: those that go straight tell where this device is. */
  measured(origin: Origin, rttMs: number | undefined): void {
    const { contacts } = this.#io.paths;
    const place = this.#io.paths.presence(origin)?.place;
    if (!place || rttMs === undefined || !contacts.isUp(origin) || contacts.isRelayed(origin)) return;
    this.#coordinates.observe(place, rttMs);
    this.#io.paths.setPlace(this.#coordinates.place);
  }

  /** What the data plane's counters say of all sessions. */
  sample(stats: ReadonlyMap<number, PeerStats>): void {
    for (const { origin, handle } of this.#io.peers.members()) this.measured(origin, stats.get(handle)?.rttMs);
  }

  /** On the monotonic clock; Infinity: nothing is due. */
  nextDeadline(): number {
    const parts = [this.#trees, this.#rates, this.offences].map((part) => part.nextDeadline());
    return Math.min(this.#membersMono, ...parts);
  }

  tick(now: Now): void {
    this.#now = now;
    const { net, ports } = this.#io;
    const streams = () => (ports.dataplane.stats().streams ?? []).filter((each) => each.net === net);
    if (this.#rates.tick(now.mono, streams)) this.#trees.ratesChanged(now.mono);
    if (this.#membersMono <= now.mono) {
      this.#membersMono = Infinity;
      this.#trees.membersChanged(now.mono);
    }
    if (this.#trees.nextDeadline() <= now.mono) this.#trees.tick(now.mono);
    this.#ownShare(now, () => this.offences.tick(now));
  }

  /** The network goes off or begins anew. To be called while sessions and the data plane's network are still there. */
  stop(): void {
    this.#membersMono = Infinity;
    this.#rates.clear();
    this.offences.clear();
    this.#trees.stop();
  }

  view(): TreesView {
    return this.#trees.view();
  }
}
