// The own statement of presence: collects what changed, and says when and what to publish.
import {
  PRESENCE_ENDPOINTS_MAX,
  PRESENCE_GROUPS_MAX,
  PRESENCE_NEIGHBOURS_MAX,
  PRESENCE_SOURCES_MAX,
  encodePresenceBody,
  presenceSigned,
  type GroupWish,
  type Origin,
  type Presence,
} from '../../wire/messages/presence.ts';
import { formatEndpoint, formatSocket, normalEndpoint, parseEndpoint } from '../../wire/messages/address.ts';
import { Bucket } from '../guard/bucket.ts';
import {
  OBSERVED_MAX,
  OBSERVED_MS,
  PRESENCE_REFRESH_MS,
  PRESENCE_TTL_MINUTES,
  PUBLISH_BURST,
  PUBLISH_PER_SECOND,
  SEQ_LEASE,
} from './limits.ts';
import type { Chance } from './chance.ts';
import { DrawnPorts } from './drawn-ports.ts';
import { Measures, type RoundTrips } from './measures.ts';

export interface MeshTime {
  mono: number;
  wall: number;
}

export interface OwnStatementIo {
  networkId: Uint8Array;
  origin: Origin;
  sign(message: Uint8Array): Uint8Array;
  /** Makes durable that no sequence up to this one is used again. */
  reserveSeq(until: number): void;
  /** Public half of this start's key for sealed cast keys. */
  boxKey: Uint8Array;
}

/** What this member does and can do for others. */
export interface Service {
  features: number;
  relayKBps: number;
  uplinkKBps: number;
}

interface Observation {
  by: Set<Origin>;
  seenMono: number;
}

const socketOf = (text: string): string => {
  const endpoint = parseEndpoint(text);
  return endpoint ? formatSocket(endpoint) : text;
};

export class OwnStatement {
  readonly #io: OwnStatementIo;
  readonly #chance: Chance;
  readonly #bucket: Bucket;
  readonly #observed = new Map<string, Observation>();
  readonly #drawn = new DrawnPorts();
  readonly #measures = new Measures();
  #local: string[] = [];
  #groups: GroupWish[] = [];
  #off = false;
  #service: Service = { features: 0, relayKBps: 0, uplinkKBps: 0 };
  #place: Presence['place'] = [0, 0, 0, 0];
  #seq: number;
  #lease: number;
  #dueMono = Infinity;
  #refreshMono = Infinity;

  /** `reserved`: what `reserveSeq` made durable last, 0 at first. */
  constructor(io: OwnStatementIo, chance: Chance, reserved: number, now: MeshTime) {
    this.#io = io;
    this.#chance = chance;
    this.#bucket = new Bucket(PUBLISH_BURST, PUBLISH_PER_SECOND, now.mono);
    this.#seq = reserved;
    this.#lease = reserved;
  }

  get groups(): readonly GroupWish[] {
    return this.#groups;
  }

  get off(): boolean {
    return this.#off;
  }

  /** Asks for a publication after at most `delayMs`. */
  touch(nowMono: number, delayMs: number): void {
    this.#dueMono = Math.min(this.#dueMono, nowMono + delayMs);
  }

  setOff(off: boolean): void {
    this.#off = off;
  }

  /** True when it differs from before. */
  setService(service: Service): boolean {
    const { features, relayKBps, uplinkKBps } = this.#service;
    this.#service = service;
    return features !== service.features || relayKBps !== service.relayKBps || uplinkKBps !== service.uplinkKBps;
  }

  /** Own network coordinates; told with the next statement, never a reason for one. */
  setPlace(place: Presence['place']): void {
    this.#place = place;
  }

  /** Endpoints of this machine, best first. True when they differ from before. */
  setLocal(endpoints: readonly string[]): boolean {
    const normal: string[] = [];
    for (const text of endpoints) {
      const endpoint = normalEndpoint(text);
      if (endpoint && !normal.includes(endpoint)) normal.push(endpoint);
    }
    const same = normal.join() === this.#local.join();
    this.#local = normal.slice(0, PRESENCE_ENDPOINTS_MAX - OBSERVED_MAX);
    // Observations belong to the addresses that the machine had.
    if (!same) {
      this.#observed.clear();
      this.#drawn.clear();
    }
    return !same;
  }

