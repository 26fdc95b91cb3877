// One network's view of who is where: ties statements, sessions, neighbours and gossip together. Sans-IO; time is an argument.
import { type GroupWish, type Origin, type Presence } from '../../wire/messages/presence.ts';
import { encodeMessage, type Aged, type Told } from '../../wire/messages/message.ts';
import type { Chance } from './chance.ts';
import type { Contacts, SessionInfo } from './contacts.ts';
import {
  DIRECT_CHECK_EVERY_MS,
  ENDPOINTS_COALESCE_MS,
  GROUPS_COALESCE_MS,
  LONG_SLEEP_MS,
  NEIGHBOUR_GAINED_COALESCE_MS,
  OBSERVED_COALESCE_MS,
  NEWS_WAIT_MS,
  NEWS_WAIT_FROM_MEMBERS,
} from './limits.ts';
import type { Doubts } from './doubts.ts';
import { linkNewsWaitMs, neighboursTarget, type Neighbours } from './neighbours.ts';
import type { News } from './news.ts';
import type { GossipMessage, PathMember, PathsIo, PathsStart } from './io.ts';
import type { Members } from './members.ts';
import type { MeshTime, Service } from './own-statement.ts';
import { Parts } from './parts.ts';
import type { Reach } from './reach.ts';
import type { Routes } from '../routing/routes.ts';
import type { Seeker } from './seeker.ts';
import type { Statements } from './statements.ts';

export type { GossipMessage, PathMember, PathsIo, PathsStart };

export class Paths {
  readonly self: Origin;
  readonly contacts: Contacts;
  readonly routes: Routes;
  readonly #io: PathsIo;
  readonly #chance: Chance;
  readonly #members: Members;
  readonly #statements: Statements;
  readonly #neighbours: Neighbours;
  #on = false;
  #now: MeshTime;
  readonly #reach: Reach;
  readonly #doubts: Doubts;
  readonly #seeker: Seeker;
  readonly #news: News;
  #idleMono = 0;
  /** Full list of a host's groups is not known yet: publish those of before. */
  #groupsHeldUntilMono = -1;

  constructor(io: PathsIo, start: PathsStart) {
    this.#io = io;
    this.#now = start.now;
    this.self = start.self;
    const parts = new Parts(io, start, {
      isOnline: (origin) => this.isOnline(origin),
      target: () => this.#target(),
      linkChanged: (active) => this.#linkChanged(active),
    });
    this.#chance = parts.chance;
    this.#members = parts.members;
    this.#statements = parts.statements;
    this.#neighbours = parts.neighbours;
    this.#reach = parts.reach;
    this.#doubts = parts.doubts;
    this.#seeker = parts.seeker;
    this.#news = parts.news;
    this.contacts = parts.contacts;
    this.routes = parts.routes;
  }

  /** Begins to look for neighbours and to publish. */
  start(now: MeshTime): void {
    this.#now = now;
    this.#on = true;
    this.#statements.own.setOff(false);
    this.#statements.own.touch(now.mono, ENDPOINTS_COALESCE_MS);
    this.contacts.resetBackoff(now.mono);
    this.#idleMono = now.mono + DIRECT_CHECK_EVERY_MS;
    this.#seeker.start(now.mono);
  }

  /** Tells everybody with a session that this member goes off; the caller ends the sessions a moment later. */
  stop(now: MeshTime): void {
    this.#now = now;
    this.#on = false;
    this.#seeker.stop();
    this.#statements.own.setOff(true);
    this.#statements.own.touch(now.mono, 0);
    this.#publish();
    this.#neighbours.clear();
    this.#graphChanged();
  }

