// How statements travel: what says something new goes on at once, what is calm goes to some and is named to the others, renewals wait
// a little at each hop and share messages, and digests find what was missed.
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
  MUCH_NEWS,
  NAMED_SOON_MS,
  NAMED_WAIT_MS,
  NEWS_WAIT_FROM_MEMBERS,
  NEWS_WAIT_MS,
  OLD_NEWS_MS,
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

/** `soon`: goes to all who lack it; `calm`: to some of them; `named`: is told of, and goes to who asks for it. */
type Haste = 'soon' | 'calm' | 'named';
const HASTES: readonly Haste[] = ['soon', 'calm', 'named'];

interface Waiting {
  /** Sequence of the first that waited: that one is not sent any more where a newer one came. */
  readonly firstSeq: number;
  haste: Haste;
}

class Ear {
  /** Gets calm news at once; else they are named to it, for it most likely hears of them from another. */
  isEager = true;
  /** Newest sequence per origin that this member is known to have, of late and of the time before. */
  #has = new Map<Origin, number>();
  #had = new Map<Origin, number>();
  /** Statements that it is to get, or to be told of. */
  readonly waiting = new Map<Origin, Waiting>();
  /** Sequences that it was told of, and has not asked for. */
  #named = new Map<Origin, number>();
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
    return nowMono - this.#upMono >= EAR_YOUNG_MS && seq < (this.waiting.get(origin)?.firstSeq ?? Infinity);
  }

  wait(origin: Origin, seq: number, haste: Haste): void {
    const waiting = this.waiting.get(origin);
    // What was more urgent is so still: the newer one says it too.
    if (waiting) waiting.haste = HASTES[Math.min(HASTES.indexOf(waiting.haste), HASTES.indexOf(haste))] as Haste;
    else this.waiting.set(origin, { firstSeq: seq, haste });
  }

  /** So much waits that telling it to all at once would cost more than a moment's wait. */
  get isMuch(): boolean {
    let soon = 0;
    for (const { haste } of this.waiting.values()) if (haste === 'soon') soon++;
    return soon > MUCH_NEWS;
  }

  named(origin: Origin, seq: number): void {
    this.waiting.delete(origin);
    this.#named.set(origin, seq);
  }

  /** It asks for what it was told of: true once, for who asks again could do nothing with what changed. */
  asksForNamed(origin: Origin, seq: number): boolean {
    const isNamed = this.#named.get(origin) === seq;
    this.#named.delete(origin);
    return isNamed;
  }

  /** Nothing of these waits any more. */
  heardAll(isMeant: (origin: Origin) => boolean): void {
    for (const origin of this.waiting.keys()) {
      if (isMeant(origin)) this.waiting.delete(origin);
    }
  }

  forget(origin: Origin): void {
    for (const list of [this.#has, this.#had, this.#named, this.waiting]) list.delete(origin);
  }

  age(): void {
    this.#had = this.#has;
    this.#has = new Map();
    this.#named = new Map();
  }
}

export interface SpreadIo {
  send(origin: Origin, bytes: Uint8Array): boolean;
  /** Lasting neighbours. */
  neighbours(): Origin[];
  memberCount(): number;
  isMember(origin: Origin): boolean;
}

export class Spread {
  readonly #io: SpreadIo;
  readonly #table: PresenceTable;
  readonly #chance: Chance;
  readonly #ears = new Map<Origin, Ear>();
  readonly #wants = new Wants();
  /** Sequences that were calm news here, of late and of the time before. */
  #calm = new Map<Origin, number>();
  #wasCalm = new Map<Origin, number>();
  #flushMono = Infinity;
  /** The same for what is told of by name. */
  #namedMono = Infinity;
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
  want(from: Origin, origin: Origin, seq: number, nowMono: number): void {
    if (seq > this.#table.seq(origin)) this.#wants.add(origin, seq, this.#io.isMember(origin), from, nowMono);
  }

  /**
   * `from` told what is known here already. Where it was calm news and came from another first, one of the two links is enough: so those by
   * which such news go at once become a tree, which whoever is asked for what it named joins again.
   */
  twice(from: Origin, origin: Origin, seq: number): void {
    const ear = this.#ears.get(from);
    const calm = this.#calm.get(origin) ?? this.#wasCalm.get(origin);
    // Its own statement comes whole with each new session.
    if (from === origin || !ear?.isEager || calm !== seq || !this.waits) return;
    ear.isEager = false;
    this.#io.send(from, encodeMessage({ type: 'spare' }));
  }

  /** It hears from others what this member would tell it. */
  spared(from: Origin): void {
    const ear = this.#ears.get(from);
    if (ear) ear.isEager = false;
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
    // Most have it by then, but for who has just come back.
    if (nowMono - this.#table.bornMono(origin) > OLD_NEWS_MS) return this.#wait(origin, 'named', nowMono);
    if (calm) this.#calm.set(origin, this.#table.seq(origin));
    const waitMs = calm ? CALM_NEWS_WAIT_MS : NEWS_WAIT_MS;
    // What waits already is joined, so that a burst goes together.
    const isSoon = this.#flushMono <= nowMono + waitMs;
    this.#wait(origin, calm ? 'calm' : 'soon', isSoon ? this.#flushMono : nowMono + this.#chance.below(waitMs));
  }

  /** Calm news of this member: at once, to those who do not hear of them otherwise. */
  calmly(origin: Origin, nowMono: number): void {
    this.#calm.set(origin, this.#table.seq(origin));
    this.#wait(origin, 'calm', nowMono);
  }

  /** Sends a renewal to the neighbours, some time. */
  later(origin: Origin, nowMono: number): void {
    const untilMono = Math.min(this.#flushMono, nowMono + this.#chance.jitter(LAZY_FORWARD_MS));
    if (this.waits) this.#calm.set(origin, this.#table.seq(origin));
    this.#wait(origin, this.waits ? 'calm' : 'soon', untilMono);
  }

  /** Waits from now on for the neighbours who lack it. */
  #wait(origin: Origin, haste: Haste, mono: number): void {
    const seq = this.#table.seq(origin);
    for (const other of this.#io.neighbours()) {
      const ear = this.#ears.get(other);
      if (other === origin || !ear || ear.has(origin, seq)) continue;
      ear.wait(origin, seq, haste);
      if (haste === 'named') this.#nameSoon(mono, NAMED_WAIT_MS);
      else this.#flushMono = Math.min(this.#flushMono, mono);
    }
  }

  #nameSoon(nowMono: number, waitMs: number): void {
    // A time drawn at each call would make the earliest of many.
    if (this.#namedMono > nowMono + waitMs) this.#namedMono = nowMono + waitMs - this.#chance.below(waitMs / 2);
  }

  nextDeadline(): number {
    const digests = this.#digests.size > 0 ? this.#caughtUpMono : Infinity;
    return Math.min(this.#flushMono, this.#namedMono, this.#digestMono, this.#wants.nextDeadline(), digests);
  }

  tick(nowMono: number): void {
    if (this.#flushMono <= nowMono) this.#flush(nowMono);
    if (this.#namedMono <= nowMono) this.#name();
    for (const [from, origins] of this.#wants.take(nowMono)) {
      const ear = this.#ears.get(from);
      if (ear) ear.isEager = true;
      this.#pull(from, origins);
    }
    if (this.#agedMono + KNOWN_MS <= nowMono) {
      this.#agedMono = nowMono;
      for (const ear of this.#ears.values()) ear.age();
      [this.#wasCalm, this.#calm] = [this.#calm, new Map()];
      this.#table.settle(nowMono);
    }
    if (this.#caughtUpMono <= nowMono) this.#nextDigest(nowMono);
    if (this.#digestMono > nowMono) return;
    this.#digestMono = nowMono + this.#chance.jitter(DIGEST_EVERY_MS);
    const neighbour = this.#chance.pick(this.#io.neighbours());
    if (neighbour !== undefined) this.compare(neighbour);
  }

  #flush(nowMono: number): void {
    this.#flushMono = Infinity;
    for (const [other, ear] of this.#ears) {
      const told: [Origin, Told | null][] = [];
      const { isMuch, isEager } = ear;
      for (const [origin, waiting] of ear.waiting) {
        if (waiting.haste === 'named') continue;
        if ((waiting.haste === 'calm' || isMuch) && !isEager) {
          this.#nameSoon(nowMono, waiting.haste === 'calm' ? NAMED_WAIT_MS : NAMED_SOON_MS);
          waiting.haste = 'named';
          continue;
        }
        if (!ear.has(origin, this.#table.seq(origin))) told.push([origin, this.#toldTo(ear, origin, nowMono)]);
        ear.waiting.delete(origin);
      }
      this.#tell(other, told);
    }
  }

  /** What changed, where that seems to do; else the whole. */
  #toldTo(ear: Ear, origin: Origin, nowMono: number): Told | null {
    const changes = this.#table.agedDelta(origin, nowMono);
    return changes && ear.isAt(origin, changes.baseSeq, nowMono) ? changes : this.#table.aged(origin, nowMono);
  }

  /** Tells of what others have had time to hear of elsewhere: who lacks it asks. */
  #name(): void {
    this.#namedMono = Infinity;
    for (const [other, ear] of this.#ears) {
      const known: Known[] = [];
      for (const [origin, { haste }] of ear.waiting) {
        if (haste !== 'named') continue;
        const seq = this.#table.seq(origin);
        if (ear.has(origin, seq)) ear.waiting.delete(origin);
        else known.push({ origin, seq });
      }
      for (const { origin, seq } of known) ear.named(origin, seq);
      for (let at = 0; at < known.length; at += ORIGINS_PER_MESSAGE_MAX) {
        const part = known.slice(at, at + ORIGINS_PER_MESSAGE_MAX);
        this.#io.send(other, encodeMessage({ type: 'summary', chunkCount: 1, chunks: [], known: part }));
      }
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
    // By names alone: what is missing here may be on its way from elsewhere, or be named by others too.
    if (message.chunks.length === 0) return this.#onNamed(from, message.known, nowMono);
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

  #onNamed(from: Origin, known: readonly Known[], nowMono: number): void {
    for (const { origin, seq } of known) {
      this.heard(from, origin, seq);
      this.want(from, origin, seq, nowMono);
    }
  }

  onPull(from: Origin, origins: readonly Origin[], nowMono: number): void {
    const ear = this.#ears.get(from);
    const answer = (origin: Origin): Told | null => {
      if (!ear?.asksForNamed(origin, this.#table.seq(origin))) return this.#table.aged(origin, nowMono);
      ear.isEager = true;
      return this.#toldTo(ear, origin, nowMono);
    };
    this.#tell(
      from,
      origins.map((origin) => [origin, answer(origin)]),
    );
  }
}
