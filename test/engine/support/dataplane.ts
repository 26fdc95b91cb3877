// A data plane without packets: the semantics of native/addon's sessions, control messages, strangers and groups in a World.
import type {
  CastKey,
  Dataplane,
  DataplaneEvent,
  GroupConfig,
  LocalGroup,
  NetworkConfig,
  PeerConfig,
  PeerStats,
  Receiver,
  Pace,
  RelayOptions,
  Route,
  Stats,
  TreeConfig,
} from '../../../app/engine/ports.ts';
import { keep } from './keep.ts';
import { SimCasts, type Stamp } from './casts.ts';
import { crypto } from './crypto.ts';
import { Half, type Carried, type Plane } from './session.ts';
import type { Station, World } from './world.ts';

/** IPv4, UDP, header, tag and the control header (docs/frames.md). */
const FRAME_BYTES = 61 + 17;
const FRAME_PAYLOAD = 1_300;
const HELLO_BYTES = 300;
const KEEPALIVE_BYTES_PER_SECOND = 5;
const HELLO_TIMEOUT_MS = 5_000;
const HELLO_AGAIN_MS = [500, 1_500, 3_000];
const STRANGERS_MAX = 64;
const QUERY_ANSWER_MS = 400;

interface SimPeer {
  config: PeerConfig;
  half: Half | null;
  rx: number;
  tx: number;
  packets: number;
}

interface Net {
  config: NetworkConfig;
  publicKey: string;
  peers: Map<number, SimPeer>;
  groups: Map<string, Receiver[]>;
  publishers: Map<string, number[]>;
  repaired: Map<string, true>;
  adapter: string | null;
  localGroups: LocalGroup[];
  casts: SimCasts;
}

