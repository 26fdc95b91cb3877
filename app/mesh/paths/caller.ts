// How one peer is reached: datagrams first, streams after a head start, through others meanwhile; the best that works carries, and a
// better one is looked for as long as there is none. Sans-IO; time is an argument.
import { formatIp, formatSocket, parseEndpoint, type Endpoint } from '../../wire/messages/address.ts';
import type { MayCall } from '../guard/callable.ts';
import type { Chance } from './chance.ts';
import {
  DIALS_MAX,
  DIAL_STAGGER_MS,
  STREAM_ENDPOINTS_MAX,
  STREAM_HEAD_START_MS,
  UPGRADE_AFTER_MS,
  UPGRADE_EVERY_MS,
  WAYS_MAX,
  WEBRTC_HEAD_START_MS,
} from './limits.ts';

/** Transports from best to worst; a relayed session is worse than any. */
export const TRANSPORTS = ['udp', 'webrtc', 'tcp', 'tls', 'ws', 'wss', 'http', 'https', 'relay'] as const;
export type StreamTransport = 'tcp' | 'tls' | 'ws' | 'wss' | 'http' | 'https';

export interface StreamTarget {
  transport: StreamTransport;
  /** An address without brackets. */
  host: string;
  port: number;
  /** `auto`: through the proxy that the machine's settings name for this target. */
  proxy: 'none' | 'auto';
}

/** Both ends dial, one of them as the initiator; what they have to tell each other for it goes through members. */
export interface WebRtcTarget {
  transport: 'webrtc';
  initiator: boolean;
}

export type DialTarget = StreamTarget | WebRtcTarget;

/** What this machine may and can use. */
export interface CallPolicy {
  /** UDP to others; off: everything must look like the web. */
  datagrams: boolean;
  /** Only TLS and HTTPS, only to ports 443. */
  only443: boolean;
  /** HTTP and HTTPS as a tunnel. */
  http: boolean;
  /** A proxy was found. */
  proxy: boolean;
  /** WebRTC: by addresses that both ends find out, STUN and TURN servers of the settings included. */
  webrtc: boolean;
}

export interface CallerIo {
  policy(): CallPolicy;
  /** Newest known endpoints of the peer, best first. */
  endpoints(): readonly string[];
  /** Whoever named an endpoint may have lied. */
  mayCall: MayCall;
  /** Peers that can pass frames on to it, best first, by handle. */
  vias(): readonly number[];
  connect(ways: string[]): void;
  setWays(ways: string[]): void;
  tryWays(ways: string[]): void;
  dial(target: DialTarget): number;
  cancel(dial: number): void;
  closeLink(link: number): void;
  /** The peer is reached only through others: both ends should try each other's addresses at the same time. */
  meet(nowMono: number): void;
  /** Somebody can carry to the peer what a WebRTC dial has to say. */
  canSignal(): boolean;
}

type State = 'rest' | 'calling' | 'up';

const rankOf = (transport: string): number => {
  const rank = (TRANSPORTS as readonly string[]).indexOf(transport);
  return rank < 0 ? TRANSPORTS.length : rank;
};

export class Caller {
  readonly #io: CallerIo;
  readonly #chance: Chance;
  #state: State = 'rest';
  #transport = '';
  #link = -1;
  /** What is still to be dialled, and when. */
  #plan: { atMono: number; target: DialTarget }[] = [];
  readonly #dials = new Map<number, DialTarget>();
  readonly #links = new Map<number, string>();
  /** Nothing came back since. */
  #suspected = false;
  /** Ways as the data plane was told them last. */
  #told = '';
  /** Endpoints as they were told last, and as they were read. */
  #endpoints = '';
  #parsed: readonly Endpoint[] = [];
  #upgrades = 0;
  #upgradeMono = Infinity;

  readonly #canDial: boolean;

  /** `canDial`: false where there are no streams at all. */
  constructor(io: CallerIo, chance: Chance, canDial: boolean) {
    this.#io = io;
    this.#chance = chance;
    this.#canDial = canDial;
  }

  get transport(): string {
    return this.#transport;
  }

