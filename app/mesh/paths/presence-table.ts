// The newest statement of every member, who is known to have it, and how two tables find their differences.
import {
  PRESENCE_BYTES_MAX,
  decodePresence,
  presenceHead,
  type GroupWish,
  type Origin,
  type Presence,
} from '../../wire/messages/presence.ts';
import { DIGEST_CHUNKS_MAX, type Aged, type AgedDelta, type Known } from '../../wire/messages/message.ts';
import { Bucket } from '../guard/bucket.ts';
import type { Graph } from '../routing/graph.ts';
import { DELTA_KEPT_MS, MEMBERS_PER_CHUNK, ORIGIN_BURST, ORIGIN_PER_SECOND } from './limits.ts';

export interface Heard {
  presence: Presence;
  /** When it was made, on the own monotonic clock, as far as its carriers measured. */
  bornMono: number;
  expiresMono: number;
}

/** What led to a newest statement. */
interface Led {
  baseSeq: number;
  bytes: Uint8Array;
  atMono: number;
}

/**
 * `changed`: says something new (`before` is what it replaces). `renewed`: as before, only newer. `old`: known or older.
 * `unknown`: of nobody who is a member here. `limited`: this origin says too much. `bad`: malformed or wrongly signed.
 */
export type Insertion =
  | { kind: 'changed' | 'renewed'; presence: Presence; before: Presence | undefined }
  | { kind: 'old'; origin: Origin; seq: number }
  | { kind: 'unknown' | 'limited'; origin: Origin }
  | { kind: 'bad' };

/** `false`: wrong signature; `null`: nobody of that name is a member. */
export type VerifyPresence = (presence: Presence) => boolean | null;

/** Where the two halves of a fingerprint start. */
const HASH_HIGH = 0x811c9dc5;
const HASH_LOW = 0x9dc5811c;
const SEQ_AT = 9;
const SEQ_BYTES = 6;

export class PresenceTable {
  readonly #entries = new Map<Origin, Heard>();
  /** Newest sequences of statements that ran out: they do not come back. */
  readonly #gone = new Map<Origin, number>();
  /** Of the newest statements, the oldest first, as it travels. */
  readonly #led = new Map<Origin, Led>();
  readonly #buckets = new Map<Origin, Bucket>();
  /** Halves of the fingerprint. */
  #high = 0;
  #low = 0;
  readonly #verify: VerifyPresence;
  readonly #share: (bytes: Uint8Array) => Uint8Array;
  /** Told of all statements. */
  readonly #graph: Graph;
  /** No statement but the own runs out before. */
  #earliestMono = Infinity;

  constructor(verify: VerifyPresence, share: (bytes: Uint8Array) => Uint8Array, graph: Graph) {
    this.#verify = verify;
    this.#share = share;
    this.#graph = graph;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(origin: Origin): Presence | undefined {
    return this.#entries.get(origin)?.presence;
  }

  seq(origin: Origin): number {
    return this.#entries.get(origin)?.presence.seq ?? this.#gone.get(origin) ?? -1;
  }

  bornMono(origin: Origin): number {
    return this.#entries.get(origin)?.bornMono ?? -Infinity;
  }

