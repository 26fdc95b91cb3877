// One network's view of who is where: ties statements, sessions, neighbours and gossip together. Sans-IO; time is an argument.
import {
  presenceParts,
  presenceSigned,
  type GroupWish,
  type Origin,
  type Presence,
} from '../../wire/messages/presence.ts';
import { encodeMessage, type Aged, type Message } from '../../wire/messages/message.ts';
import { Chance, type RandomSource } from './chance.ts';
import { Contacts, type SessionInfo } from './contacts.ts';
import {
  DIRECT_CHECK_EVERY_MS,
  ENDPOINTS_COALESCE_MS,
  GROUPS_COALESCE_MS,
  NEIGHBOUR_GAINED_COALESCE_MS,
  NEIGHBOUR_LOST_COALESCE_MS,
  OBSERVED_COALESCE_MS,
  DOUBT_EVERY_MS,
  RESCUE_EVERY_MS,
} from './limits.ts';
import { Neighbours, neighboursTarget } from './neighbours.ts';
import { OwnStatement, type MeshTime } from './own-statement.ts';
import { PresenceTable } from './presence-table.ts';
import { reachable } from './reach.ts';
import { Spread } from './spread.ts';

/** Statements of members whose record has not come yet. */
const UNKNOWN_MAX = 64;
/** While neighbours are missing, candidates are looked for this often. */
const SEEK_EVERY_MS = 1_000;
const FEATURES = 0;

/** A member as far as paths care. */
export interface PathMember {
  origin: Origin;
  /** Ed25519, 32 bytes. */
  signKey: Uint8Array;
}

export interface PathsIo {
  random: RandomSource;
  sign(message: Uint8Array): Uint8Array;
  verify(signKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  send(origin: Origin, bytes: Uint8Array): boolean;
  connect(origin: Origin, endpoints: string[]): void;
  disconnect(origin: Origin): void;
  reserveSeq(until: number): void;
  /** Frames exchanged with a member since its session's start, as of the last sample. */
  packets(origin: Origin): number;
  /** Something that a user sees, or that the data plane must know, changed. `groups`: wishes of some member. */
  changed(what: 'groups' | 'members'): void;
}

export interface PathsStart {
  networkId: Uint8Array;
  self: Origin;
  /** What `reserveSeq` stored last. */
  reservedSeq: number;
  now: MeshTime;
}

export type GossipMessage = Extract<
  Message,
  { type: 'link' | 'presences' | 'digest' | 'summary' | 'pull' | 'probe' | 'doubt' }
>;

export class Paths {
  readonly self: Origin;
  readonly contacts: Contacts;
  readonly #io: PathsIo;
  readonly #networkId: Uint8Array;
  readonly #chance: Chance;
  readonly #members = new Map<Origin, PathMember>();
  readonly #unknown = new Map<Origin, Aged & { atMono: number }>();
  readonly #table: PresenceTable;
  readonly #neighbours: Neighbours;
  readonly #spread: Spread;
  readonly #own: OwnStatement;
  #on = false;
  #now: MeshTime;
  #online: Set<Origin> | null = null;
  /** When each member was doubted last. */
  readonly #doubts = new Map<Origin, number>();
  #seekMono = 0;
  #rescueMono = 0;
  #idleMono = 0;
  /** Full list of a host's groups is not known yet: publish those of before. */
  #groupsHeldUntilMono = -1;