  /** Ends without a word: the caller has ended the sessions. */
  halt(): void {
    this.#on = false;
    this.#seeker.stop();
    this.#graphChanged();
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
    const left = new Set(this.#members.origins());
    const all = [...members];
    for (const { origin } of all) left.delete(origin);
    for (const origin of left) this.#forget(origin);
    this.addMembers(now, all);
  }

  /** Members beside those that are known. */
  addMembers(now: MeshTime, members: Iterable<PathMember>): void {
    this.#now = now;
    let fresh = false;
    for (const member of members) {
      if (this.#members.add(member)) fresh = true;
    }
    // Statements may have named who was no member then.
    if (fresh) this.#statements.table.retell();
    for (const aged of this.#statements.recognised(now)) this.#hear(null, aged);
    this.#graphChanged();
    if (this.#on) this.#seeker.soon(now.mono);
  }

  #forget(origin: Origin): void {
    this.#neighbours.down(origin);
    this.#statements.forget(origin, this.#now.mono);
    this.contacts.remove(origin);
    this.#members.remove(origin);
    this.#doubts.forget(origin);
    this.#io.changed('groups');
  }

  /** Endpoints learned from a link or a stranger's packets. */
  hint(origin: Origin, endpoints: string[]): void {
    if (!this.#members.has(origin) || origin === this.self) return;
    this.contacts.hint(origin, endpoints);
    if (this.#on) this.#seeker.soon(this.#now.mono);
  }

  /** Statements kept from before a restart. */
  restore(now: MeshTime, statements: Iterable<Aged>): void {
    this.#now = now;
    this.#statements.restore(now, statements);
  }

  /** All statements, to be kept over a restart. */
  save(nowMono: number): Aged[] {
    return this.#statements.save(nowMono);
  }

  // ---- questions -----------------------------------------------------------------------------------------------------------

  presence(origin: Origin): Presence | undefined {
    return this.#statements.table.get(origin);
  }

  presences(): IterableIterator<Presence> {
    return this.#statements.table.all();
  }

  /** When a member's newest statement was made, on the own monotonic clock; -Infinity without one. */
  bornMono(origin: Origin): number {
    return this.#statements.table.bornMono(origin);
  }

  fingerprint(): Uint8Array {
    return this.#statements.table.fingerprint();
  }

  isNeighbour(origin: Origin): boolean {
    return this.#neighbours.isActive(origin);
  }

  neighbours(): Origin[] {
    return this.#neighbours.active();
  }

  ownEndpoints(): string[] {
    return this.#statements.own.endpoints();
  }

  /** Guesses of where others may see this machine next. */
  predictedEndpoints(nowMono: number): string[] {
    return this.#statements.own.predicted(nowMono);
  }

  ownGroups(): readonly GroupWish[] {
    return this.#statements.own.groups;
  }

  isOnline(origin: Origin): boolean {
    if (origin === this.self) return this.#on;
    if (!this.#on) return false;
    return this.contacts.isUp(origin) || this.#reach.has(origin);
  }

  get memberCount(): number {
    return this.#members.size;
  }

  // ---- what happens --------------------------------------------------------------------------------------------------------

  /** A session of a member is usable. True when it is new: the caller greets. */
  up(now: MeshTime, origin: Origin, session: SessionInfo): boolean {
    this.#now = now;
    const wasRelayed = this.contacts.isRelayed(origin);
    const fresh = this.contacts.up(origin, now.mono, session);
    if (!fresh && this.contacts.isRelayed(origin) !== wasRelayed) {
      this.#graphChanged();
      this.#statements.own.touch(now.mono, NEIGHBOUR_GAINED_COALESCE_MS);
      this.#io.changed('members');
    }
    if (session.observed) this.observed(now, session.observed, origin);
    if (!fresh) return false;
    this.#graphChanged();
    this.#statements.spread.up(origin, now.mono);
    this.#statements.spread.now(this.self, [origin], now.mono);
    this.#neighbours.up(origin);
    this.#io.changed('members');
    return true;
  }

  /** A member sees this machine there; `assumed`: it would, by what a server says. */
  observed(now: MeshTime, endpoint: string, by: string, assumed = false): void {
    if (this.#statements.own.observe(now.mono, endpoint, by, assumed))
      this.#statements.own.touch(now.mono, OBSERVED_COALESCE_MS);
  }

  /** A server saw another socket of this machine there. */
  drew(now: MeshTime, endpoint: string, by: string): void {
    this.#statements.own.drew(now.mono, endpoint, by);
  }

  /** The member's engine began anew on a session that stayed up here. */
  renewed(now: MeshTime, origin: Origin): void {
    this.#now = now;
    this.#statements.spread.up(origin, now.mono);
    this.#statements.spread.now(this.self, [origin], now.mono);
    this.#neighbours.up(origin);
  }

  /** After the greetings: asks to be neighbours where that is wished, and compares tables when they differ. */
  greeted(now: MeshTime, origin: Origin, fingerprint: Uint8Array): void {
    this.#now = now;
    if (this.#on) this.#seeker.seek(now.mono);
    const own = this.#statements.table.fingerprint();
    const same = own.every((byte, index) => byte === fingerprint[index]);
    // Both sides greet; the smaller name compares.
    if (!same && this.self < origin) this.#statements.spread.compare(origin);
  }

  down(now: MeshTime, origin: Origin, reason: string): void {
    this.#now = now;
    const wasNeighbour = this.#neighbours.isActive(origin);
    const wasUp = this.contacts.down(origin, now.mono, reason, this.#statements.table.seq(origin));
    const silent = wasUp && (reason === 'silent' || reason === 'unreachable');
    // A lost link shows in the next statement; a session that was none does not.
    if (silent && !wasNeighbour) this.#doubted(this.self, origin, this.#statements.table.seq(origin));
    // The data plane has tried all ways before it gave up: in a larger network somebody else takes the place.
    const again = reason !== 'removed' && !(silent && this.#isLarge);
    this.#ended(now, origin, wasUp && wasNeighbour && again);
  }

  /** Somebody's session with a member fell silent. Who has one, too, makes sure; the others pass it on, once in a while. */
  #doubted(from: Origin, origin: Origin, seq: number): void {
    const { mono } = this.#now;
    if (origin === this.self || !this.#members.has(origin) || this.#statements.table.seq(origin) > seq) return;
    // Whom all have given up needs no doubt.
    if (!this.#reach.isHeld(origin)) return;
    const waitMs = this.#isLarge ? this.#chance.below(NEWS_WAIT_MS) : 0;
    if (!this.#doubts.hear(mono, from, origin, seq, waitMs)) return;
    if (this.contacts.probeDue(origin, mono)) this.#io.send(origin, encodeMessage({ type: 'probe' }));
    if (waitMs === 0) this.#passDoubts();
  }

  #passDoubts(): void {
    this.#doubts.pass(this.#now.mono, this.#statements.table, this.#neighbours.active(), this.#io);
  }

  #ended(now: MeshTime, origin: Origin, again: boolean): void {
    this.#now = now;
    this.#statements.spread.down(origin, now.mono);
    this.#neighbours.down(origin);
    this.#graphChanged();
    this.#io.changed('members');
    if (!this.#on) return;
    if (again) this.contacts.connect(origin, now.mono, true);
    this.#seeker.soon(now.mono);
  }

  /** Packets wait for this member. */
  want(now: MeshTime, origin: Origin): void {
    this.#now = now;
    if (this.#on && this.#members.has(origin)) this.contacts.connect(origin, now.mono, true);
  }

  /** Addresses of this machine; best first. */
  underlay(now: MeshTime, endpoints: readonly string[]): void {
    this.#now = now;
    if (!this.#statements.own.setLocal(endpoints)) return;
    this.#statements.own.touch(now.mono, ENDPOINTS_COALESCE_MS);
    this.contacts.resetBackoff(now.mono);
    this.#seeker.soon(now.mono);
  }

  woke(now: MeshTime, sleptMs: number): void {
    this.#now = now;
    this.contacts.resetBackoff(now.mono);
    this.#statements.own.touch(now.mono, ENDPOINTS_COALESCE_MS);
    this.#seeker.soon(now.mono);
    // The others have given this member up by now; a new handshake is quicker than to find that out.
    if (sleptMs < LONG_SLEEP_MS) return;
    for (const origin of this.contacts.ups()) this.contacts.moved(origin, now.mono);
  }

  /** What this member does for others, for its statement. */
  setService(now: MeshTime, service: Service): void {
    this.#now = now;
    if (this.#statements.own.setService(service)) this.#statements.own.touch(now.mono, ENDPOINTS_COALESCE_MS);
  }

  setPlace(place: Presence['place']): void {
    this.#statements.own.setPlace(place);
  }

  /** Groups of the own host; the list before stands until the first call after a start. */
  setGroups(now: MeshTime, groups: readonly GroupWish[]): void {
    this.#now = now;
    this.#groupsHeldUntilMono = Infinity;
    if (!this.#statements.own.setGroups(groups)) return;
    this.#statements.own.touch(now.mono, GROUPS_COALESCE_MS);
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
        const verdicts = message.statements.map((told) => this.#hear(from, told));
        return verdicts.includes('bad') ? 'bad' : 'ok';
      }
      case 'digest':
        this.#statements.spread.onDigest(from, message.chunks, now.mono);
        return 'ok';
      case 'summary':
        this.#statements.spread.onSummary(from, message, now.mono);
        return 'ok';
      case 'pull':
        this.#statements.spread.onPull(from, message.origins, now.mono);
        return 'ok';
      case 'probe':
        return 'ok';
      case 'spare':
        this.#statements.spread.spared(from);
        return 'ok';
      case 'doubt':
        this.#doubted(from, message.origin, message.seq);
        return 'ok';
    }
  }

  /** What follows from statements and sessions is computed anew when it is asked for. */
  #graphChanged(): void {
    this.#reach.forget();
    this.routes.forget();
    this.#io.changed('routes');
  }

  #publish(): void {
    if (this.#statements.publish(this.#now, () => this.contacts.ups())) this.#io.changed('members');
  }

  #hear(from: Origin | null, told: Told): 'ok' | 'bad' {
    const heard = this.#statements.hear(this.#now, from, told);
    if (heard.kind === 'bad') return 'bad';
    // A renewal changes no link, but says that its author lives.
    if (heard.kind === 'renewed') this.#reach.forget();
    if (heard.kind !== 'news') return 'ok';
    this.#graphChanged();
    this.#news.heard(this.#now.mono, heard.presence, heard.before, this.#on);
    return 'ok';
  }

  #linkChanged(active: boolean): void {
    const waitMs = linkNewsWaitMs(active, this.#isLarge, this.#neighbours.activeCount);
    this.#statements.own.touch(this.#now.mono, waitMs);
    this.#graphChanged();
    this.#io.changed('members');
    if (!active && this.#on) this.#seeker.soon(this.#now.mono);
  }

  // ---- time ----------------------------------------------------------------------------------------------------------------

  /** Everything that is told goes to many. */
  get #isLarge(): boolean {
    return this.#members.size >= NEWS_WAIT_FROM_MEMBERS;
  }

  #target(): number {
    return neighboursTarget(this.#members.size);
  }

  nextDeadline(): number {
    const { mono } = this.#now;
    const holding = this.#groupsHeldUntilMono > 0 ? this.#groupsHeldUntilMono : Infinity;
    if (!this.#on) return this.#statements.table.nextExpiry();
    return Math.min(
      this.#statements.own.nextDeadline(mono),
      this.#statements.spread.nextDeadline(),
      this.contacts.nextDeadline(),
      this.#statements.table.nextExpiry(),
      this.#seeker.nextDeadline(),
      this.#doubts.nextDeadline(),
      this.#idleMono,
      holding,
    );
  }

  tick(now: MeshTime): void {
    this.#now = now;
    const { mono } = now;
    if (this.#statements.expire(mono).length > 0) {
      this.#graphChanged();
      this.#io.changed('groups');
    }
    if (!this.#on) return;
    if (this.#groupsHeldUntilMono > 0 && this.#groupsHeldUntilMono <= mono) this.setGroups(now, []);
    this.contacts.expireConnects(mono);
    this.#seeker.tick(mono);
    this.#passDoubts();
    if (this.#idleMono <= mono) this.#endIdle();
    this.#publish();
    this.#statements.spread.tick(mono);
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
      this.#statements.spread.down(origin, mono);
      this.#neighbours.down(origin);
    }
    this.#graphChanged();
    this.#io.changed('members');
  }
}
