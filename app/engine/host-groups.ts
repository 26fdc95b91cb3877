// Groups that the host's applications joined, as the data plane lists them; until its first list nothing is known.
import { sharedWishes } from '../mesh/multicast/receivers.ts';
import type { GroupWish } from '../wire/messages/presence.ts';
import type { LocalGroup } from './ports.ts';

export class HostGroups {
  #groups: GroupWish[] | null = null;
  #untilMono = Infinity;

  /** null: not known yet. */
  get known(): readonly GroupWish[] | null {
    return this.#groups;
  }

  take(groups: readonly LocalGroup[]): void {
    this.#groups = sharedWishes(groups);
    this.#untilMono = Infinity;
  }

  /** The first list comes until then, or the host has joined none. */
  expect(untilMono: number): void {
    if (this.#groups === null) this.#untilMono = untilMono;
  }

  nextDeadline(): number {
    return this.#untilMono;
  }

  /** True when the wait is over by now, and there are none. */
  tick(nowMono: number): boolean {
    if (nowMono < this.#untilMono) return false;
    this.#untilMono = Infinity;
    this.#groups ??= [];
    return true;
  }
}