  constructor(io: PathsIo, start: PathsStart) {
    this.#io = io;
    this.#now = start.now;
    this.self = start.self;
    this.#networkId = start.networkId;
    this.#chance = new Chance(io.random);
    this.#table = new PresenceTable((presence) => this.#verify(presence));
    this.contacts = new Contacts(
      {
        endpoints: (origin) => this.#table.get(origin)?.endpoints ?? [],
        connect: (origin, endpoints) => io.connect(origin, endpoints),
        disconnect: (origin) => io.disconnect(origin),
      },
      this.#chance,
    );
    this.#neighbours = new Neighbours(
      {
        say: (origin, what, needy) => void io.send(origin, encodeMessage({ type: 'link', what, needy })),
        changed: (_, active) => this.#linkChanged(active),
        degree: (origin) => this.#table.get(origin)?.neighbours.length ?? 0,
      },
      this.#chance,
    );
    this.#spread = new Spread(
      { send: (origin, bytes) => io.send(origin, bytes), neighbours: () => this.#neighbours.active() },
      this.#table,
      this.#chance,
      start.now.mono,
    );
    const own = {
      networkId: start.networkId,
      origin: start.self,
      features: FEATURES,
      sign: (message: Uint8Array) => io.sign(message),
      reserveSeq: (until: number) => io.reserveSeq(until),
    };
    this.#own = new OwnStatement(own, this.#chance, start.reservedSeq, start.now);
  }

  /** Begins to look for neighbours and to publish. */
  start(now: MeshTime): void {
    this.#now = now;
    this.#on = true;
    this.#own.setOff(false);
    this.#own.touch(now.mono, ENDPOINTS_COALESCE_MS);
    this.contacts.resetBackoff(now.mono);
    this.#seekMono = now.mono;
    this.#rescueMono = now.mono + this.#chance.jitter(RESCUE_EVERY_MS);
    this.#idleMono = now.mono + DIRECT_CHECK_EVERY_MS;
    this.#seek();
  }

  /** Tells everybody with a session that this member goes off; the caller ends the sessions a moment later. */
  stop(now: MeshTime): void {
    this.#now = now;
    this.#on = false;
    this.#own.setOff(true);
    this.#own.touch(now.mono, 0);
    this.#publish();
    this.#neighbours.clear();
    this.#online = null;
  }