  /** Calls the peer, or refreshes a call under way with what is known now. */
  call(nowMono: number): void {
    this.#io.connect(this.#ways());
    if (this.#state === 'up') return;
    this.#state = 'calling';
    if (this.#plan.length === 0 && this.#dials.size === 0) this.#planDials(nowMono, this.#headStart());
  }

  /** With nothing to say by datagrams there is no reason to wait. */
  #headStart(): number {
    return this.#io.policy().datagrams && this.#datagrams().length > 0 ? STREAM_HEAD_START_MS : 0;
  }

  /** The peer's session is up, moved or was renewed. `link`: the link that carries it, if any. */
  up(nowMono: number, transport: string, link: number | null): void {
    const was = this.#state === 'up' ? this.#transport : '';
    this.#state = 'up';
    this.#suspected = false;
    this.#transport = transport;
    this.#link = link ?? -1;
    const rank = rankOf(transport);
    this.#plan = this.#plan.filter(({ target }) => rankOf(target.transport) < rank);
    for (const [dial, target] of this.#dials) if (rankOf(target.transport) >= rank) this.#drop(dial);
    this.#keepOneSpare();
    this.#io.setWays(this.#ways());
    if (was === transport) return;
    this.#upgrades = 0;
    if (rank === 0) {
      this.#upgradeMono = Infinity;
      return;
    }
    this.#upgradeMono = nowMono + this.#chance.jitter(UPGRADE_AFTER_MS);
    // A link that was ready while others answered first: its handshake was given up then.
    const links = this.#betterLinks();
    if (links.length > 0) this.#io.tryWays(links);
    if (transport === 'relay') {
      this.#io.meet(nowMono);
      if (!this.#triesStreams()) this.#planDials(nowMono, 0);
    }
  }

  /** Of the links that do not carry, the best stays as a spare. */
  #keepOneSpare(): void {
    const spares = [...this.#links].filter(([link]) => link !== this.#link);
    spares.sort(([, a], [, b]) => rankOf(a) - rankOf(b));
    for (const [link] of spares.slice(1)) this.#close(link);
  }

  #close(link: number): void {
    this.#links.delete(link);
    this.#io.closeLink(link);
  }

  #drop(dial: number): void {
    this.#dials.delete(dial);
    this.#io.cancel(dial);
  }

  /** Nobody answered over the ways there are. True: others are being tried still, and the call goes on. */
  unanswered(): boolean {
    return this.#state !== 'up' && (this.#plan.length > 0 || this.#dials.size > 0);
  }

  down(): void {
    this.#state = 'rest';
    this.#transport = '';
    this.#link = -1;
    this.#plan = [];
    this.#upgradeMono = Infinity;
    for (const dial of [...this.#dials.keys()]) this.#drop(dial);
    for (const link of [...this.#links.keys()]) this.#close(link);
  }

  /** Nothing comes back from the peer: everything that may work is tried at once. */
  suspect(nowMono: number): void {
    if (this.#state !== 'up') return;
    this.#suspected = true;
    this.#io.setWays(this.#ways());
    if (!this.#dialsStreams()) {
      this.#plan = [];
      this.#planDials(nowMono, 0);
    }
    this.#dialDue(nowMono);
  }

  /** What this machine may use changed: a way that it may not use any more ends as one that died. */
  policyChanged(nowMono: number): void {
    const { datagrams, webrtc } = this.#io.policy();
    const isOver = (this.#transport === 'udp' && !datagrams) || (this.#transport === 'webrtc' && !webrtc);
    if (isOver) return this.suspect(nowMono);
    if (this.#state !== 'up') return;
    this.#io.setWays(this.#ways());
    // Something better may be allowed again.
    if (rankOf(this.#transport) > 0) this.#upgradeMono = Math.min(this.#upgradeMono, nowMono);
  }

  /** The peer asks for both ends to try each other now; `endpoints`: what it knows of itself beyond its statement. */
  met(endpoints: readonly string[]): void {
    if (rankOf(this.#transport) === 0) return;
    const ways = this.#datagrams(endpoints);
    if (ways.length > 0 && this.#io.policy().datagrams) this.#io.tryWays(ways.slice(0, WAYS_MAX));
  }

  /** Others can pass frames on, or cannot any more. */
  rerouted(): void {
    const before = this.#told;
    const ways = this.#ways();
    if (this.#told === before) return;
    if (this.#state === 'up') this.#io.setWays(ways);
    else if (this.#state === 'calling' && this.#io.vias().length > 0) this.#io.connect(ways);
  }

  /** The peer says other endpoints than before. */
  changed(nowMono: number): void {
    if (this.#state === 'calling') this.call(nowMono);
    else if (this.#state === 'up') {
      this.#io.setWays(this.#ways());
      if (rankOf(this.#transport) > 0) this.#upgradeMono = Math.min(this.#upgradeMono, nowMono);
    }
  }

  /** A dial succeeded. False: it was none of this caller's. */
  opened(dial: number, link: number, transport: string): boolean {
    if (!this.#dials.delete(dial)) return false;
    this.#links.set(link, transport);
    const way = `link:${link}`;
    if (this.#state !== 'up') this.#io.connect(this.#ways());
    else {
      this.#io.setWays(this.#ways());
      if (this.#suspected || rankOf(transport) < rankOf(this.#transport)) this.#io.tryWays([way]);
    }
    return true;
  }

  failed(dial: number, code = ''): boolean {
    if (code === 'no-proxy' && this.#dials.has(dial)) this.#goStraight();
    return this.#dials.delete(dial);
  }

  /** This machine has no proxy after all: what was to be dialled through one makes room for the rest. */
  #goStraight(): void {
    const times = this.#plan.map(({ atMono }) => atMono);
    const straight = this.#plan.filter(({ target }) => !('proxy' in target) || target.proxy === 'none');
    this.#plan = straight.map((dial, place) =>
      dial.target.transport === 'webrtc' ? dial : { ...dial, atMono: times[place] as number },
    );
  }

  /** The transport closed the link. */
  closed(link: number): boolean {
    if (!this.#links.delete(link)) return false;
    if (this.#link === link) this.#link = -1;
    if (this.#state === 'up') this.#io.setWays(this.#ways());
    return true;
  }

  nextDeadline(): number {
    const dial = this.#dials.size < DIALS_MAX ? (this.#plan[0]?.atMono ?? Infinity) : Infinity;
    return Math.min(dial, this.#upgradeMono);
  }

  tick(nowMono: number): void {
    this.#dialDue(nowMono);
    if (this.#upgradeMono <= nowMono) this.#upgrade(nowMono);
  }

  #dialDue(nowMono: number): void {
    while (this.#dials.size < DIALS_MAX && (this.#plan[0]?.atMono ?? Infinity) <= nowMono) {
      const next = this.#plan.shift();
      if (!next || (next.target.transport === 'webrtc' && !this.#wantsWebRtc())) continue;
      this.#dials.set(this.#io.dial(next.target), next.target);
    }
  }

  /** It costs both ends more than a stream: worth it only where there is no straight way at all. */
  #wantsWebRtc(): boolean {
    if (!this.#canDial || !this.#io.policy().webrtc || !this.#io.canSignal()) return false;
    if (this.#webRtcDials().length > 0) return false;
    return this.#state !== 'up' || this.#suspected || this.#transport === 'relay';
  }

  #webRtcDials(): number[] {
    return [...this.#dials].flatMap(([dial, { transport }]) => (transport === 'webrtc' ? [dial] : []));
  }

  /** A WebRTC dial takes its time and says nothing of streams. */
  #dialsStreams(): boolean {
    return this.#dials.size > this.#webRtcDials().length;
  }

  #triesStreams(): boolean {
    return this.#dialsStreams() || this.#plan.some(({ target }) => target.transport !== 'webrtc');
  }

  /**
   * The peer dials by WebRTC: the number of this end's dial to answer it with; null: it is not wanted, or this end's own dial stands.
   * When both began, the one whose turn it is goes on. `yields`: it is the peer's.
   */
  invited(yields: boolean): number | null {
    const own = this.#webRtcDials();
    if (own.length > 0 && !yields) return null;
    for (const dial of own) this.#drop(dial);
    if (!this.#wantsWebRtc()) return null;
    this.#plan = this.#plan.filter(({ target }) => target.transport !== 'webrtc');
    const target: WebRtcTarget = { transport: 'webrtc', initiator: false };
    const dial = this.#io.dial(target);
    this.#dials.set(dial, target);
    return dial;
  }

  /** A better way than the present one: by datagrams, and from HTTP and relays by streams as well. */
  #upgrade(nowMono: number): void {
    const wait = UPGRADE_EVERY_MS[Math.min(this.#upgrades, UPGRADE_EVERY_MS.length - 1)] as number;
    this.#upgrades++;
    this.#upgradeMono = nowMono + this.#chance.jitter(wait);
    if (this.#transport === 'relay') this.#io.meet(nowMono);
    const links = this.#betterLinks();
    const datagrams = this.#io.policy().datagrams ? this.#datagrams() : [];
    const ways = [...datagrams.slice(0, WAYS_MAX - links.length), ...links];
    if (ways.length > 0) this.#io.tryWays(ways);
    if (rankOf(this.#transport) > rankOf('tls') && !this.#triesStreams()) {
      this.#planDials(nowMono, 0);
      const rank = rankOf(this.#transport);
      this.#plan = this.#plan.filter(({ target }) => rankOf(target.transport) < rank);
    }
  }

  /** Links that would carry better than the present way. */
  #betterLinks(): string[] {
    const rank = rankOf(this.#transport);
    return [...this.#links].filter(([, transport]) => rankOf(transport) < rank).map(([link]) => `link:${link}`);
  }

  /** Where the peer may be called of where it is said to be; `more` first. */
  #callable(more: readonly string[] = []): Endpoint[] {
    const endpoints = [...more, ...this.#io.endpoints()];
    const text = endpoints.join();
    // Asked for often, and seldom other endpoints; who may be called may change meanwhile.
    if (text !== this.#endpoints) {
      this.#endpoints = text;
      this.#parsed = endpoints.map(parseEndpoint).filter((endpoint) => endpoint !== null);
    }
    return this.#parsed.map((endpoint) => this.#io.mayCall(endpoint)).filter((endpoint) => endpoint !== null);
  }

  #datagrams(more: readonly string[] = []): string[] {
    const ways = new Set<string>();
    for (const endpoint of this.#callable(more)) {
      if (endpoint.carriers !== 'tcp') ways.add(formatSocket(endpoint));
    }
    return [...ways];
  }

  /** Everything that can be tried without dialling: best first. */
  #ways(): string[] {
    const ways = this.#collectWays();
    this.#told = ways.join();
    return ways;
  }

  #collectWays(): string[] {
    const links = [...this.#links].sort(([, a], [, b]) => rankOf(a) - rankOf(b)).map(([link]) => `link:${link}`);
    const vias = this.#io.vias().map((peer) => `via:${peer}`);
    const rest = [...links, ...vias].slice(0, WAYS_MAX / 2);
    const datagrams = this.#io.policy().datagrams ? this.#datagrams() : [];
    return [...datagrams.slice(0, WAYS_MAX - rest.length), ...rest];
  }

  #planDials(nowMono: number, delayMs: number): void {
    if (!this.#canDial) return;
    const planned = this.#plan.find(({ target }) => target.transport === 'webrtc');
    const targets = dialTargets(this.#callable(), this.#io.policy());
    this.#plan = targets.map((target, place) => ({ atMono: nowMono + delayMs + place * DIAL_STAGGER_MS, target }));
    if (!this.#io.policy().webrtc) return;
    const last = Math.max(delayMs + targets.length * DIAL_STAGGER_MS, WEBRTC_HEAD_START_MS);
    // A new plan of streams does not put it off.
    const atMono = Math.min(nowMono + last, planned?.atMono ?? Infinity);
    this.#plan.push({ atMono, target: { transport: 'webrtc', initiator: true } });
    this.#plan.sort((a, b) => a.atMono - b.atMono);
  }
}

/** What to dial, in order: quick ones of all endpoints first; what a proxy may let through beside them. */
export function dialTargets(endpoints: readonly Endpoint[], policy: CallPolicy): StreamTarget[] {
  const streams = endpoints.filter(({ carriers, port }) => carriers !== 'udp' && (!policy.only443 || port === 443));
  const direct: StreamTarget[][] = [];
  const proxied: StreamTarget[][] = [];
  // 443 gets through where nothing else does.
  const first = [...streams].sort((a, b) => Number(b.port === 443) - Number(a.port === 443));
  for (const { address, port } of first.slice(0, STREAM_ENDPOINTS_MAX)) {
    const target = (transport: StreamTransport, proxy: 'none' | 'auto'): StreamTarget => ({
      transport,
      host: formatIp(address),
      port,
      proxy,
    });
    const plain: StreamTransport[] = policy.only443 ? ['tls'] : ['tcp', 'tls'];
    const web: StreamTransport[] = policy.only443 ? ['wss', 'https'] : ['wss', 'ws', 'https', 'http'];
    direct.push([...plain, ...(policy.http ? web : [])].map((transport) => target(transport, 'none')));
    if (policy.proxy && policy.http) {
      proxied.push((['tls', ...web] as StreamTransport[]).map((transport) => target(transport, 'auto')));
    }
  }
  return interleaveAll([interleaveAll(proxied), interleaveAll(direct)]);
}

/** First of each list, then second of each … */
function interleaveAll<T>(lists: readonly T[][]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const out: T[] = [];
  for (let place = 0; place < longest; place++) {
    for (const list of lists) if (place < list.length) out.push(list[place] as T);
  }
  return out;
}
