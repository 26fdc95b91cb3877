// The bounded set of lasting neighbours: who is one, who is asked, who is let go. Gossip flows along these links.
import type { Origin } from '../../wire/messages/presence.ts';
import type { Chance } from './chance.ts';
import {
  ASK_TIMEOUT_MS,
  DECLINED_MS,
  FULL_MESH_MEMBERS_MAX,
  NEEDY_BELOW,
  NEIGHBOUR_GAINED_CALM_MS,
  NEIGHBOUR_GAINED_COALESCE_MS,
  NEIGHBOUR_LOST_CALM_MS,
  NEIGHBOUR_LOST_COALESCE_MS,
  NEIGHBOURS_LARGE_FROM_MEMBERS,
  NEIGHBOURS_MAX,
  NEIGHBOURS_SURPLUS,
  NEIGHBOURS_TARGET,
} from './limits.ts';

/** How many neighbours a member of a network with `members` members wishes to have. */
export function neighboursTarget(members: number): number {
  if (members <= FULL_MESH_MEMBERS_MAX) return Math.max(0, members - 1);
  return members < NEIGHBOURS_LARGE_FROM_MEMBERS ? NEIGHBOURS_TARGET : NEIGHBOURS_TARGET + 1;
}

/** How long a link that began or ended may wait to be told; in a large network longer, while there are links enough. */
export function linkNewsWaitMs(gained: boolean, isLarge: boolean, links: number): number {
  if (isLarge && links > NEEDY_BELOW) return gained ? NEIGHBOUR_GAINED_CALM_MS : NEIGHBOUR_LOST_CALM_MS;
  return gained ? NEIGHBOUR_GAINED_COALESCE_MS : NEIGHBOUR_LOST_COALESCE_MS;
}

export type LinkWord = 'ask' | 'keep' | 'drop';

interface Link {
  /** I treat it as a neighbour (or asked). */
  mine: boolean;
  /** It said the same. */
  theirs: boolean;
  askedMono: number;
}

export interface NeighboursIo {
  say(origin: Origin, what: LinkWord, needy: boolean): void;
  /** A link was made or lost: gossip and the own statement change. */
  changed(origin: Origin, active: boolean): void;
  /** Neighbours that a member named in its newest statement. */
  degree(origin: Origin): number;
}

export class Neighbours {
  readonly #io: NeighboursIo;
  readonly #chance: Chance;
  readonly #links = new Map<Origin, Link>();
  readonly #declined = new Map<Origin, number>();

  constructor(io: NeighboursIo, chance: Chance) {
    this.#io = io;
    this.#chance = chance;
  }

  isActive(origin: Origin): boolean {
    const link = this.#links.get(origin);
    return link !== undefined && link.mine && link.theirs;
  }

  /** In the order in which their sessions came up. */
  active(): Origin[] {
    const active: Origin[] = [];
    for (const [origin, link] of this.#links) if (link.mine && link.theirs) active.push(origin);
    return active;
  }

  get activeCount(): number {
    let count = 0;
    for (const link of this.#links.values()) if (link.mine && link.theirs) count++;
    return count;
  }

  up(origin: Origin): void {
    this.down(origin);
    this.#links.set(origin, { mine: false, theirs: false, askedMono: -Infinity });
  }

  down(origin: Origin): void {
    const was = this.isActive(origin);
    this.#links.delete(origin);
    if (was) this.#io.changed(origin, false);
  }

  clear(): void {
    for (const origin of [...this.#links.keys()]) this.down(origin);
    this.#declined.clear();
  }

  /** What a member with a session said about being neighbours. */
  hear(origin: Origin, what: LinkWord, needy: boolean, nowMono: number, target: number): void {
    const link = this.#links.get(origin);
    if (!link) return;
    const was = link.mine && link.theirs;
    if (what === 'drop') {
      link.mine = link.theirs = false;
      this.#declined.set(origin, nowMono + this.#chance.jitter(DECLINED_MS));
    } else if (link.mine) {
      link.theirs = true;
      // An ask may come from a side that lost the session's state; the answer costs little.
      if (what === 'ask' && was) this.#io.say(origin, 'keep', false);
    } else if (what === 'ask' && this.#hasRoom(needy, target)) {
      link.mine = link.theirs = true;
      this.#io.say(origin, 'keep', false);
    } else {
      this.#io.say(origin, 'drop', false);
    }
    const is = link.mine && link.theirs;
    if (was !== is) this.#io.changed(origin, is);
  }

  #hasRoom(needy: boolean, target: number): boolean {
    let taken = 0;
    for (const link of this.#links.values()) if (link.mine) taken++;
    if (taken < Math.min(target + NEIGHBOURS_SURPLUS, NEIGHBOURS_MAX)) return true;
    if (!needy) return false;
    return taken < NEIGHBOURS_MAX || this.#letGo(NEEDY_BELOW + 1);
  }

  /** Lets go of a random neighbour that has at least `degreeMin` neighbours itself. */
  #letGo(degreeMin: number): boolean {
    const origin = this.#chance.pick(this.active().filter((other) => this.#io.degree(other) >= degreeMin));
    if (origin === undefined) return false;
    const link = this.#links.get(origin) as Link;
    link.mine = link.theirs = false;
    this.#io.say(origin, 'drop', false);
    this.#io.changed(origin, false);
    return true;
  }

  /**
   * Asks members with a session while neighbours are missing. Returns how many more sessions are worth trying. Some too many are kept:
   * to part costs more than to stay.
   */
  plan(nowMono: number, target: number): number {
    let active = 0;
    let asked = 0;
    const free: Origin[] = [];
    for (const [origin, link] of this.#links) {
      if (link.mine && !link.theirs && nowMono - link.askedMono >= ASK_TIMEOUT_MS) {
        link.mine = false;
        this.#declined.set(origin, nowMono + this.#chance.jitter(DECLINED_MS));
      }
      if (link.mine && link.theirs) active++;
      else if (link.mine) asked++;
      else if (!this.declined(origin, nowMono)) free.push(origin);
    }
    // Larger networks bear that one is missing.
    const enough = target > NEIGHBOURS_TARGET ? target - 1 : target;
    const isEnough = active + asked >= enough;
    while (!isEnough && active + asked < target && free.length > 0) {
      const origin = free.splice(this.#chance.below(free.length), 1)[0] as Origin;
      const link = this.#links.get(origin) as Link;
      link.mine = true;
      link.askedMono = nowMono;
      asked++;
      this.#io.say(origin, 'ask', active < NEEDY_BELOW);
    }
    return isEnough ? 0 : Math.max(0, target - active - asked);
  }

  declined(origin: Origin, nowMono: number): boolean {
    const until = this.#declined.get(origin);
    if (until === undefined) return false;
    if (until > nowMono) return true;
    this.#declined.delete(origin);
    return false;
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const link of this.#links.values()) {
      if (link.mine && !link.theirs) next = Math.min(next, link.askedMono + ASK_TIMEOUT_MS);
    }
    return next;
  }
}
