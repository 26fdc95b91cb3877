// How statements travel: what says something new goes on at once, renewals wait a little at each hop and share messages, and
// digests find what was missed.
import type { Origin } from '../../wire/messages/presence.ts';
import {
  ORIGINS_PER_MESSAGE_MAX,
  PRESENCES_PER_MESSAGE_MAX,
  encodeMessage,
  type Known,
  type Message,
  type Told,
} from '../../wire/messages/message.ts';
import type { Chance } from './chance.ts';
import {
  CALM_NEWS_WAIT_MS,
  DIGEST_EVERY_MS,
  EAR_YOUNG_MS,
  LAZY_FORWARD_MS,
  NEWS_WAIT_FROM_MEMBERS,
  NEWS_WAIT_MS,
  OLD_NEWS_MS,
  OLD_NEWS_WAIT_MS,
} from './limits.ts';
import { chunkOf, type PresenceTable } from './presence-table.ts';
import { Wants } from './wants.ts';

/**
 * What a member has shown to know is remembered this long, twice at most: a statement is passed on within that time or not at all, and a
 * memory of everything would take as much as there are members for each session.
 */
const KNOWN_MS = 60_000;
/** Where so many chunks of a digest differ, one side lacks much: it catches up with one member at a time, about this long. */
const CATCH_UP_CHUNKS = 8;
const CATCH_UP_MS = 1_000;
/** Statements in one message weigh at most this much, so that they fit a control message together. */
const BATCH_BYTES_MAX = 48_000;

class Ear {
  /** Newest sequence per origin that this member is known to have, of late and of the time before. */
  #has = new Map<Origin, number>();
  #had = new Map<Origin, number>();
  /** Statements that it is to get, and the sequence of the first that waits: that one is not sent any more where a newer one came. */
  readonly waiting = new Map<Origin, number>();
  /** Those of them that were made long ago. */
  readonly old = new Set<Origin>();
  readonly #upMono: number;

  constructor(upMono: number) {
    this.#upMono = upMono;
  }

