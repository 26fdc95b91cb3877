// Sessions with other members: which are up, which are tried, when to try again, which are idle.
import type { Origin } from '../../wire/messages/presence.ts';
import type { Chance } from './chance.ts';
import {
  BACKOFF_FIRST_MS,
  BACKOFF_LOST_MAX_MS,
  BACKOFF_MAX_MS,
  CONNECTING_MAX,
  CONNECT_ENDPOINTS_MAX,
  CONNECT_TIMEOUT_MS,
  DIRECT_IDLE_FRAMES,
  DIRECT_IDLE_MS,
  LOST_LONG_MS,
  PROBE_EVERY_MS,
} from './limits.ts';

/** Endpoints kept of a member that its statements do not name. */
const HINTS_MAX = 6;

export interface Contact {
  origin: Origin;
  state: 'idle' | 'connecting' | 'up';
  sinceMono: number;
  /** A try is given up then. */
  giveUpMono: number;
  /** Tries in a row that failed. */
  failures: number;
  nextTryMono: number;
  /** Where the last session ended at the other side. */
  lastEndpoint?: string;
  /** Of the session that is up. */
  transport?: string;
  rttMs?: number;
  /** Endpoints told by other means than presence: a link, a record. */
  hints: string[];
  lastUpMono: number;
  /** The data plane's packets, at the last look, and when they last grew. */
  packets: number;
  busyMono: number;
  /** The own session fell silent when this was the member's newest statement; -1: not suspected. */
  suspectSeq: number;
  probedMono: number;
}

/** What the data plane says of a session. */
export interface SessionInfo {
  endpoint: string;
  transport?: string;
  rttMs?: number;
  /** The own address as the peer sees it. */
  observed?: string;
}

export interface ContactsIo {
  isMember(origin: Origin): boolean;
  endpoints(origin: Origin): readonly string[];
  /** Calls the member where `endpointsOf` says, and through others. */
  connect(origin: Origin): void;
  /** Somebody could pass frames on to the member. */
  hasRelay(origin: Origin): boolean;
  disconnect(origin: Origin): void;
}

/** An endpoint's address and port alone. */
export const withoutCarrier = (endpoint: string): string => endpoint.split('/')[0] as string;

/** Members with whom nothing was tried yet have no entry: in a large network they are nearly all. */
export class Contacts {
  readonly #io: ContactsIo;
  readonly #chance: Chance;
  readonly #contacts = new Map<Origin, Contact>();
  readonly #up = new Set<Contact>();
  readonly #connecting = new Set<Contact>();
  readonly #suspected = new Set<Contact>();
  /** Made when first asked for after a change. */
  #ups: Origin[] | null = null;
  #directs: Origin[] | null = null;

  constructor(io: ContactsIo, chance: Chance) {
    this.#io = io;
    this.#chance = chance;
  }

  get upCount(): number {
    return this.#up.size;
  }

  get(origin: Origin): Contact | undefined {
    return this.#contacts.get(origin);
  }

  all(): IterableIterator<Contact> {
    return this.#contacts.values();
  }

  isUp(origin: Origin): boolean {
    return this.#contacts.get(origin)?.state === 'up';
  }

  isRelayed(origin: Origin): boolean {
    const contact = this.#contacts.get(origin);
    return contact?.state === 'up' && contact.transport === 'relay';
  }

  /** Members with a session, in the order in which those came up. */
  ups(): readonly Origin[] {
    this.#ups ??= Array.from(this.#up, ({ origin }) => origin);
    return this.#ups;
  }

  /** Those whose session does not go through others. */
  directs(): readonly Origin[] {
    this.#directs ??= this.ups().filter((origin) => !this.isRelayed(origin));
    return this.#directs;
  }

  /** Of direct sessions, in ms; those that came up last are last. */
  roundTrips(): Map<Origin, number> {
    const measured = [...this.#contacts.values()].filter((one) => one.rttMs !== undefined && one.transport !== 'relay');
    measured.sort((a, b) => a.lastUpMono - b.lastUpMono);
    return new Map(measured.map(({ origin, rttMs }) => [origin, rttMs as number]));
  }

  #add(origin: Origin): Contact {
    let contact = this.#contacts.get(origin);
    if (!contact) {
      contact = {
        origin,
        state: 'idle',
        sinceMono: -Infinity,
        giveUpMono: Infinity,
        failures: 0,
        nextTryMono: -Infinity,
        hints: [],
        lastUpMono: -Infinity,
        packets: 0,
        busyMono: -Infinity,
        suspectSeq: -1,
        probedMono: -Infinity,
      };
      this.#contacts.set(origin, contact);
    }
    return contact;
  }

