// Who has no part in a tree any more hears so a little later: what is under way by the epoch before still passes through it.
import type { Origin } from '../../wire/messages/presence.ts';
import { OLD_EPOCH_MS } from './limits.ts';
import type { Shape } from './shape.ts';

export class Farewells {
  readonly #due = new Map<Origin, number>();

  /** `children`: the own ones of the epoch before. */
  change(nowMono: number, children: Iterable<Origin>, next: Shape): void {
    for (const to of this.#due.keys()) if (next.node(to) !== undefined) this.#due.delete(to);
    for (const to of children)
      if (next.node(to) === undefined && !this.#due.has(to)) this.#due.set(to, nowMono + OLD_EPOCH_MS);
  }

  get nextMono(): number {
    return this.#due.size === 0 ? Infinity : Math.min(...this.#due.values());
  }

  /** Those whose time has come. */
  take(nowMono: number): Origin[] {
    const taken = [...this.#due].flatMap(([to, atMono]) => (atMono <= nowMono ? [to] : []));
    for (const to of taken) this.#due.delete(to);
    return taken;
  }

  /** All of them, now. */
  all(): Origin[] {
    return this.take(Infinity);
  }
}