  #known(origin: Origin): number {
    return this.#has.get(origin) ?? this.#had.get(origin) ?? -1;
  }

  has(origin: Origin, seq: number): boolean {
    return this.#known(origin) >= seq;
  }

  learn(origin: Origin, seq: number): void {
    if (!this.has(origin, seq)) this.#has.set(origin, seq);
  }

  /** The statement of this sequence seems to be its newest, from here or from others. */
  isAt(origin: Origin, seq: number, nowMono: number): boolean {
    const known = this.#known(origin);
    if (known >= seq) return known === seq;
    return nowMono - this.#upMono >= EAR_YOUNG_MS && seq < (this.waiting.get(origin) ?? Infinity);
  }

  /** Nothing of these waits any more. */
  heardAll(isMeant: (origin: Origin) => boolean): void {
    for (const origin of this.waiting.keys()) {
      if (!isMeant(origin)) continue;
      this.waiting.delete(origin);
      this.old.delete(origin);
    }
  }

  forget(origin: Origin): void {
    for (const list of [this.#has, this.#had, this.waiting, this.old]) list.delete(origin);
  }

  age(): void {
    this.#had = this.#has;
    this.#has = new Map();
  }
}

export interface SpreadIo {
  send(origin: Origin, bytes: Uint8Array): boolean;
  /** Lasting neighbours. */
  neighbours(): Origin[];
  memberCount(): number;
}

export class Spread {
  readonly #io: SpreadIo;
  readonly #table: PresenceTable;
  readonly #chance: Chance;
  readonly #ears = new Map<Origin, Ear>();
  readonly #wants = new Wants();
  #flushMono = Infinity;
  /** The same for what was made long ago. */
  #oldMono = Infinity;
  #digestMono: number;
  #agedMono: number;
  /** Digests that wait until this side has caught up with somebody else: most of what they lead to will be known by then. */
  readonly #digests = new Map<Origin, readonly number[]>();
  #caughtUpMono = -Infinity;

  constructor(io: SpreadIo, table: PresenceTable, chance: Chance, nowMono: number) {
    this.#io = io;
    this.#table = table;
    this.#chance = chance;
    this.#digestMono = nowMono + chance.jitter(DIGEST_EVERY_MS);
    this.#agedMono = nowMono;
  }

  up(origin: Origin, nowMono: number): void {
    this.#ears.set(origin, new Ear(nowMono));
  }

  down(origin: Origin, nowMono: number): void {
    this.#ears.delete(origin);
    this.#digests.delete(origin);
    this.#wants.down(origin, nowMono);
  }

  forget(origin: Origin): void {
    this.#ears.delete(origin);
    this.#wants.forget(origin);
    for (const ear of this.#ears.values()) ear.forget(origin);
  }

  /** `by` has shown that it has this statement. */
  heard(by: Origin, origin: Origin, seq: number): void {
    this.#ears.get(by)?.learn(origin, seq);
  }

  /** `from` has a statement that is missing here: it is asked for. */
  want(from: Origin, origin: Origin, seq: number, isMember: boolean, nowMono: number): void {
    this.#wants.add(origin, seq, isMember, from, nowMono);
  }

  /** True when it was asked for, or was to be. */
  got(origin: Origin, seq: number, nowMono: number): boolean {
    return this.#wants.got(origin, seq, nowMono);
  }

  /** Sends a statement that says something new to all of `to` who lack it. */
  now(origin: Origin, to: Iterable<Origin>, nowMono: number): void {
    const seq = this.#table.seq(origin);
    const messages = new Map<Told, Uint8Array>();
    const whole = this.#table.aged(origin, nowMono);
    const changes = this.#table.agedDelta(origin, nowMono);
    if (!whole) return;
    for (const other of to) {
      if (other === origin) continue;
      const ear = this.#ears.get(other);
      if (!ear || ear.has(origin, seq)) continue;
      const told = changes && ear.isAt(origin, changes.baseSeq, nowMono) ? changes : whole;
      const bytes = messages.get(told) ?? encodeMessage({ type: 'presences', statements: [told] });
      messages.set(told, bytes);
      if (!this.#io.send(other, bytes)) continue;
      ear.learn(origin, seq);
      ear.waiting.delete(origin);
    }
  }

  /** So many members that what is told twice costs more than a moment's wait. */
  get waits(): boolean {
    return this.#io.memberCount() >= NEWS_WAIT_FROM_MEMBERS;
  }

  /** Passes news of others on to the neighbours: at once where members are few. */
  soon(origin: Origin, nowMono: number, calm: boolean): void {
    if (!this.waits) return this.now(origin, this.#io.neighbours(), nowMono);
    if (nowMono - this.#table.bornMono(origin) > OLD_NEWS_MS) return this.#waitOld(origin, nowMono);
    const waitMs = calm ? CALM_NEWS_WAIT_MS : NEWS_WAIT_MS;
    // What waits already is joined, so that a burst goes together.
    const isSoon = this.#flushMono <= nowMono + waitMs;
    this.#wait(origin, isSoon ? this.#flushMono : nowMono + this.#chance.below(waitMs));
  }

  /** Sends a renewal to the neighbours, some time. */
  later(origin: Origin, nowMono: number): void {
    this.#wait(origin, Math.min(this.#flushMono, nowMono + this.#chance.jitter(LAZY_FORWARD_MS)));
  }

  #wait(origin: Origin, untilMono: number): void {
    const ears = this.#lacking(origin);
    for (const ear of ears) ear.old.delete(origin);
    if (ears.length > 0) this.#flushMono = Math.min(this.#flushMono, untilMono);
  }

  #waitOld(origin: Origin, nowMono: number): void {
    const ears = this.#lacking(origin);
    for (const ear of ears) ear.old.add(origin);
    if (ears.length > 0) this.#oldMono = Math.min(this.#oldMono, nowMono + this.#chance.jitter(OLD_NEWS_WAIT_MS));
  }

  /** Neighbours for whom it waits from now on. */
  #lacking(origin: Origin): Ear[] {
    const seq = this.#table.seq(origin);
    const ears: Ear[] = [];
    for (const other of this.#io.neighbours()) {
      const ear = this.#ears.get(other);
      if (other === origin || !ear || ear.has(origin, seq)) continue;
      if (!ear.waiting.has(origin)) ear.waiting.set(origin, seq);
      ears.push(ear);
    }
    return ears;
  }

  nextDeadline(): number {
    const digests = this.#digests.size > 0 ? this.#caughtUpMono : Infinity;
    return Math.min(this.#flushMono, this.#oldMono, this.#digestMono, this.#wants.nextDeadline(), digests);
  }

  tick(nowMono: number): void {
    if (Math.min(this.#flushMono, this.#oldMono) <= nowMono) this.#flush(nowMono);
    for (const [from, origins] of this.#wants.take(nowMono)) this.#pull(from, origins);
    if (this.#agedMono + KNOWN_MS <= nowMono) {
      this.#agedMono = nowMono;
      for (const ear of this.#ears.values()) ear.age();
      this.#table.settle(nowMono);
    }
    if (this.#caughtUpMono <= nowMono) this.#nextDigest(nowMono);
    if (this.#digestMono > nowMono) return;
    this.#digestMono = nowMono + this.#chance.jitter(DIGEST_EVERY_MS);
    const neighbour = this.#chance.pick(this.#io.neighbours());
    if (neighbour !== undefined) this.compare(neighbour);
  }

  #flush(nowMono: number): void {
    const isOldDue = this.#oldMono <= nowMono;
    this.#flushMono = Infinity;
    if (isOldDue) this.#oldMono = Infinity;
    for (const [other, ear] of this.#ears) {
      if (ear.waiting.size === 0) continue;
      const told: [Origin, Told | null][] = [];
      for (const origin of ear.waiting.keys()) {
        if (!isOldDue && ear.old.has(origin)) continue;
        if (ear.has(origin, this.#table.seq(origin))) continue;
        const changes = this.#table.agedDelta(origin, nowMono);
        const isKnown = changes !== null && ear.isAt(origin, changes.baseSeq, nowMono);
        told.push([origin, isKnown ? changes : this.#table.aged(origin, nowMono)]);
      }
      ear.heardAll((origin) => isOldDue || !ear.old.has(origin));
      this.#tell(other, told);
    }
  }

  /** Sends the newest statements of these origins, whole. */
  #give(to: Origin, origins: readonly Origin[], nowMono: number): void {
    this.#tell(
      to,
      origins.map((origin) => [origin, this.#table.aged(origin, nowMono)]),
    );
  }

  /** In as few messages as fit. */
  #tell(to: Origin, statements: readonly (readonly [Origin, Told | null])[]): void {
    const ear = this.#ears.get(to);
    let batch: Told[] = [];
    let size = 0;
    const send = (): void => {
      if (batch.length > 0) this.#io.send(to, encodeMessage({ type: 'presences', statements: batch }));
      batch = [];
      size = 0;
    };
    for (const [origin, told] of statements) {
      if (!told) continue;
      const { length } = 'delta' in told ? told.delta : told.bytes;
      if (batch.length === PRESENCES_PER_MESSAGE_MAX || size + length > BATCH_BYTES_MAX) send();
      batch.push(told);
      size += length + 4;
      ear?.learn(origin, this.#table.seq(origin));
    }
    send();
  }

  #pull(from: Origin, origins: readonly Origin[]): void {
    for (let at = 0; at < origins.length; at += ORIGINS_PER_MESSAGE_MAX)
      this.#io.send(from, encodeMessage({ type: 'pull', origins: origins.slice(at, at + ORIGINS_PER_MESSAGE_MAX) }));
  }

  /** Starts a comparison of both tables. */
  compare(other: Origin): void {
    const chunks = this.#table.digest(this.#table.chunkCount());
    this.#io.send(other, encodeMessage({ type: 'digest', chunks }));
  }

  #nextDigest(nowMono: number): void {
    for (const [from, chunks] of this.#digests) {
      this.#digests.delete(from);
      return this.onDigest(from, chunks, nowMono);
    }
  }

  onDigest(from: Origin, chunks: readonly number[], nowMono: number): void {
    if (nowMono < this.#caughtUpMono && this.#ears.has(from)) {
      this.#digests.set(from, chunks);
      return;
    }
    const own = this.#table.digest(chunks.length);
    const differing: number[] = [];
    for (const [index, chunk] of chunks.entries()) if (chunk !== own[index]) differing.push(index);
    // What is alike there need not be told any more.
    this.#ears.get(from)?.heardAll((origin) => !differing.includes(chunkOf(origin, chunks.length)));
    if (differing.length === 0) return;
    if (differing.length >= CATCH_UP_CHUNKS) this.#caughtUpMono = nowMono + CATCH_UP_MS;
    const known = this.#table.known(chunks.length, differing).slice(0, ORIGINS_PER_MESSAGE_MAX);
    this.#io.send(from, encodeMessage({ type: 'summary', chunkCount: chunks.length, chunks: differing, known }));
  }

  onSummary(from: Origin, message: Extract<Message, { type: 'summary' }>, nowMono: number): void {
    const theirs = new Map(message.known.map((known: Known) => [known.origin, known.seq]));
    const pull: Origin[] = [];
    for (const [origin, seq] of theirs) {
      this.heard(from, origin, seq);
      if (seq > this.#table.seq(origin)) pull.push(origin);
    }
    const give = this.#table
      .known(message.chunkCount, message.chunks)
      .filter(({ origin, seq }) => (theirs.get(origin) ?? -1) < seq)
      .map(({ origin }) => origin);
    this.#pull(from, pull);
    this.#give(from, give, nowMono);
  }

  onPull(from: Origin, origins: readonly Origin[], nowMono: number): void {
    this.#give(from, origins, nowMono);
  }
}
