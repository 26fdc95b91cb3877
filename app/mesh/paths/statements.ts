// All statements of presence in one network: those heard, verified and passed on, and the own one.
import type { Aged, AgedDelta, Told } from '../../wire/messages/message.ts';
import {
  applyPresenceDelta,
  decodePresenceDelta,
  encodePresenceDelta,
  isDeltaWorth,
} from '../../wire/messages/presence-delta.ts';
import { presenceParts, presenceSigned, type Origin, type Presence } from '../../wire/messages/presence.ts';
import type { Graph } from '../routing/graph.ts';
import type { Chance } from './chance.ts';
import type { RoundTrips } from './measures.ts';
import { OwnStatement, type MeshTime } from './own-statement.ts';
import { OLD_NEWS_MS } from './limits.ts';
import { PresenceTable, sameGroups, sameWords } from './presence-table.ts';
import { Spread } from './spread.ts';

/** Statements of members whose record has not come yet. */
const UNKNOWN_MAX = 64;

export interface StatementsIo {
  share(bytes: Uint8Array): Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  verify(signKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  send(origin: Origin, bytes: Uint8Array): boolean;
  reserveSeq(until: number): void;
  /** Ed25519 key of a member; undefined: nobody. */
  signKey(origin: Origin): Uint8Array | undefined;
  neighbours(): Origin[];
  /** Members whose session goes through others. */
  isRelayed(origin: Origin): boolean;
  roundTrips(): RoundTrips;
}

/** Nobody's packets depend on what is new. */
const isCalm = (before: Presence, now: Presence): boolean => before.off === now.off && sameGroups(before, now);

/** `news`: something that was not said before. */
export type Heard =
  { kind: 'news'; presence: Presence; before: Presence | undefined } | { kind: 'renewed' | 'nothing' | 'bad' };

export class Statements {
  readonly table: PresenceTable;
  readonly spread: Spread;
  readonly own: OwnStatement;
  readonly #self: Origin;
  readonly #io: StatementsIo;
  readonly #networkId: Uint8Array;
  readonly #unknown = new Map<Origin, Aged & { atMono: number }>();

  constructor(
    io: StatementsIo,
    graph: Graph,
    chance: Chance,
    start: { networkId: Uint8Array; self: Origin; reservedSeq: number; boxKey: Uint8Array; now: MeshTime },
  ) {
    this.#io = io;
    this.#self = start.self;
    this.#networkId = start.networkId;
    this.table = new PresenceTable(
      (presence) => this.#verify(presence),
      (bytes) => io.share(bytes),
      graph,
    );
    const spread = {
      send: (origin: Origin, bytes: Uint8Array) => io.send(origin, bytes),
      neighbours: () => io.neighbours(),
      memberCount: () => graph.size,
      isMember: (origin: Origin) => io.signKey(origin) !== undefined,
    };
    this.spread = new Spread(spread, this.table, chance, start.now.mono);
    const own = {
      networkId: start.networkId,
      origin: start.self,
      boxKey: start.boxKey,
      sign: (message: Uint8Array) => io.sign(message),
      reserveSeq: (until: number) => io.reserveSeq(until),
    };
    this.own = new OwnStatement(own, chance, start.reservedSeq, start.now);
  }

  #verify(presence: Presence): boolean | null {
    const key = this.#io.signKey(presence.origin);
    if (!key) return null;
    const { body, signature } = presenceParts(presence.bytes);
    return this.#io.verify(key, presenceSigned(this.#networkId, body), signature);
  }

  /** Takes a statement and passes it on. `from`: who sent it; null: kept from before. */
  hear(now: MeshTime, from: Origin | null, told: Told): Heard {
    return 'delta' in told ? this.#hearDelta(now, from, told) : this.#hearWhole(now, from, told);
  }

