// Looks for neighbours while some are missing, and now and then for members that seem gone.
import type { Origin } from '../../wire/messages/presence.ts';
import type { Chance } from './chance.ts';
import type { Contacts } from './contacts.ts';
import { RESCUE_EVERY_MS, RESCUE_MEMBERS, RESCUE_TIMEOUT_MS } from './limits.ts';
import type { Neighbours } from './neighbours.ts';

/** While neighbours are missing, candidates are looked for this often. */
const SEEK_EVERY_MS = 1_000;

export interface SeekerIo {
  self: Origin;
  members(): Iterable<Origin>;
  memberCount(): number;
  contacts: Contacts;
  neighbours: Neighbours;
  /** How many neighbours are wished. */
  target(): number;
  isOnline(origin: Origin): boolean;
  /** The member said that it switched the network off. */
  isOff(origin: Origin): boolean;
}

export class Seeker {
  readonly #io: SeekerIo;
  readonly #chance: Chance;
  #seekMono = Infinity;
  #rescueMono = Infinity;

  constructor(io: SeekerIo, chance: Chance) {
    this.#io = io;
    this.#chance = chance;
  }

  start(nowMono: number): void {
    this.#rescueMono = nowMono + this.#rescueMs();
    this.seek(nowMono);
  }

  #rescueMs(): number {
    return this.#chance.jitter(RESCUE_EVERY_MS * Math.max(1, this.#io.memberCount() / RESCUE_MEMBERS));
  }

  stop(): void {
    this.#seekMono = this.#rescueMono = Infinity;
  }

  /** Something changed that may help: look at the next tick. */
  soon(nowMono: number): void {
    this.#seekMono = Math.min(this.#seekMono, nowMono);
  }

  nextDeadline(): number {
    return Math.min(this.#seekMono, this.#rescueMono, this.#io.neighbours.nextDeadline());
  }

  tick(nowMono: number): void {
    const asked = this.#io.neighbours.nextDeadline();
    if (Math.min(this.#seekMono, asked) <= nowMono) this.seek(nowMono);
    if (this.#rescueMono <= nowMono) this.#rescue(nowMono);
  }

  /** Fills the set of neighbours from sessions, else tries members that seem online, else anybody with known endpoints. */
  seek(nowMono: number): void {
    const { self, contacts, neighbours, target, isOnline, isOff } = this.#io;
    const missing = neighbours.plan(nowMono, target());
    this.#seekMono = missing > 0 ? nowMono + SEEK_EVERY_MS : Infinity;
    if (missing === 0) return;
    const likely: Origin[] = [];
    const others: Origin[] = [];
    for (const origin of this.#io.members()) {
      if (origin === self || !contacts.mayTry(origin, nowMono) || neighbours.declined(origin, nowMono) || isOff(origin))
        continue;
      (isOnline(origin) ? likely : others).push(origin);
    }
    for (let tries = missing; tries > 0 && likely.length + others.length > 0; tries--) {
      const list = likely.length > 0 ? likely : others;
      const origin = list.splice(this.#chance.below(list.length), 1)[0] as Origin;
      if (!contacts.connect(origin, nowMono)) break;
    }
  }

  /** One member that seems offline: it may only be on the other side of what was a partition. */
  #rescue(nowMono: number): void {
    const { self, contacts, isOnline, isOff } = this.#io;
    this.#rescueMono = nowMono + this.#rescueMs();
    const lost: Origin[] = [];
    for (const origin of this.#io.members())
      if (origin !== self && !isOnline(origin) && !isOff(origin) && contacts.mayTry(origin, nowMono)) lost.push(origin);
    const origin = this.#chance.pick(lost);
    if (origin !== undefined) contacts.connect(origin, nowMono, false, RESCUE_TIMEOUT_MS);
  }
}
