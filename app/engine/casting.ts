// The multicast trees of one network: binds app/mesh/multicast to records, statements, sessions and the data plane. Owned by Network.
import { Coordinates } from '../mesh/coordinates/coordinates.ts';
import type { CastKey, TreeConfig, TreesIo } from '../mesh/multicast/io.ts';
import type { ChannelRights, MemberWishes } from '../mesh/multicast/receivers.ts';
import { Trees, type TreesView } from '../mesh/multicast/trees.ts';
import { isEntitled, receives, spelled } from '../mesh/multicast/wanting.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import { hex } from '../wire/messages/hex.ts';
import { formatIp } from '../wire/messages/address.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { TreeMessage } from '../wire/messages/tree.ts';
import type { Repair } from '../wire/record.ts';
import { channelRights } from './channels.ts';
import type { Peers } from './peers.ts';
import type { Now, Ports } from './ports.ts';
import type { Conduct } from './reaching.ts';
import type { Roll, RollMember } from './roll.ts';

/** The data plane's calls for trees (native/addon). */
export interface TreePlane {
  setTree(net: number, tree: TreeConfig): void;
  dropTree(net: number, origin: Uint8Array, tree: number): void;
  setCastKey(net: number, key: CastKey): void;
  sendOn(net: number, group: string, trees: number[]): void;
  /** Next sequence under the newest key of an own tree. Absent: late subscribers accept a key from its beginning. */
  castSequence?(net: number, tree: number): number;
}

export interface CastingIo {
  net: number;
  ports: Pick<Ports, 'crypto' | 'random'>;
  plane: TreePlane;
  roll: Roll;
  peers: Peers;
  paths: Paths;
  /** Secret of the `boxKey` in the own statement. */
  boxSecret: Uint8Array;
  /** Larger at each start of the engine, as the sequences of own statements are. */
  start: number;
  send(origin: Origin, bytes: Uint8Array): boolean;
  conduct(): Conduct;
  /** Bytes/s that the host sends to the group, as measured; absent or 0: not known. */
  rate?(group: string): number;
  changed(): void;
}

/** What groups that are no channel's get: nobody asks for less. */
const OPEN_REPAIR: Repair = 'nack';
const REPAIRS: readonly Repair[] = ['off', 'nack', 'fec'];

export class Casting {
  readonly #io: CastingIo;
  readonly #trees: Trees;
  readonly #coordinates: Coordinates;
  #now: Now = { mono: 0, wall: 0 };
  /** Of the records as they are; null: to be computed. */
  #rights: Map<string, ChannelRights> | null = null;
  #members: Map<Origin, RollMember> | null = null;

  constructor(io: CastingIo) {
    this.#io = io;
    const { roll, ports, start } = io;
    this.#coordinates = new Coordinates(ports.random);
    this.#trees = new Trees(this.#treesIo(), { networkId: roll.networkId, self: roll.selfOrigin, start });
  }

  #treesIo(): TreesIo {
    const { net, ports, plane, roll, peers, paths } = this.#io;
    const { crypto, random } = ports;
    return {
      random,
      sign: (message) => crypto.sign(roll.keys.signSeed, message),
      verify: (origin, message, signature) => {
        const member = this.#member(origin);
        return member !== undefined && crypto.verify(member.signKey, message, signature);
      },
      hash: (...parts) => crypto.hash(...parts),
      sealBox: (key, secret, plaintext, aad) => crypto.sealBox(key, secret, plaintext, aad),
      openBox: (sealed, aad) => crypto.openBox(this.#io.boxSecret, sealed, aad),
      send: (origin, bytes) => this.#io.send(origin, bytes),
      connect: (origin) => paths.want(this.#now, origin),
      isUp: (origin) => paths.contacts.isUp(origin),
      peerHandle: (origin) => peers.of(origin)?.handle ?? null,
      presence: (origin) => paths.presence(origin),
      isOnline: (origin) => paths.isOnline(origin) && paths.presence(origin)?.off !== true,
      members: () =>
        roll.members().flatMap(({ origin, role }) => (role === 'guest' || origin === roll.selfOrigin ? [] : [origin])),
      receivers: (group) => this.#receivers(group),
      mayHear: (origin, group) => {
        const member = this.#member(origin);
        return member !== undefined && isEntitled(group, this.#wishes(member), this.#rightsOf(group));
      },
      repair: (group) => this.#repair(group),
      rate: (group) => this.#io.rate?.(group) ?? 0,
      conduct: () => {
        const { relay, uplinkKBps, relayKBps } = this.#io.conduct();
        return { relays: relay === 'unlimited', uplinkKBps, relayKBps };
      },
      sequence: (tree) => plane.castSequence?.(net, tree) ?? 0,
      setTree: (config) => plane.setTree(net, config),
      dropTree: (origin, tree) => plane.dropTree(net, origin, tree),
      setCastKey: (key) => plane.setCastKey(net, key),
      sendOn: (group, trees) => plane.sendOn(net, group, trees),
      changed: () => this.#io.changed(),
    };
  }

  // ---- who and what ----------------------------------------------------------------------------------------------------------

  #member(origin: Origin): RollMember | undefined {
    this.#members ??= new Map(this.#io.roll.members().map((member) => [member.origin, member]));
    return this.#members.get(origin);
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

  /** Channels that share an address get what the most demanding of them wants. */
  #repair(group: string): Repair {
    const wished = this.#io.roll.channels().filter((channel) => formatIp(channel.group) === group);
    if (wished.length === 0) return OPEN_REPAIR;
    return REPAIRS[Math.max(...wished.map(({ repair }) => REPAIRS.indexOf(repair)))] ?? OPEN_REPAIR;
  }

  // ---- what happens ----------------------------------------------------------------------------------------------------------

  /** The host sends to a group that has more receivers than are served directly. */
  stream(now: Now, group: string): void {
    this.#now = now;
    this.#trees.stream(now.mono, group);
  }

  streamEnd(now: Now, group: string): void {
    this.#now = now;
    this.#trees.streamEnd(now.mono, group);
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
    this.#now = now;
    this.#rights = null;
    this.#members = null;
    this.#trees.membersChanged(now.mono);
  }

  /** Wishes of members have changed. */
  groupsChanged(now: Now): void {
    this.#now = now;
    this.#trees.groupsChanged(now.mono);
  }

  /** The data plane moved this node to another parent by itself; `to`: its handle. */
  grafted(now: Now, origin: Uint8Array, tree: number, to: number): void {
    this.#now = now;
    this.#trees.grafted(now.mono, hex(origin), tree, this.#io.peers.get(to)?.origin ?? null);
  }

  trouble(now: Now, origin: Uint8Array, tree: number, code: string): void {
    this.#now = now;
    this.#trees.trouble(now.mono, hex(origin), tree, code);
  }

  /** A round trip of a direct session. */
  measured(origin: Origin, rttMs: number): void {
    const place = this.#io.paths.presence(origin)?.place;
    if (!place) return;
    this.#coordinates.observe(place, rttMs);
    this.#io.paths.setPlace(this.#coordinates.place);
  }

  /** On the monotonic clock; Infinity: nothing is due. */
  nextDeadline(): number {
    return this.#trees.nextDeadline();
  }

  tick(now: Now): void {
    this.#now = now;
    if (this.#trees.nextDeadline() <= now.mono) this.#trees.tick(now.mono);
  }

  /** The network goes off. To be called while sessions and the data plane's network are still there. */
  stop(): void {
    this.#trees.stop();
  }

  view(): TreesView {
    return this.#trees.view();
  }
}