  /** What changed since an earlier statement; the whole is asked for where that one is not here. */
  #hearDelta(now: MeshTime, from: Origin | null, { ageSeconds, delta: raw }: AgedDelta): Heard {
    const delta = decodePresenceDelta(raw);
    if (!delta) return { kind: 'bad' };
    const { origin, seq, baseSeq } = delta;
    const base = this.table.get(origin);
    // It is newer, then.
    if (base?.seq === baseSeq) {
      const bytes = applyPresenceDelta(base.bytes, delta);
      if (!bytes) return { kind: 'bad' };
      return this.#hearWhole(now, from, { ageSeconds, bytes }, { baseSeq, raw });
    }
    if (from) {
      this.spread.heard(from, origin, seq);
      this.spread.want(from, origin, seq, now.mono);
      if (base?.seq === seq) this.spread.twice(from, origin, seq);
    }
    return { kind: 'nothing' };
  }

  /** `led`: what it was put together by. */
  #hearWhole(now: MeshTime, from: Origin | null, aged: Aged, led?: { baseSeq: number; raw: Uint8Array }): Heard {
    const result = this.table.insert(now.mono, aged);
    if (result.kind === 'bad') return { kind: 'bad' };
    if (!('presence' in result)) {
      if (result.kind === 'unknown') this.#keep(now, result.origin, aged);
      // Who tells what is known here need not be told of it.
      if (result.kind === 'old' && from) {
        this.spread.heard(from, result.origin, result.seq);
        this.spread.twice(from, result.origin, result.seq);
      }
      return { kind: 'nothing' };
    }
    const { presence, before } = result;
    const { origin } = presence;
    const wasWanted = this.spread.got(origin, presence.seq, now.mono);
    if (from) this.spread.heard(from, origin, presence.seq);
    if (origin === this.#self) {
      // An older life of this member, or a copy of it: the newest word is this engine's.
      this.table.remove(origin);
      this.own.outrun(presence.seq, now.mono);
      return { kind: 'nothing' };
    }
    if (led) this.#lead(now, presence, led.baseSeq, led.raw);
    // Others most likely have what was here before, unless this member had missed something.
    else if (before && from && !wasWanted && aged.ageSeconds * 1000 <= OLD_NEWS_MS)
      this.#lead(now, presence, before.seq, encodePresenceDelta(before.bytes, presence.bytes));
    if (result.kind === 'renewed') {
      this.spread.later(origin, now.mono);
      return { kind: 'renewed' };
    }
    this.spread.soon(origin, now.mono, before !== undefined && isCalm(before, presence));
    return { kind: 'news', presence, before };
  }

  /** Keeps what led to a statement. Who goes off answers nobody who lacks what went before. */
  #lead(now: MeshTime, { origin, off, bytes }: Presence, baseSeq: number, delta: Uint8Array | null): void {
    if (delta && !off && isDeltaWorth(delta.length, bytes.length)) this.table.lead(now.mono, origin, baseSeq, delta);
  }

  #keep(now: MeshTime, origin: Origin, aged: Aged): void {
    this.#unknown.delete(origin);
    if (this.#unknown.size >= UNKNOWN_MAX) this.#unknown.delete(this.#unknown.keys().next().value as Origin);
    this.#unknown.set(origin, { ...aged, atMono: now.mono });
  }

  /** What came before its author was known as a member, now that more are. */
  *recognised(now: MeshTime): IterableIterator<Aged> {
    for (const [origin, aged] of this.#unknown) {
      if (!this.#io.signKey(origin)) continue;
      this.#unknown.delete(origin);
      const waited = Math.round((now.mono - aged.atMono) / 1000);
      yield { ageSeconds: Math.min(0xffff, aged.ageSeconds + waited), bytes: aged.bytes };
    }
  }

  forget(origin: Origin, nowMono: number): void {
    this.spread.down(origin, nowMono);
    this.spread.forget(origin);
    this.table.remove(origin);
  }

  /** Statements kept from before a restart; the own one says which groups there were. */
  restore(now: MeshTime, statements: Iterable<Aged>): void {
    for (const aged of statements) {
      const result = this.table.insert(now.mono, aged);
      if (result.kind !== 'changed' || result.presence.origin !== this.#self) continue;
      this.own.setGroups(result.presence.groups);
      this.own.outrun(result.presence.seq, now.mono);
      this.table.remove(this.#self);
    }
  }

  /** All statements, to be kept over a restart. */
  save(nowMono: number): Aged[] {
    const kept: Aged[] = [];
    for (const presence of this.table.all()) {
      const aged = this.table.aged(presence.origin, nowMono);
      if (aged) kept.push(aged);
    }
    return kept;
  }

  /** Makes and sends the own statement when it is due. True when it was. */
  publish(now: MeshTime, sessions: () => readonly Origin[]): boolean {
    if (!this.own.isDue(now.mono)) return false;
    const neighbours = this.#io.neighbours();
    const relayed = neighbours.filter((origin) => this.#io.isRelayed(origin));
    const presence = this.own.publish(now, neighbours, relayed, this.#io.roundTrips());
    if (!presence) return false;
    const before = this.table.get(this.#self);
    this.table.put(now.mono, presence);
    if (before) this.#lead(now, presence, before.seq, encodePresenceDelta(before.bytes, presence.bytes));
    if (before !== undefined && sameWords(before, presence)) this.spread.later(this.#self, now.mono);
    else if (before !== undefined && this.spread.waits && isCalm(before, presence))
      this.spread.calmly(this.#self, now.mono);
    else this.spread.now(this.#self, this.spread.waits && !presence.off ? neighbours : sessions(), now.mono);
    return true;
  }

  /** Drops what ran out; names whose. */
  expire(nowMono: number): Origin[] {
    const gone = this.table.expire(nowMono, this.#self);
    for (const origin of gone) this.spread.forget(origin);
    return gone;
  }
}