const key = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export class SimDataplane implements Dataplane {
  readonly nets = new Map<number, Net>();
  readonly #world: World;
  readonly station: Station;
  readonly #deliver: (events: DataplaneEvent[]) => void;
  readonly #plane: Plane;
  readonly #asks = new Map<number, () => void>();
  #nextAsk = 1;
  /** Bytes sent, with headers, by kind. */
  sent = { control: 0, messages: 0, hellos: 0, keepaliveSeconds: 0 };
  rotations = 0;
  calls = 0;

  constructor(world: World, station: Station, deliver: (events: DataplaneEvent[]) => void) {
    this.#world = world;
    this.station = station;
    this.#deliver = deliver;
    this.#plane = {
      station,
      endpoint: () => this.#endpoint(),
      emit: (event) => this.#emit(event),
      take: (net, peer, what) => this.#take(net, peer, what),
      kept: (seconds) => void (this.sent.keepaliveSeconds += seconds),
    };
  }

  #emit(event: DataplaneEvent): void {
    this.#world.after(0, () => {
      if (this.station.alive && (this.nets.has(event.net) || event.kind === 'problem')) this.#deliver([event]);
    });
  }

  #endpoint(): string {
    return this.station.endpoints[0] ?? '0.0.0.0:0';
  }

  addNetwork(config: NetworkConfig): void {
    this.calls++;
    if (this.nets.has(config.net)) throw new Error('addNetwork: there already');
    const publicKey = key(crypto.dhPublicKey(config.secretKey));
    const tables = { peers: new Map(), groups: new Map(), publishers: new Map(), repaired: new Map() };
    const net = { config, publicKey, ...tables, adapter: null, localGroups: [] };
    const casts = new SimCasts(config, {
      emit: (event) => this.#emit(event),
      send: (peer, stamp) => this.#sendCast(config.net, peer, stamp),
      receivers: (group) => this.receivers(config.net, group),
      repaired: (group) => this.nets.get(config.net)?.repaired.has(group) ?? false,
      joined: (group) => this.#joined(config.net, group),
      after: (ms, run) => this.#world.after(ms, run),
    });
    this.nets.set(config.net, { ...net, casts });
  }

  removeNetwork(net: number): void {
    const known = this.nets.get(net);
    if (!known) return;
    for (const peer of known.peers.values()) peer.half?.end('closed', 'none');
    this.nets.delete(net);
  }

  attachAdapter(net: number, _fd: number, name: string): void {
    const known = this.nets.get(net);
    if (!known) throw new Error('no such network');
    known.adapter = name;
    // Hosts answer the first query within a while of their choice.
    if (known.localGroups.length > 0) this.#world.after(QUERY_ANSWER_MS, () => this.#emitGroups(net));
  }

  detachAdapter(net: number): void {
    const known = this.nets.get(net);
    if (known) known.adapter = null;
  }

  /** The host's applications join and leave. */
  setLocalGroups(net: number, groups: LocalGroup[]): void {
    const known = this.nets.get(net);
    if (!known) throw new Error('no such network');
    known.localGroups = groups;
    if (known.adapter) this.#emitGroups(net);
  }

  #emitGroups(net: number): void {
    const known = this.nets.get(net);
    if (known) this.#emit({ kind: 'groups', net, groups: known.localGroups });
  }

  setPeers(net: number, peers: PeerConfig[]): void {
    this.calls++;
    const known = this.nets.get(net);
    if (!known) throw new Error('setPeers: no such network');
    for (const config of peers) {
      const before = known.peers.get(config.peer);
      if (before && key(before.config.key) !== key(config.key)) before.half?.end('closed', 'removed');
      if (before) before.config = config;
      else known.peers.set(config.peer, { config, half: null, rx: 0, tx: 0, packets: 0 });
    }
  }

  removePeers(net: number, peers: number[]): void {
    const known = this.nets.get(net);
    for (const peer of peers) {
      const before = known?.peers.get(peer);
      before?.half?.end('closed', 'none');
      known?.peers.delete(peer);
    }
  }

  setGroups(net: number, groups: GroupConfig[]): void {
    this.calls++;
    const known = this.nets.get(net);
    if (!known) return;
    for (const { group, receivers, publishers, repaired, more } of groups) {
      const before = more ? known.groups.get(group) : undefined;
      if (before) {
        known.groups.set(group, [...before, ...receivers]);
        continue;
      }
      keep(known.publishers, group, publishers);
      keep(known.repaired, group, repaired || undefined);
      keep(known.groups, group, receivers.length > 0 ? receivers : undefined);
    }
  }

  setTree(net: number, tree: TreeConfig): void {
    this.nets.get(net)?.casts.setTree(tree);
  }

  dropTree(net: number, origin: Uint8Array, tree: number): void {
    this.nets.get(net)?.casts.dropTree(origin, tree);
  }

  setCastKey(net: number, key: CastKey): void {
    this.nets.get(net)?.casts.setCastKey(key);
  }

  sendOn(net: number, group: string, trees: number[]): void {
    this.nets.get(net)?.casts.sendOn(group, trees);
  }

  sendDirectly(net: number, group: string): void {
    this.nets.get(net)?.casts.sendDirectly(group);
  }

  castSequence(net: number, tree: number): number {
    return this.nets.get(net)?.casts.sequence(tree) ?? 0;
  }

  #joined(net: number, group: string): boolean {
    return this.nets.get(net)?.localGroups.some((local) => local.group === group) === true;
  }

  #sendCast(net: number, peer: number, stamp: Stamp): void {
    const half = this.nets.get(net)?.peers.get(peer)?.half;
    if (half?.open) half.carry(stamp);
    else this.#emit({ kind: 'want', net, peer });
  }

  /** An application's packet to a group. */
  cast(net: number, group: string, packet: string): void {
    const known = this.nets.get(net);
    if (!known) throw new Error('no such network');
    known.casts.cast(group, packet);
  }

  rotateKeys(): void {
    this.rotations++;
  }

  /** Consent and next hops are kept for tests to look at; nothing is passed on here (native/sim does that). */
  relay: RelayOptions = { on: false, bytesPerSecond: 0 };
  routes: Route[] = [];

  /** What may be seen outside, and paces by peer: for tests to look at. */
  outside = { datagrams: true, trafficClass: true };
  readonly paces = new Map<number, Pace>();

  setOutside(options: { datagrams: boolean; trafficClass: boolean }): void {
    this.outside = options;
  }

  setPace(_net: number, peer: number, pace: Pace): void {
    this.paces.set(peer, pace);
  }

  setRelay(_net: number, options: RelayOptions): void {
    this.relay = options;
  }

  setRoutes(_net: number, routes: Route[]): void {
    this.routes = routes;
  }

  setRelays(): void {
    this.calls++;
  }

  setWays(): void {
    this.calls++;
  }

  closeLink(): void {
    this.calls++;
  }

  tryWays(): void {
    this.calls++;
  }

  connect(net: number, peer: number, ways: string[], hint?: Uint8Array): void {
    const endpoints = ways.filter((way) => !/^(link|via):/.test(way));
    const own = this.nets.get(net);
    const target = own?.peers.get(peer);
    if (!own || !target) throw new Error('connect: no such peer');
    if (ways.length > 16) throw new Error('connect: too many ways');
    let answered = false;
    const call = (): void => {
      if (answered || !this.station.alive || this.nets.get(net) !== own || own.peers.get(peer) !== target) return;
      for (const endpoint of endpoints) {
        this.sent.hellos += HELLO_BYTES;
        const station = this.#world.stationAt(endpoint);
        if (!station || station === this.station || !this.#world.hears(this.station, station)) continue;
        this.#world.after(this.#world.delay(), () => {
          if (answered || !this.#world.hears(this.station, station)) return;
          const plane = (station as Station & { dataplane: SimDataplane }).dataplane;
          plane.#hello(this, own, target, endpoint, hint ?? new Uint8Array(0), () => (answered = true));
        });
      }
    };
    call();
    for (const again of HELLO_AGAIN_MS) this.#world.after(again, call);
    this.#world.after(HELLO_TIMEOUT_MS, () => {
      const half = own.peers.get(peer)?.half;
      if (this.nets.get(net) !== own || !own.peers.has(peer) || answered || half?.open) return;
      this.#emit({ kind: 'down', net, peer, reason: 'unreachable' });
    });
  }

  #hello(from: SimDataplane, theirs: Net, target: SimPeer, at: string, hint: Uint8Array, answered: () => void): void {
    const wanted = key(target.config.key);
    for (const [net, own] of this.nets) {
      if (own.publicKey !== wanted || key(own.config.networkId) !== key(theirs.config.networkId)) continue;
      const known = [...own.peers.values()].find((peer) => key(peer.config.key) === theirs.publicKey);
      if (known) return this.#accept(net, known, from, theirs, target, at, answered);
      if (this.#asks.size >= STRANGERS_MAX) return;
      const ask = this.#nextAsk++;
      this.#asks.set(ask, () => {
        const peer = [...own.peers.values()].find((other) => key(other.config.key) === theirs.publicKey);
        if (peer && this.nets.get(net) === own) this.#accept(net, peer, from, theirs, target, at, answered);
      });
      this.#world.after(3_000, () => this.#asks.delete(ask));
      const bytes = Buffer.from(theirs.publicKey, 'hex');
      this.#emit({ kind: 'stranger', net, ask, key: new Uint8Array(bytes), hint, from: from.#endpoint() });
      return;
    }
  }

  answerStranger(_net: number, ask: number, accept: boolean): void {
    const continued = this.#asks.get(ask);
    this.#asks.delete(ask);
    if (accept) continued?.();
  }

  #accept(
    net: number,
    known: SimPeer,
    from: SimDataplane,
    theirs: Net,
    target: SimPeer,
    at: string,
    answered: () => void,
  ): void {
    this.#world.after(this.#world.delay(), () => {
      if (!this.#world.hears(from.station, this.station)) return;
      if (from.nets.get(theirs.config.net) !== theirs || theirs.peers.get(target.config.peer) !== target) return;
      if (this.nets.get(net)?.peers.get(known.config.peer) !== known) return;
      answered();
      if (target.half?.open && target.half.remote === at && target.half.other === known.half) return;
      for (const old of [target.half, known.half]) if (old) old.open = false;
      const called = { plane: from.#plane, net: theirs.config.net, peer: target.config.peer, remote: at };
      const answering = { plane: this.#plane, net, peer: known.config.peer, remote: from.#endpoint() };
      [target.half, known.half] = Half.pair(this.#world, called, answering);
      target.half.start();
    });
  }

  sendControl(net: number, peer: number, bytes: Uint8Array): boolean {
    const half = this.nets.get(net)?.peers.get(peer)?.half;
    if (!half?.open || bytes.length > 60_000) return false;
    this.sent.messages++;
    this.sent.control += bytes.length + FRAME_BYTES * Math.ceil(bytes.length / FRAME_PAYLOAD);
    half.carry(bytes.slice());
    return true;
  }

  /** Applications' packets: only their effect on sessions. */
  sendPacket(net: number, peer: number): void {
    const known = this.nets.get(net)?.peers.get(peer);
    if (!known) return;
    known.packets++;
    if (known.half?.open) known.half.carry('packet');
    else this.#emit({ kind: 'want', net, peer });
  }

  /** What a session brought. */
  #take(net: number, peer: number, what: Carried): void {
    const known = this.nets.get(net);
    const from = known?.peers.get(peer);
    if (!known || !from) return;
    if (what instanceof Uint8Array) {
      // The acknowledgement.
      this.sent.control += FRAME_BYTES;
      return this.#emit({ kind: 'control', net, peer, bytes: what });
    }
    from.packets++;
    if (what !== 'packet') known.casts.take(peer, what);
  }

  poke(): void {
    for (const net of this.nets.values()) {
      for (const { half } of net.peers.values()) if (half?.open) half.carry(null);
    }
  }

  disconnect(net: number, peer: number): void {
    this.nets.get(net)?.peers.get(peer)?.half?.end('closed', 'closed');
  }

  stats(): Stats {
    const peers: PeerStats[] = [];
    for (const [net, { peers: known }] of this.nets) {
      for (const [peer, { half, packets }] of known) {
        const up = half?.open === true;
        const bytes = packets * 100;
        const base = { net, peer, rxBytes: bytes, txBytes: bytes, rxPackets: packets, txPackets: packets, up };
        peers.push(up ? { ...base, rttMs: 10, transport: 'udp', endpoint: half.remote } : base);
      }
    }
    const streams = [...this.nets].flatMap(([net, { casts }]) => casts.streams(net));
    return { peers, streams, drops: {}, counters: {}, wakes: 0 };
  }

  /** Everything ends at once, as at the death of the process. */
  die(): void {
    for (const net of this.nets.values()) for (const { half } of net.peers.values()) if (half) half.open = false;
    this.nets.clear();
    this.#asks.clear();
  }

  /** Bytes sent so far: control, handshakes and keepalives. */
  get bytesSent(): number {
    return this.sent.control + this.sent.hellos + this.sent.keepaliveSeconds * KEEPALIVE_BYTES_PER_SECOND;
  }

  receivers(net: number, group: string): Receiver[] {
    return this.nets.get(net)?.groups.get(group) ?? [];
  }

  get sessions(): number {
    return [...this.nets.values()].flatMap(({ peers }) => [...peers.values()]).filter(({ half }) => half?.open).length;
  }
}