  /** Ends without a word: the caller has ended the sessions. */
  halt(): void {
    this.#on = false;
    this.#online = null;
    this.contacts.lose(this.#now.mono);
    this.#neighbours.clear();
  }

  /** Ends the session with a member and does not call it for about `ms`. */
  bar(now: MeshTime, origin: Origin, ms: number): void {
    this.contacts.bar(origin, now.mono, ms);
    this.#ended(now, origin, false);
  }

  get on(): boolean {
    return this.#on;
  }

  // ---- members -------------------------------------------------------------------------------------------------------------

  /** The complete list of members, after any change of records. `hints`: endpoints known from a link. */
  setMembers(now: MeshTime, members: Iterable<PathMember>): void {
    this.#now = now;
    const left = new Set(this.#members.keys());
    for (const member of members) {
      left.delete(member.origin);
      if (this.#members.has(member.origin)) continue;
      this.#members.set(member.origin, member);
      if (member.origin !== this.self) this.contacts.add(member.origin);
    }
    for (const origin of left) this.#forget(origin);
    for (const [origin, aged] of this.#unknown) {
      if (!this.#members.has(origin)) continue;
      this.#unknown.delete(origin);
      const ageSeconds = Math.min(0xffff, aged.ageSeconds + Math.round((now.mono - aged.atMono) / 1000));
      this.#hearStatement(null, { ageSeconds, bytes: aged.bytes });
    }
    this.#online = null;
    if (this.#on) this.#seekMono = Math.min(this.#seekMono, now.mono);
  }

  #forget(origin: Origin): void {
    this.#neighbours.down(origin);
    this.#spread.down(origin);
    this.#spread.forget(origin);
    this.contacts.remove(origin);
    this.#table.remove(origin);
    this.#members.delete(origin);
    this.#doubts.delete(origin);
    this.#io.changed('groups');
  }

  /** Endpoints learned from a link or a stranger's packets. */
  hint(origin: Origin, endpoints: string[]): void {
    if (!this.#members.has(origin) || origin === this.self) return;
    this.contacts.add(origin, endpoints);
    if (this.#on) this.#seekMono = Math.min(this.#seekMono, this.#now.mono);
  }

  /** Statements kept from before a restart. */
  restore(now: MeshTime, statements: Iterable<Aged>): void {
    this.#now = now;
    for (const aged of statements) {
      const result = this.#table.insert(now.mono, aged);
      if (result.kind !== 'changed' || result.presence.origin !== this.self) continue;
      this.#own.setGroups(result.presence.groups);
      this.#own.outrun(result.presence.seq, now.mono);
      this.#table.remove(this.self);
    }
  }

  /** All statements, to be kept over a restart. */
  save(nowMono: number): Aged[] {
    const kept: Aged[] = [];
    for (const presence of this.#table.all()) {
      const aged = this.#table.aged(presence.origin, nowMono);
      if (aged) kept.push(aged);
    }
    return kept;
  }

  // ---- questions -----------------------------------------------------------------------------------------------------------

  presence(origin: Origin): Presence | undefined {
    return this.#table.get(origin);
  }

  presences(): IterableIterator<Presence> {
    return this.#table.all();
  }

  /** When a member's newest statement was made, on the own monotonic clock; -Infinity without one. */
  bornMono(origin: Origin): number {
    return this.#table.bornMono(origin);
  }

  fingerprint(): Uint8Array {
    return this.#table.fingerprint();
  }

  isNeighbour(origin: Origin): boolean {
    return this.#neighbours.isActive(origin);
  }

  neighbours(): Origin[] {
    return this.#neighbours.active();
  }

  ownEndpoints(): string[] {
    return this.#own.endpoints();
  }

  ownGroups(): readonly GroupWish[] {
    return this.#own.groups;
  }

  isOnline(origin: Origin): boolean {
    if (origin === this.self) return this.#on;
    if (!this.#on) return false;
    if (this.contacts.isUp(origin)) return true;
    this.#online ??= reachable({
      self: this.self,
      presence: (other) => this.#table.get(other),
      ups: () => this.contacts.ups(),
      suspected: (other) => this.contacts.suspected(other, this.#table.seq(other)),
    });
    return this.#online.has(origin);
  }

  get memberCount(): number {
    return this.#members.size;
  }

  // ---- what happens --------------------------------------------------------------------------------------------------------

  /** A session of a member is usable. True when it is new: the caller greets. */
  up(now: MeshTime, origin: Origin, session: SessionInfo): boolean {
    this.#now = now;
    const fresh = this.contacts.up(origin, now.mono, session);
    const { observed } = session;
    if (observed && this.#own.observe(now.mono, observed, origin)) this.#own.touch(now.mono, OBSERVED_COALESCE_MS);
    if (!fresh) return false;
    this.#online = null;
    this.#spread.up(origin);
    this.#spread.now(this.self, [origin], now.mono);
    this.#neighbours.up(origin);
    this.#io.changed('members');
    return true;
  }

  /** After the greetings: asks to be neighbours where that is wished, and compares tables when they differ. */
  greeted(now: MeshTime, origin: Origin, fingerprint: Uint8Array): void {
    this.#now = now;
    this.#seek();
    const own = this.#table.fingerprint();
    const same = own.every((byte, index) => byte === fingerprint[index]);
    // Both sides greet; the smaller name compares.
    if (!same && this.self < origin) this.#spread.compare(origin);
  }

  down(now: MeshTime, origin: Origin, reason: string): void {
    this.#now = now;
    const wasNeighbour = this.#neighbours.isActive(origin);
    const wasUp = this.contacts.down(origin, now.mono, reason, this.#table.seq(origin));
    const silent = wasUp && (reason === 'silent' || reason === 'unreachable');
    // A lost link shows in the next statement; a session that was none does not.
    if (silent && !wasNeighbour) this.#doubted(this.self, origin, this.#table.seq(origin));
    this.#ended(now, origin, wasUp && wasNeighbour && reason !== 'removed');
  }

  /** Somebody's session with a member fell silent. Who has one, too, makes sure; the others pass it on, once in a while. */
  #doubted(from: Origin, origin: Origin, seq: number): void {
    const { mono } = this.#now;
    if (origin === this.self || !this.#members.has(origin) || this.#table.seq(origin) > seq) return;
    const last = this.#doubts.get(origin) ?? -Infinity;
    if (mono - last < DOUBT_EVERY_MS) return;
    this.#doubts.set(origin, mono);
    if (this.contacts.probeDue(origin, mono)) this.#io.send(origin, encodeMessage({ type: 'probe' }));
    const bytes = encodeMessage({ type: 'doubt', origin, seq });
    for (const other of this.#neighbours.active()) if (other !== from && other !== origin) this.#io.send(other, bytes);
  }

  #ended(now: MeshTime, origin: Origin, again: boolean): void {
    this.#now = now;
    this.#spread.down(origin);
    this.#neighbours.down(origin);
    this.#online = null;
    this.#io.changed('members');
    if (!this.#on) return;
    if (again) this.contacts.connect(origin, now.mono, true);
    this.#seekMono = Math.min(this.#seekMono, now.mono);
  }

  /** Packets wait for this member. */
  want(now: MeshTime, origin: Origin): void {
    this.#now = now;
    if (this.#on && this.#members.has(origin)) this.contacts.connect(origin, now.mono, true);
  }

  /** Addresses of this machine; best first. */
  underlay(now: MeshTime, endpoints: readonly string[]): void {
    this.#now = now;
    if (!this.#own.setLocal(endpoints)) return;
    this.#own.touch(now.mono, ENDPOINTS_COALESCE_MS);
    this.contacts.resetBackoff(now.mono);
    this.#seekMono = now.mono;
  }

  woke(now: MeshTime, sleptMs: number): void {
    this.#now = now;
    this.contacts.resetBackoff(now.mono);
    this.#own.touch(now.mono, ENDPOINTS_COALESCE_MS);
    this.#seekMono = now.mono;
    // The others have given this member up by now; a new handshake is quicker than to find that out.
    if (sleptMs < LONG_SLEEP_MS) return;
    for (const origin of this.contacts.ups()) this.contacts.moved(origin, now.mono);
  }

  /** Groups of the own host; the list before stands until the first call after a start. */
  setGroups(now: MeshTime, groups: readonly GroupWish[]): void {
    this.#now = now;
    this.#groupsHeldUntilMono = Infinity;
    if (!this.#own.setGroups(groups)) return;
    this.#own.touch(now.mono, GROUPS_COALESCE_MS);
    this.#io.changed('groups');
  }

  /** The adapter is ready at `untilMono` at the latest to say which groups there are; without a word there are none. */
  expectGroups(untilMono: number): void {
    if (this.#groupsHeldUntilMono === -1) this.#groupsHeldUntilMono = untilMono;
  }

  /** `bad`: the sender is at fault. */
  receive(now: MeshTime, from: Origin, message: GossipMessage): 'ok' | 'bad' {
    this.#now = now;
    switch (message.type) {
      case 'link':
        this.#neighbours.hear(from, message.what, message.needy, now.mono, this.#target());
        return 'ok';
      case 'presences': {
        let verdict: 'ok' | 'bad' = 'ok';
        for (const aged of message.statements) if (this.#hearStatement(from, aged) === 'bad') verdict = 'bad';
        return verdict;
      }
      case 'digest':
        this.#spread.onDigest(from, message.chunks);
        return 'ok';
      case 'summary':
        this.#spread.onSummary(from, message, now.mono);
        return 'ok';
      case 'pull':
        this.#spread.onPull(from, message.origins, now.mono);
        return 'ok';
      case 'probe':
        return 'ok';
      case 'doubt':
        this.#doubted(from, message.origin, message.seq);
        return 'ok';
    }
  }

  // ---- statements ----------------------------------------------------------------------------------------------------------

  #verify(presence: Presence): boolean | null {
    const member = this.#members.get(presence.origin);
    if (!member) return null;
    const { body, signature } = presenceParts(presence.bytes);
    return this.#io.verify(member.signKey, presenceSigned(this.#networkId, body), signature);
  }

  #hearStatement(from: Origin | null, aged: Aged): 'ok' | 'bad' {
    const { mono } = this.#now;
    const result = this.#table.insert(mono, aged);
    if (result.kind === 'bad') return 'bad';
    if (!('presence' in result)) {
      if (result.kind === 'unknown') this.#keepUnknown(result.origin, aged);
      return 'ok';
    }
    const { presence, before } = result;
    const { origin } = presence;
    if (from) this.#spread.heard(from, origin, presence.seq);
    if (origin === this.self) {
      // An older life of this member, or a copy of it: the newest word is this engine's.
      this.#table.remove(origin);
      this.#own.outrun(presence.seq, mono);
      return 'ok';
    }
    this.#online = null;
    if (result.kind === 'renewed') this.#spread.later(origin, mono);
    else {
      this.#spread.now(origin, this.#neighbours.active(), mono);
      this.#react(presence, before);
    }
    return 'ok';
  }

  #keepUnknown(origin: Origin, aged: Aged): void {
    this.#unknown.delete(origin);
    if (this.#unknown.size >= UNKNOWN_MAX) this.#unknown.delete(this.#unknown.keys().next().value as Origin);
    this.#unknown.set(origin, { ...aged, atMono: this.#now.mono });
  }

  /** Acts on what a member newly says. */
  #react(presence: Presence, before: Presence | undefined): void {
    const { mono } = this.#now;
    const { origin } = presence;
    this.#io.changed('members');
    if (!before || JSON.stringify(before.groups) !== JSON.stringify(presence.groups) || before.off !== presence.off) {
      this.#io.changed('groups');
    }
    // A link that somebody gave up: if the other end still has a session here, make the data plane prove it.
    for (const lost of before?.neighbours ?? []) {
      if (presence.neighbours.includes(lost)) continue;
      const doubted = lost === this.self ? origin : lost;
      if (this.contacts.probeDue(doubted, mono)) this.#io.send(doubted, encodeMessage({ type: 'probe' }));
    }
    if (before?.endpoints.join() === presence.endpoints.join()) return;
    this.#seekMono = Math.min(this.#seekMono, mono);
    if (!before) return;
    const contact = this.contacts.get(origin);
    const stale = contact?.state !== 'up' || !presence.endpoints.includes(contact.lastEndpoint ?? '');
    if (this.#on && stale) this.contacts.moved(origin, mono);
  }

  #publish(): void {
    const presence = this.#own.publish(this.#now, this.#neighbours.active());
    if (!presence) return;
    const before = this.#table.get(this.self);
    this.#table.put(this.#now.mono, presence);
    const renewed = before !== undefined && sameWords(before, presence);
    if (renewed) this.#spread.later(this.self, this.#now.mono);
    else this.#spread.now(this.self, this.contacts.ups(), this.#now.mono);
    this.#io.changed('members');
  }

  #linkChanged(active: boolean): void {
    this.#own.touch(this.#now.mono, active ? NEIGHBOUR_GAINED_COALESCE_MS : NEIGHBOUR_LOST_COALESCE_MS);
    this.#online = null;
    this.#io.changed('members');
    if (!active && this.#on) this.#seekMono = Math.min(this.#seekMono, this.#now.mono);
  }

  // ---- time ----------------------------------------------------------------------------------------------------------------

  #target(): number {
    return neighboursTarget(this.#members.size);
  }

  /** Fills the set of neighbours from sessions, else tries members that seem online, else anybody with known endpoints. */
  #seek(): void {
    const { mono } = this.#now;
    if (!this.#on) return;
    const missing = this.#neighbours.plan(mono, this.#target());
    this.#seekMono = missing > 0 ? mono + SEEK_EVERY_MS : Infinity;
    if (missing === 0) return;
    const likely: Origin[] = [];
    const others: Origin[] = [];
    for (const contact of this.contacts.all()) {
      if (!this.contacts.mayTry(contact, mono) || this.#neighbours.declined(contact.origin, mono)) continue;
      if (this.#table.get(contact.origin)?.off) continue;
      (this.isOnline(contact.origin) ? likely : others).push(contact.origin);
    }
    for (let tries = missing; tries > 0 && likely.length + others.length > 0;) {
      const list = likely.length > 0 ? likely : others;
      const origin = list.splice(this.#chance.below(list.length), 1)[0] as Origin;
      if (!this.contacts.connect(origin, mono)) break;
      tries--;
    }
  }

  /** One member that seems offline: it may only be on the other side of what was a partition. */
  #rescue(): void {
    const { mono } = this.#now;
    this.#rescueMono = mono + this.#chance.jitter(RESCUE_EVERY_MS);
    const lost: Origin[] = [];
    for (const contact of this.contacts.all()) {
      if (this.isOnline(contact.origin) || !this.contacts.mayTry(contact, mono)) continue;
      if (!this.#table.get(contact.origin)?.off) lost.push(contact.origin);
    }
    const origin = this.#chance.pick(lost);
    if (origin !== undefined) this.contacts.connect(origin, mono);
  }

  nextDeadline(): number {
    const { mono } = this.#now;
    const holding = this.#groupsHeldUntilMono > 0 ? this.#groupsHeldUntilMono : Infinity;
    if (!this.#on) return this.#table.nextExpiry(this.self);
    return Math.min(
      this.#own.nextDeadline(mono),
      this.#spread.nextDeadline(),
      this.contacts.nextDeadline(),
      this.#neighbours.nextDeadline(this.#target()),
      this.#table.nextExpiry(this.self),
      this.#seekMono,
      this.#rescueMono,
      this.#idleMono,
      holding,
    );
  }

  tick(now: MeshTime): void {
    this.#now = now;
    const { mono } = now;
    for (const origin of this.#table.expire(mono, this.self)) {
      this.#spread.forget(origin);
      this.#online = null;
      this.#io.changed('groups');
    }
    if (!this.#on) return;
    if (this.#groupsHeldUntilMono > 0 && this.#groupsHeldUntilMono <= mono) this.setGroups(now, []);
    this.contacts.expireConnects(mono);
    if (this.#seekMono <= mono || this.#neighbours.nextDeadline(this.#target()) <= mono) this.#seek();
    if (this.#rescueMono <= mono) this.#rescue();
    if (this.#idleMono <= mono) this.#endIdle();
    this.#publish();
    this.#spread.tick(mono);
  }

  #endIdle(): void {
    const { mono } = this.#now;
    this.#idleMono = mono + DIRECT_CHECK_EVERY_MS;
    const before = this.contacts.upCount;
    this.contacts.endIdle(
      mono,
      (origin) => this.#io.packets(origin),
      (origin) => this.#neighbours.isActive(origin),
    );
    if (this.contacts.upCount === before) return;
    for (const { origin, state } of this.contacts.all()) {
      if (state === 'up') continue;
      this.#spread.down(origin);
      this.#neighbours.down(origin);
    }
    this.#online = null;
    this.#io.changed('members');
  }
}

/** Sleeping longer than this, others have noticed. */
const LONG_SLEEP_MS = 20_000;

const sameWords = (a: Presence, b: Presence): boolean =>
  a.off === b.off &&
  a.neighbours.join() === b.neighbours.join() &&
  a.endpoints.join() === b.endpoints.join() &&
  JSON.stringify(a.groups) === JSON.stringify(b.groups);