  /** Endpoints of a member, told by a link or a stranger's packets. */
  hint(origin: Origin, hints: readonly string[]): void {
    if (hints.length === 0) return;
    const contact = this.#add(origin);
    contact.hints = [...new Set([...hints, ...contact.hints])].slice(0, HINTS_MAX);
  }

  remove(origin: Origin): void {
    const contact = this.#contacts.get(origin);
    if (!contact) return;
    this.#set(contact, 'idle', 0);
    this.#suspected.delete(contact);
    this.#contacts.delete(origin);
  }

  /** Where the member may be called, best first. */
  endpointsOf(origin: Origin): string[] {
    const contact = this.#contacts.get(origin);
    const endpoints = this.#io.endpoints(origin);
    if (!contact) return endpoints.slice(0, CONNECT_ENDPOINTS_MAX);
    const told = [...endpoints, ...contact.hints];
    const last = contact.lastEndpoint;
    // What is told says more than what was seen: a stream may answer there, too.
    const all = new Set(last === undefined || told.includes(withoutCarrier(last)) ? [] : [last]);
    const seen = told.indexOf(withoutCarrier(last ?? ''));
    if (seen > 0) all.add(told[seen] as string);
    for (const endpoint of told) all.add(endpoint);
    return [...all].slice(0, CONNECT_ENDPOINTS_MAX);
  }

  /** Whether a connect now would be sensible. */
  mayTry(origin: Origin, nowMono: number): boolean {
    const contact = this.#contacts.get(origin);
    if (contact && (contact.state !== 'idle' || contact.nextTryMono > nowMono)) return false;
    const seen = contact && (contact.hints.length > 0 || contact.lastEndpoint !== undefined);
    return seen || this.#io.endpoints(origin).length > 0 || this.#io.hasRelay(origin);
  }

