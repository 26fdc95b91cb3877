// Testifying to new memberships: few witnesses are enough, so in a larger network members wait a random while and mostly find them there.
import type { Failure } from '../contract/errors.ts';
import { Chance, type RandomSource } from '../mesh/paths/chance.ts';
import type { Now } from './ports.ts';
import type { Roll } from './roll.ts';

/** Of the random wait, per member. */
const SPREAD_MS = 80;
const SPREAD_MAX_MS = 10_000;
const AT_ONCE_MEMBERS = 4;
export const TESTIMONIES_WAITING_MAX = 1_024;

export class Testimonies {
  readonly #roll: Roll;
  readonly #chance: Chance;
  #waiting: { membership: Uint8Array; atMono: number }[] = [];

  constructor(roll: Roll, random: RandomSource) {
    this.#roll = roll;
    this.#chance = new Chance(random);
  }

  /** `members`: how many there are, about. */
  add(now: Now, memberships: readonly Uint8Array[], members: number): void {
    const window = Math.min(SPREAD_MAX_MS, members * SPREAD_MS);
    for (const membership of memberships) {
      const wait = members <= AT_ONCE_MEMBERS ? 0 : this.#chance.below(window);
      if (this.#waiting.length < TESTIMONIES_WAITING_MAX) this.#waiting.push({ membership, atMono: now.mono + wait });
    }
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const { atMono } of this.#waiting) next = Math.min(next, atMono);
    return next;
  }

  /** Records made now, durable, to be spread. */
  due(now: Now, failed: (error: Failure) => void): Uint8Array[] {
    if (this.nextDeadline() > now.mono) return [];
    const due = this.#waiting.filter(({ atMono }) => atMono <= now.mono);
    this.#waiting = this.#waiting.filter(({ atMono }) => atMono > now.mono);
    const records: Uint8Array[] = [];
    for (const { membership } of due) {
      const made = this.#roll.testify(membership);
      if (made.ok) records.push(...made.value);
      else failed(made.error);
    }
    return records;
  }
}
