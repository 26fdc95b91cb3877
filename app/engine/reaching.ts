// How the members of one network are reached: callers per peer, ways through others, and what this member does for others.
import type { Attempt } from '../contract/state.ts';
import type { MayCall } from '../mesh/guard/callable.ts';
import type { Chance } from '../mesh/paths/chance.ts';
import type { CallPolicy } from '../mesh/paths/caller.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import { encodeHint, encodeMessage, MEET_ENDPOINTS_MAX, type Message } from '../wire/messages/message.ts';
import { unhex } from '../wire/messages/hex.ts';
import {
  FEATURE_LIMITED,
  FEATURE_MAPPED,
  FEATURE_METERED,
  FEATURE_RELAYS,
  type Origin,
} from '../wire/messages/presence.ts';
import { Attempts } from './attempts.ts';
import { Callers } from './callers.ts';
import type { Peer, Peers } from './peers.ts';
import { paceOf, uplinkOf } from './pacing.ts';
import type { LinkInput, Now, Ports, RelayShare } from './ports.ts';
import { Signals } from './signals.ts';

/** Changes of the graph wait for others this long before ways through others are computed anew. */
const REROUTE_COALESCE_MS = 200;
/** … and for others' statements, per member: the more there are, the less one changes and the more often it happens. */
const REROUTE_COALESCE_MS_PER_MEMBER = 2;
const REROUTE_COALESCE_MS_MAX = 1_000;
/** Next hops for others' frames cost as much as there are members: they are told at most once in this time for each … */
const ROUTES_EVERY_MS_PER_MEMBER = 10;
/** … but not more seldom than this. */
const ROUTES_EVERY_MS_MAX = 5_000;
/** Next hops for others' frames, in the data plane's table. */
const ROUTES_MAX = 4_096;
/** Relays and next hops are computed for networks up to this many members; beyond, only sessions that exist pass frames on. */
const ROUTED_MEMBERS_MAX = 1_024;
/** A measured uplink is told anew when it differs by this share. */
const UPLINK_NEWS_SHARE = 0.25;
/** Numbers of WebRTC dials, drawn by chance so that those of before a restart are no others'. */
const CALLS = 2 ** 24;

/** What this device does for others and how it may reach them: settings, bounded by an administrator's policy. */
export interface Conduct extends CallPolicy {
  relay: 'off' | 'metered' | 'unlimited';
  /** kB/s, 0: no limit. */
  relayKBps: number;
  /** What any member may send to one group; 0: the data plane's own ceiling. */
  groupKBps: number;
  /** kB/s, 0: not known. */
  uplinkKBps: number;
  /** A router forwards a port to this device. */
  mapped: boolean;
}

export interface ReachingIo {
  net: number;
  ports: Ports;
  peers: Peers;
  paths: Paths;
  self: Origin;
  chance: Chance;
  conduct(): Conduct;
  /** The own programs send more to groups than this device's share. */
  isLimited(): boolean;
  mayCall: MayCall;
}

export class Reaching {
  readonly #io: ReachingIo;
  readonly #callers: Callers;
  readonly #signals: Signals;
  readonly #attempts = new Attempts();
  #rerouteMono = Infinity;
  /** Relays that the data plane was told for each peer. */
  readonly #spread = new Map<number, string>();
  /** Paces that the data plane was told, for peers whose way is slow. */
  readonly #paces = new Map<number, string>();
  /** What ways carried when they were full, bytes a second, by handle. */
  readonly #lines = new Map<number, number>();
  #uplinkKBps = 0;
  /** Proxies that links of this network go through, by link. */
  readonly #proxies = new Map<number, string>();
  #routes = '';
  #routesMono = Infinity;
  #routesToldMono = -Infinity;
  #service = '';
  /** How others may be called, as it was at the last look. */
  #policy = '';