  /**
   * Starts or refreshes a handshake. `urgent` (packets wait) ignores the limit of connects under way; both keep the backoff.
   * False when nothing was started. `patienceMs`: it is given up after this.
   */
  connect(origin: Origin, nowMono: number, urgent = false, patienceMs = CONNECT_TIMEOUT_MS): boolean {
    if (!this.#io.isMember(origin)) return false;
    const known = this.#contacts.get(origin);
    if (urgent && known?.state === 'connecting') known.giveUpMono = Math.max(known.giveUpMono, nowMono + patienceMs);
    if (!this.mayTry(origin, nowMono)) return false;
    if (!urgent && this.#connecting.size >= CONNECTING_MAX) return false;
    const contact = this.#add(origin);
    this.#io.connect(origin);
    this.#set(contact, 'connecting', nowMono);
    contact.giveUpMono = nowMono + patienceMs;
    if (urgent) contact.busyMono = nowMono;
    return true;
  }

  /** The member can be reached elsewhere now: tries at once, beside a session that may be dead. */
  moved(origin: Origin, nowMono: number): void {
    const contact = this.#contacts.get(origin);
    if (!contact) return;
    contact.nextTryMono = nowMono;
    if (contact.state !== 'idle') this.#io.connect(origin);
    else contact.failures = 0;
  }

  /** True when the session is new, false when it only roamed or was renewed. */
  up(origin: Origin, nowMono: number, session: SessionInfo): boolean {
    const contact = this.#add(origin);
    const fresh = contact.state !== 'up';
    // Where a stream came from is not where one could call.
    const datagrams = session.transport === undefined || session.transport === 'udp';
    if (session.endpoint && datagrams) contact.lastEndpoint = `${session.endpoint}/udp`;
    if (contact.transport !== session.transport) this.#directs = null;
    contact.transport = session.transport;
    contact.rttMs = session.rttMs;
    contact.failures = 0;
    contact.suspectSeq = -1;
    this.#suspected.delete(contact);
    contact.lastUpMono = nowMono;
    if (fresh) {
      contact.busyMono = nowMono;
      this.#set(contact, 'up', nowMono);
    }
    return fresh;
  }

  /** Returns whether a session was up. `seq` is the member's newest statement. */
  down(origin: Origin, nowMono: number, reason: string, seq: number): boolean {
    const contact = this.#contacts.get(origin);
    if (!contact) return false;
    const wasUp = contact.state === 'up';
    const was = contact.state;
    this.#set(contact, 'idle', nowMono);
    if (wasUp) {
      contact.lastUpMono = nowMono;
      contact.failures = 0;
      contact.nextTryMono = nowMono + (reason === 'closed' ? this.#chance.jitter(BACKOFF_FIRST_MS) : 0);
      if (reason !== 'closed') {
        contact.suspectSeq = seq;
        this.#suspected.add(contact);
      }
    } else if (was === 'connecting') this.#failed(contact, nowMono);
    return wasUp;
  }

  /** Gives up handshakes that the data plane never reported on. */
  expireConnects(nowMono: number): void {
    for (const contact of this.#connecting) {
      if (nowMono < contact.giveUpMono) continue;
      if (contact.giveUpMono < contact.sinceMono + CONNECT_TIMEOUT_MS) this.#io.disconnect(contact.origin);
      this.#set(contact, 'idle', nowMono);
      this.#failed(contact, nowMono);
    }
  }

  #failed(contact: Contact, nowMono: number): void {
    contact.failures = Math.min(contact.failures + 1, 20);
    const lostLong = nowMono - contact.lastUpMono > LOST_LONG_MS;
    const max = lostLong && contact.failures > 8 ? BACKOFF_LOST_MAX_MS : BACKOFF_MAX_MS;
    const wait = Math.min(BACKOFF_FIRST_MS * 2 ** (contact.failures - 1), max);
    contact.nextTryMono = nowMono + this.#chance.jitter(wait);
  }

  /** The machine has new addresses, or slept: what failed before may work now. */
  resetBackoff(nowMono: number): void {
    for (const contact of this.#contacts.values()) {
      contact.failures = 0;
      contact.nextTryMono = Math.min(contact.nextTryMono, nowMono);
    }
  }

  /** Ends sessions that carry next to nothing, except those that `keep` names. `packets`: counters of the data plane. */
  endIdle(nowMono: number, packets: (origin: Origin) => number, keep: (origin: Origin) => boolean): void {
    for (const contact of this.#up) {
      const count = packets(contact.origin);
      // A counter that shrank is a new session's.
      if (count < contact.packets || count - contact.packets > DIRECT_IDLE_FRAMES) contact.busyMono = nowMono;
      contact.packets = count;
      if (keep(contact.origin)) contact.busyMono = nowMono;
      else if (nowMono - contact.busyMono >= DIRECT_IDLE_MS) this.end(contact.origin, nowMono);
    }
  }

  end(origin: Origin, nowMono: number): void {
    const contact = this.#contacts.get(origin);
    if (!contact || contact.state === 'idle') return;
    this.#io.disconnect(origin);
    this.#set(contact, 'idle', nowMono);
    contact.nextTryMono = nowMono;
  }

  /** All sessions are gone at once. */
  lose(nowMono: number): void {
    for (const contact of this.#contacts.values()) this.#set(contact, 'idle', nowMono);
  }

  /** Ends the session, if any, and leaves the member alone for a while. */
  bar(origin: Origin, nowMono: number, ms: number): void {
    this.end(origin, nowMono);
    if (this.#io.isMember(origin)) this.#add(origin).nextTryMono = nowMono + this.#chance.jitter(ms);
  }

  /** Whether a probe of this member's session is due, because others doubt that it lives. */
  probeDue(origin: Origin, nowMono: number): boolean {
    const contact = this.#contacts.get(origin);
    if (contact?.state !== 'up' || nowMono - contact.probedMono < PROBE_EVERY_MS) return false;
    contact.probedMono = nowMono;
    return true;
  }

  get anySuspected(): boolean {
    return this.#suspected.size > 0;
  }

  suspected(origin: Origin, seq: number): boolean {
    const contact = this.#contacts.get(origin);
    return contact !== undefined && contact.state !== 'up' && contact.suspectSeq >= 0 && seq <= contact.suspectSeq;
  }

  /** When something is to be done without any event. */
  nextDeadline(): number {
    let next = Infinity;
    for (const { giveUpMono } of this.#connecting) next = Math.min(next, giveUpMono);
    return next;
  }

  #set(contact: Contact, state: Contact['state'], nowMono: number): void {
    if (contact.state === 'up' || state === 'up') this.#ups = this.#directs = null;
    this.#up.delete(contact);
    this.#connecting.delete(contact);
    if (state === 'up') this.#up.add(contact);
    if (state === 'connecting') this.#connecting.add(contact);
    contact.state = state;
    contact.sinceMono = nowMono;
  }
}
