// Trees of a plan before: they end a little after those of the next one stand, so that what is under way arrives.
import { OLD_EPOCH_MS } from './limits.ts';
import type { OwnTree } from './own-tree.ts';

export class Retired {
  /** Infinity: packets may still take it. */
  #trees: { atMono: number; tree: OwnTree }[] = [];

  add(trees: readonly OwnTree[]): void {
    for (const tree of trees) this.#trees.push({ atMono: Infinity, tree });
  }

  /** Packets take others from now on. */
  replaced(nowMono: number): void {
    for (const retired of this.#trees) retired.atMono = Math.min(retired.atMono, nowMono + OLD_EPOCH_MS);
  }

  get nextMono(): number {
    return this.#trees.reduce((next, { atMono }) => Math.min(next, atMono), Infinity);
  }

  /** Ends those whose time has come. */
  tick(nowMono: number): void {
    for (const { tree } of this.#trees.filter(({ atMono }) => atMono <= nowMono)) tree.drop();
    this.#trees = this.#trees.filter(({ atMono }) => atMono > nowMono);
  }

  /** The end of all of them. */
  drop(): void {
    for (const { tree } of this.#trees) tree.drop();
    this.#trees = [];
  }
}