  constructor(io: ReachingIo) {
    this.#io = io;
    const { net, ports, chance } = io;
    const hint = encodeHint({ purpose: 'member', origin: io.self });
    this.#callers = new Callers({
      net,
      dataplane: ports.dataplane,
      links: ports.links,
      chance,
      policy: () => io.conduct(),
      hint: () => hint,
      endpoints: (peer) => io.paths.contacts.endpointsOf(io.peers.get(peer)?.origin ?? ''),
      mayCall: io.mayCall,
      vias: (peer) => this.#relays(peer).map(({ via }) => via),
      meet: (nowMono, peer) => this.#meet(nowMono, peer, false),
      canSignal: (peer) => this.#signals.canReach(io.peers.get(peer)?.origin ?? ''),
      began: (dial, peer, target) => {
        const origin = io.peers.get(peer)?.origin;
        if (origin) this.#attempts.began(dial, origin, target);
        if (origin && target.transport === 'webrtc' && target.initiator)
          this.#signals.began(dial, origin, chance.below(CALLS));
      },
      ended: (dial) => {
        this.#signals.ended(dial);
        this.#attempts.ended(dial);
      },
    });
    this.#signals = new Signals({
      self: io.self,
      isUp: (origin) => io.paths.contacts.isUp(origin),
      directs: () => io.paths.contacts.directs(),
      neighboursOf: (origin) => io.paths.presence(origin)?.neighbours ?? [],
      send: (origin, bytes) => {
        const handle = io.peers.of(origin)?.handle;
        return handle !== undefined && ports.dataplane.sendControl(net, handle, bytes);
      },
      invited: (origin, yields) => {
        const handle = io.peers.of(origin)?.handle;
        return handle === undefined ? null : this.#callers.invited(handle, yields);
      },
      hand: (dial, bytes) => ports.links?.signal?.(dial, bytes),
    });
  }

  /** What the other end of a WebRTC dial says, or what is to be passed on to it. */
  signal(now: Now, peer: Peer, message: Extract<Message, { type: 'signal' }>): 'ok' | 'bad' {
    return this.#signals.hear(now.mono, peer.origin, message);
  }

  #relays(peer: number): RelayShare[] {
    const { peers, paths } = this.#io;
    const origin = peers.get(peer)?.origin;
    if (!origin) return [];
    const relays: RelayShare[] = [];
    // Who is off is called again and again: where nobody says a way, others are asked at the first try alone.
    const isTried = (paths.contacts.get(origin)?.failures ?? 0) > 0;
    for (const relay of paths.routes.relays(origin)) {
      if (relay.isGuess && isTried) continue;
      const via = peers.of(relay.origin)?.handle;
      if (via !== undefined) relays.push({ via, weight: Math.min(65_535, relay.weight) });
    }
    return relays;
  }

  // ---- calls ---------------------------------------------------------------------------------------------------------------

  call(now: Now, origin: Origin): void {
    const peer = this.#io.peers.of(origin);
    if (peer) this.#callers.call(now.mono, peer.handle);
  }

  moved(now: Now, origin: Origin): void {
    const peer = this.#io.peers.of(origin);
    if (!peer) return;
    // Told after the session was there: datagrams are tried now, and until they are answered they are not.
    const { contacts } = this.#io.paths;
    if (contacts.isUp(origin) && contacts.get(origin)?.transport !== 'udp') this.#unanswered(origin);
    this.#callers.changed(now.mono, peer.handle);
  }

  #unanswered(origin: Origin): void {
    const known = this.#io.paths.contacts.endpointsOf(origin);
    if (this.#io.conduct().datagrams && known.length > 0) this.#attempts.silent(origin);
  }

  up(now: Now, peer: Peer, session: { transport: string; link?: number | undefined; endpoint?: string }): void {
    const { transport, link, endpoint } = session;
    if (transport === 'udp') this.#attempts.up(peer.origin, endpoint);
    else this.#unanswered(peer.origin);
    this.#callers.up(now.mono, peer.handle, transport, link ?? null);
    if (transport === 'relay') this.#share(peer.handle);
    this.#pace(peer);
    this.rerouteSoon(now.mono);
  }

  down(nowMono: number, handle: number, reason: string): void {
    const origin = this.#io.peers.get(handle)?.origin;
    if (origin && reason === 'unreachable' && this.#io.conduct().datagrams) this.#attempts.silent(origin);
    this.#callers.down(handle, reason);
    this.#spread.delete(handle);
    this.#lines.delete(handle);
    if (reason === 'removed') this.#paces.delete(handle);
    this.rerouteSoon(nowMono);
  }

  suspect(now: Now, handle: number): void {
    this.#callers.suspect(now.mono, handle);
  }

  /** Ends all calls; sessions are the caller's business. */
  clear(): void {
    this.#callers.clear();
    this.#attempts.clear();
    this.#signals.clear();
    this.#spread.clear();
    this.#routes = '';
    this.#rerouteMono = this.#routesMono = Infinity;
  }

  /** The data plane knows nothing of the network any more. */
  forget(): void {
    this.clear();
    this.#service = '';
    this.#paces.clear();
  }

  /** What a transport says of a dial or link. False: it is none of this network's. */
  link(input: LinkInput): boolean {
    if (input.kind === 'linkOpen' && input.proxy !== undefined) this.#proxies.set(input.link, input.proxy);
    else if (input.kind === 'linkClosed') this.#proxies.delete(input.link);
    else if (input.kind === 'linkSignal') return this.#signals.say(input.dial, input.bytes);
    this.#attempts.take(input);
    return this.#callers.take(input);
  }

  /** What each transport came to with a member, in the order of the last try. */
  tried(origin: Origin): Attempt[] {
    return this.#attempts.of(origin);
  }

  /** The proxy that a link goes through, as shown to users. */
  proxyOf(link: number | undefined): string | undefined {
    return link === undefined ? undefined : this.#proxies.get(link);
  }

  // ---- both ends at the same time ------------------------------------------------------------------------------------------

  #meet(nowMono: number, handle: number, again: boolean): void {
    const { net, ports, paths } = this.#io;
    const guesses = paths.predictedEndpoints(nowMono);
    const endpoints = [...paths.ownEndpoints(), ...guesses].slice(0, MEET_ENDPOINTS_MAX);
    ports.dataplane.sendControl(net, handle, encodeMessage({ type: 'meet', again, endpoints }));
  }

  met(now: Now, peer: Peer, message: Extract<Message, { type: 'meet' }>): void {
    if (!message.again) this.#meet(now.mono, peer.handle, true);
    this.#callers.met(peer.handle, message.endpoints);
  }

  // ---- through others ------------------------------------------------------------------------------------------------------

  rerouteSoon(nowMono: number, waitMs = REROUTE_COALESCE_MS): void {
    this.#rerouteMono = Math.min(this.#rerouteMono, nowMono + waitMs);
  }

  /** Somebody's statement changed the graph. */
  graphChanged(nowMono: number): void {
    const waitMs = this.#io.paths.memberCount * REROUTE_COALESCE_MS_PER_MEMBER;
    this.rerouteSoon(nowMono, Math.max(REROUTE_COALESCE_MS, Math.min(waitMs, REROUTE_COALESCE_MS_MAX)));
  }

  #reroute(nowMono: number): void {
    this.#rerouteMono = Infinity;
    const { peers, paths } = this.#io;
    for (const origin of paths.contacts.ups()) {
      const peer = peers.of(origin);
      if (!peer) continue;
      this.#pace(peer);
      if (paths.contacts.isRelayed(origin)) this.#share(peer.handle);
    }
    this.#callers.rerouted();
    if (paths.memberCount > ROUTED_MEMBERS_MAX) return;
    const everyMs = Math.min(paths.memberCount * ROUTES_EVERY_MS_PER_MEMBER, ROUTES_EVERY_MS_MAX);
    this.#routesMono = Math.min(this.#routesMono, Math.max(nowMono, this.#routesToldMono + everyMs));
  }

  #tellRoutes(nowMono: number): void {
    this.#routesMono = Infinity;
    this.#routesToldMono = nowMono;
    const { net, ports, peers, paths } = this.#io;
    const hops: [Origin, number][] = [];
    for (const [origin, hop] of paths.routes.nextHops(ROUTES_MAX)) {
      const via = peers.of(hop)?.handle;
      if (via !== undefined) hops.push([origin, via]);
    }
    const text = hops.join();
    if (text === this.#routes) return;
    this.#routes = text;
    ports.dataplane.setRoutes(
      net,
      hops.map(([origin, via]) => ({ origin: unhex(origin), via })),
    );
  }

  /** Flows to a relayed member go over all its relays. */
  #share(peer: number): void {
    const relays = this.#relays(peer);
    const text = relays.map(({ via, weight }) => `${via}*${weight}`).join();
    if (this.#spread.get(peer) === text) return;
    this.#spread.set(peer, text);
    this.#io.ports.dataplane.setRelays(this.#io.net, peer, relays);
  }

  /** Slow ways are used sparingly. */
  #pace(peer: Peer): void {
    const { net, ports, paths, conduct } = this.#io;
    const theirs = paths.presence(peer.origin)?.uplinkKBps ?? 0;
    const pace = paceOf(conduct().uplinkKBps, theirs, this.#lines.get(peer.handle));
    const text = `${pace.bytesPerSecond ?? 0} ${pace.aggregateMs ?? 0}`;
    if ((this.#paces.get(peer.handle) ?? '0 0') === text) return;
    this.#paces.set(peer.handle, text);
    ports.dataplane.setPace?.(net, peer.handle, pace);
  }

  /** What the own uplink carried when it was full, kB/s; 0: not known. */
  get uplinkKBps(): number {
    return this.#uplinkKBps;
  }

  /** The data plane measured a way, bytes a second; 0: it is not slow any more. */
  line(now: Now, handle: number, bytesPerSecond: number): void {
    if (bytesPerSecond > 0) this.#lines.set(handle, bytesPerSecond);
    else this.#lines.delete(handle);
    const { net, ports, peers, paths } = this.#io;
    const peer = peers.get(handle);
    if (peer) this.#pace(peer);
    const ways = ports.dataplane.stats().peers.flatMap((stats) => {
      const origin = stats.net === net ? peers.get(stats.peer)?.origin : undefined;
      if (!origin || !stats.up || paths.contacts.isRelayed(origin)) return [];
      const theirs = paths.presence(origin)?.uplinkKBps ?? 0;
      return [{ measured: this.#lines.get(stats.peer) ?? 0, theirs, sent: stats.txBytes }];
    });
    const uplink = uplinkOf(ways);
    // Small changes are not worth telling everybody.
    if (Math.abs(uplink - this.#uplinkKBps) <= this.#uplinkKBps * UPLINK_NEWS_SHARE) return;
    this.#uplinkKBps = uplink;
    this.serve(now);
  }

  /** Tells others and the data plane what this member passes on. Who was not reached is tried anew when there are new ways to. */
  serve(now: Now): void {
    const { net, ports, paths, conduct } = this.#io;
    const { relay, relayKBps, uplinkKBps, groupKBps, mapped, ...policy } = conduct();
    const calls = JSON.stringify(policy);
    if (this.#policy !== '' && this.#policy !== calls) {
      paths.contacts.resetBackoff(now.mono);
      this.#callers.policyChanged(now.mono);
    }
    this.#policy = calls;
    const isLimited = this.#io.isLimited();
    const text = `${relay} ${relayKBps} ${uplinkKBps} ${groupKBps} ${mapped} ${isLimited}`;
    if (text === this.#service) return;
    this.#service = text;
    this.rerouteSoon(now.mono);
    const service = (relay === 'off' ? 0 : FEATURE_RELAYS) | (relay === 'metered' ? FEATURE_METERED : 0);
    const features = service | (mapped ? FEATURE_MAPPED : 0) | (isLimited ? FEATURE_LIMITED : 0);
    ports.dataplane.setFair?.(net, { bytesPerSecond: groupKBps * 1_000, ownBytesPerSecond: uplinkKBps * 1_000 });
    ports.dataplane.setRelay(net, { on: relay !== 'off', bytesPerSecond: relayKBps * 1_000 });
    paths.setService(now, { features, relayKBps, uplinkKBps });
  }

  // ---- time ----------------------------------------------------------------------------------------------------------------

  nextDeadline(): number {
    return Math.min(this.#rerouteMono, this.#routesMono, this.#callers.nextDeadline());
  }

  tick(now: Now): void {
    if (this.#rerouteMono <= now.mono) this.#reroute(now.mono);
    if (this.#routesMono <= now.mono) this.#tellRoutes(now.mono);
    this.#callers.tick(now.mono);
  }
}