  /** A member saw this machine at `endpoint`; `assumed`: it is thought to. True when the list to publish changes. */
  observe(nowMono: number, endpoint: string, by: Origin, assumed = false): boolean {
    const seen = parseEndpoint(endpoint);
    if (!assumed) this.#drawn.note(nowMono, endpoint, by);
    if (!seen || this.#local.some((local) => socketOf(local) === formatSocket(seen))) return false;
    // Others see where datagrams come from; a stream's port says nothing about where one could call.
    const normal = formatEndpoint({ ...seen, carriers: 'udp' });
    const before = this.endpoints().join();
    const known = this.#observed.get(normal);
    if (known) {
      known.by.add(by);
      known.seenMono = nowMono;
    } else this.#observed.set(normal, { by: new Set([by]), seenMono: nowMono });
    for (const [key, other] of this.#observed) {
      if (key !== normal) other.by.delete(by);
      if (other.by.size === 0 || nowMono - other.seenMono > OBSERVED_MS) this.#observed.delete(key);
    }
    return this.endpoints().join() !== before;
  }

  /** Local endpoints, then those that most members observed. */
  endpoints(): string[] {
    const observed = [...this.#observed]
      .filter(([endpoint]) => !this.#local.includes(endpoint))
      .sort(([a, x], [b, y]) => y.by.size - x.by.size || (a < b ? -1 : 1))
      .slice(0, OBSERVED_MAX)
      .map(([endpoint]) => endpoint);
    return [...this.#local, ...observed];
  }

  /** See DrawnPorts: guesses of the next port of a NAT that counts on. */
  predicted(nowMono: number): string[] {
    return this.#drawn.predicted(nowMono);
  }

  /** A port that a NAT drew for another socket of this machine, as a STUN server saw it. */
  drew(nowMono: number, endpoint: string, by: string): void {
    this.#drawn.note(nowMono, endpoint, by);
  }

  /** Groups that the own host joined, in any order. True when they differ from before. */
  setGroups(groups: readonly GroupWish[]): boolean {
    const sorted = groups
      .map((wish) => ({ ...wish, sources: [...wish.sources].sort().slice(0, PRESENCE_SOURCES_MAX) }))
      .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0))
      .slice(0, PRESENCE_GROUPS_MAX);
    const text = (list: readonly GroupWish[]): string =>
      list.map((wish) => `${wish.group} ${wish.mode} ${wish.sources.join()}`).join(';');
    const same = text(sorted) === text(this.#groups);
    this.#groups = sorted;
    return !same;
  }

  /** Somebody holds a newer statement of this member than this engine made: go on from there. */
  outrun(seq: number, nowMono: number): void {
    if (seq < this.#seq) return;
    this.#seq = seq;
    this.touch(nowMono, 0);
  }

  isDue(nowMono: number): boolean {
    return Math.min(this.#dueMono, this.#refreshMono) <= nowMono;
  }

  nextDeadline(nowMono: number): number {
    const due = Math.min(this.#dueMono, this.#refreshMono);
    return due <= nowMono ? nowMono + this.#bucket.waitMs(nowMono) : due;
  }

  /** The statement to publish now, or null when none is due. */
  publish(now: MeshTime, active: readonly Origin[], relayed: readonly Origin[], rtts: RoundTrips): Presence | null {
    if (!this.isDue(now.mono) || !this.#bucket.take(now.mono)) return null;
    this.#dueMono = Infinity;
    this.#refreshMono = now.mono + this.#chance.jitter(PRESENCE_REFRESH_MS);
    this.#seq = Math.max(Math.floor(now.wall), this.#seq + 1);
    if (this.#seq >= this.#lease) {
      this.#lease = this.#seq + SEQ_LEASE;
      this.#io.reserveSeq(this.#lease);
    }
    const neighbours = [...active].sort().slice(0, PRESENCE_NEIGHBOURS_MAX);
    const body = {
      origin: this.#io.origin,
      seq: this.#seq,
      ttlMinutes: PRESENCE_TTL_MINUTES,
      off: this.#off,
      ...this.#service,
      boxKey: this.#io.boxKey,
      neighbours,
      relayed: [...relayed],
      ...this.#measures.tell(now.mono, neighbours, relayed, rtts, this.#place),
      endpoints: this.endpoints(),
      groups: this.#groups,
    };
    const encoded = encodePresenceBody(body);
    const signature = this.#io.sign(presenceSigned(this.#io.networkId, encoded));
    const bytes = new Uint8Array(encoded.length + signature.length);
    bytes.set(encoded);
    bytes.set(signature, encoded.length);
    return { ...body, bytes };
  }
}