  *all(): IterableIterator<Presence> {
    for (const heard of this.#entries.values()) yield heard.presence;
  }

  /** Says all to the graph again, which has more members now. */
  retell(): void {
    for (const { presence, bornMono } of this.#entries.values()) this.#graph.say(presence, bornMono);
  }

  insert(nowMono: number, statement: Aged): Insertion {
    if (statement.bytes.length > PRESENCE_BYTES_MAX) return { kind: 'bad' };
    const head = presenceHead(statement.bytes);
    if (!head) return { kind: 'bad' };
    const { origin, seq } = head;
    // Most come more than once: those are not read any further.
    if (seq <= this.seq(origin)) return { kind: 'old', origin, seq };
    const presence = decodePresence(this.#share(statement.bytes));
    if (!presence) return { kind: 'bad' };
    const before = this.#entries.get(origin)?.presence;
    const bornMono = nowMono - statement.ageSeconds * 1000;
    const expiresMono = bornMono + presence.ttlMinutes * 60_000;
    if (expiresMono <= nowMono) return { kind: 'old', origin, seq };
    if (!this.#allowed(origin, nowMono)) return { kind: 'limited', origin };
    const valid = this.#verify(presence);
    if (valid === null) return { kind: 'unknown', origin };
    if (!valid) return { kind: 'bad' };
    this.#gone.delete(origin);
    this.#set({ presence, bornMono, expiresMono });
    this.#earliestMono = Math.min(this.#earliestMono, expiresMono);
    const kind = before && sameWords(before, presence) ? 'renewed' : 'changed';
    return { kind, presence, before };
  }

  /** The own statement, made here: no limit and no check. */
  put(nowMono: number, presence: Presence): void {
    const expiresMono = nowMono + presence.ttlMinutes * 60_000;
    this.#set({ presence, bornMono: nowMono, expiresMono });
  }

  /** Keeps what led to the newest statement of this origin from the one of that sequence, for others who have that. */
  lead(nowMono: number, origin: Origin, baseSeq: number, bytes: Uint8Array): void {
    if (this.#entries.has(origin)) this.#led.set(origin, { baseSeq, bytes, atMono: nowMono });
  }

  /** Drops what led to statements that everybody has by now. */
  settle(nowMono: number): void {
    for (const [origin, { atMono }] of this.#led) {
      if (atMono + DELTA_KEPT_MS > nowMono) return;
      this.#led.delete(origin);
    }
  }

  #set(heard: Heard): void {
    const { presence, bornMono } = heard;
    this.#led.delete(presence.origin);
    const before = this.#entries.get(presence.origin);
    if (before) this.#mix(before.presence);
    this.#entries.set(presence.origin, heard);
    this.#mix(presence);
    this.#graph.say(presence, bornMono);
  }

  #drop(origin: Origin): void {
    const heard = this.#entries.get(origin);
    if (!heard) return;
    this.#entries.delete(origin);
    this.#led.delete(origin);
    this.#mix(heard.presence);
    this.#graph.silent(origin);
  }

  /** Into the fingerprint, or out of it. */
  #mix(presence: Presence): void {
    this.#high ^= hash32(presence, HASH_HIGH);
    this.#low ^= hash32(presence, HASH_LOW);
  }

  remove(origin: Origin): void {
    this.#drop(origin);
    this.#gone.delete(origin);
    this.#buckets.delete(origin);
  }

  /** Drops what ran out and names it; the own origin never runs out. */
  expire(nowMono: number, self: Origin): Origin[] {
    const gone: Origin[] = [];
    if (this.#earliestMono > nowMono) return gone;
    this.#earliestMono = Infinity;
    for (const [origin, heard] of this.#entries) {
      if (origin === self) continue;
      if (heard.expiresMono > nowMono) {
        this.#earliestMono = Math.min(this.#earliestMono, heard.expiresMono);
        continue;
      }
      this.#drop(origin);
      this.#gone.set(origin, heard.presence.seq);
      gone.push(origin);
    }
    return gone;
  }

  /** When to look again for what ran out; no statement runs out before. Infinity: never. */
  nextExpiry(): number {
    return this.#earliestMono;
  }

  aged(origin: Origin, nowMono: number): Aged | null {
    const heard = this.#entries.get(origin);
    return heard ? { ageSeconds: ageOf(heard, nowMono), bytes: heard.presence.bytes } : null;
  }

  /** What led to the newest statement, for who has that of `baseSeq`; null: none is kept. */
  agedDelta(origin: Origin, nowMono: number): (AgedDelta & { baseSeq: number }) | null {
    const heard = this.#entries.get(origin);
    const led = this.#led.get(origin);
    return heard && led ? { ageSeconds: ageOf(heard, nowMono), delta: led.bytes, baseSeq: led.baseSeq } : null;
  }

  /** Power of two that gives chunks of about MEMBERS_PER_CHUNK members. */
  chunkCount(): number {
    let count = 1;
    while (count < DIGEST_CHUNKS_MAX && count * MEMBERS_PER_CHUNK < this.#entries.size) count *= 2;
    return count;
  }

  /** A u32 for each of `count` chunks; equal tables have equal ones. */
  digest(count: number): number[] {
    const chunks = new Array<number>(count).fill(0);
    for (const { presence } of this.#entries.values()) {
      const chunk = chunkOf(presence.origin, count);
      chunks[chunk] = ((chunks[chunk] as number) ^ hash32(presence, HASH_HIGH)) >>> 0;
    }
    return chunks;
  }

  /** 8 bytes over the whole table, for the greeting. */
  fingerprint(): Uint8Array {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#high >>> 0);
    view.setUint32(4, this.#low >>> 0);
    return bytes;
  }

  /** What is known in some chunks of a digest with `count` chunks. */
  known(count: number, chunks: readonly number[]): Known[] {
    const wanted = new Set(chunks);
    const result: Known[] = [];
    for (const { presence } of this.#entries.values()) {
      if (wanted.has(chunkOf(presence.origin, count))) result.push({ origin: presence.origin, seq: presence.seq });
    }
    return result;
  }

  #allowed(origin: Origin, nowMono: number): boolean {
    // Names of nobody get no bucket: the table of buckets stays as small as the membership.
    let bucket = this.#buckets.get(origin);
    if (!bucket && this.#entries.has(origin)) {
      bucket = new Bucket(ORIGIN_BURST, ORIGIN_PER_SECOND, nowMono);
      this.#buckets.set(origin, bucket);
    }
    return bucket ? bucket.take(nowMono) : true;
  }
}

const ageOf = ({ bornMono }: Heard, nowMono: number): number =>
  Math.min(0xffff, Math.max(0, Math.round((nowMono - bornMono) / 1000)));

export const chunkOf = (origin: Origin, count: number): number => parseInt(origin.slice(0, 2), 16) & (count - 1);

/** FNV-1a over the origin and the sequence. */
function hash32(presence: Presence, start: number): number {
  let hash = start;
  const end = SEQ_AT + SEQ_BYTES;
  for (let i = 1; i < end; i++) hash = Math.imul(hash ^ (presence.bytes[i] as number), 0x01000193);
  return hash >>> 0;
}

export const sameGroups = ({ groups: a }: Presence, { groups: b }: Presence): boolean =>
  a.length === b.length &&
  a.every((wish, place) => {
    const other = b[place] as GroupWish;
    return wish.group === other.group && wish.mode === other.mode && wish.sources.join() === other.sources.join();
  });

/** What places and round trips became is no news. */
export const sameWords = (a: Presence, b: Presence): boolean =>
  a.off === b.off &&
  a.features === b.features &&
  a.relayKBps === b.relayKBps &&
  a.uplinkKBps === b.uplinkKBps &&
  a.neighbours.join() === b.neighbours.join() &&
  a.relayed.join() === b.relayed.join() &&
  a.endpoints.join() === b.endpoints.join() &&
  sameGroups(a, b) &&
  a.boxKey.every((byte, place) => byte === b.boxKey[place]);
