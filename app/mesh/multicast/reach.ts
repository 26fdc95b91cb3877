// Whom the trees of one cast reach, as far as known, and what failures in them tell of edges and nodes.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeFailure } from '../../wire/messages/tree.ts';
import type { Bans } from './bans.ts';
import type { Delivery } from './delivery.ts';
import { below, cutOff } from './failing.ts';
import type { OwnTree } from './own-tree.ts';
import type { Shape } from './shape.ts';

export interface ReachIo {
  self: Origin;
  bans: Bans;
  /** Somebody cannot read: it gets the key again. */
  unread(origin: Origin): void;
}

/** What a round has shown. */
export interface Shown {
  /** Who gets no packets by some tree. */
  failing: Set<Origin>;
  /** Of these, who failed itself; the others are below one. */
  atFault: Set<Origin>;
  /** Some tree reaches nobody. */
  nobody: boolean;
}

export class Reach {
  readonly #at: ReachIo;
  /** In the active epochs, but known not to be reached. */
  readonly #absent = new Set<Origin>();

  constructor(at: ReachIo) {
    this.#at = at;
  }

  isAbsent(origin: Origin): boolean {
    return this.#absent.has(origin);
  }

  /** The active epochs do not reach these either. */
  miss(origins: Iterable<Origin>): void {
    for (const origin of origins) this.#absent.add(origin);
  }

  /** Other epochs are active: they miss only these. */
  missOnly(origins: Iterable<Origin>): void {
    this.#absent.clear();
    this.miss(origins);
  }

  /** Learns from the end of a round. */
  judge(nowMono: number, trees: readonly OwnTree[]): Shown {
    const failing = new Set<Origin>();
    const atFault = new Set<Origin>();
    let nobody = false;
    const cut = cutOff(trees.map(({ offered }) => offered));
    for (const tree of trees) {
      if (!tree.offered) continue;
      const all = tree.offered.failures();
      const here = below(tree.offered.shape, all);
      // The key did not come because a stripe that was to bring it failed, or this is told of another stripe already.
      const failures = all.filter(({ origin, code }) => code !== 'noKey' || !cut.has(origin));
      for (const { origin, code } of failures) {
        atFault.add(origin);
        if (code === 'noKey') cut.add(origin);
      }
      for (const failure of failures) this.learn(nowMono, tree.offered.shape, failure);
      tree.confirm((origin) => !here.has(origin));
      for (const origin of here) failing.add(origin);
      // Of each tree by itself: in several that few are missing from, all may be missing from one or another.
      nobody ||= tree.offered.shape.description.nodes.every(({ origin }) => here.has(origin));
      if (this.#at.bans.anyMissing) this.#allow(tree.offered, here);
    }
    return { failing, atFault, nobody };
  }

  #allow(delivery: Delivery, failing: ReadonlySet<Origin>): void {
    for (const { origin } of delivery.shape.description.nodes) if (!failing.has(origin)) this.#at.bans.stands(origin);
  }

  /** News of an epoch that carries: somebody was lost, or came after all. True when it is worth a new plan. */
  changed(nowMono: number, delivery: Delivery, change: () => void): boolean {
    const before = below(delivery.shape, delivery.failures());
    change();
    const failures = delivery.failures();
    const after = below(delivery.shape, failures);
    for (const origin of before) {
      if (after.has(origin)) continue;
      this.#absent.delete(origin);
      this.#at.bans.stands(origin);
    }
    const fresh = failures.filter(({ origin }) => !before.has(origin));
    for (const failure of fresh) this.learn(nowMono, delivery.shape, failure);
    this.miss(after);
    return fresh.length > 0;
  }

  /** Holds a failure against the edge or the node that it tells of. */
  learn(nowMono: number, shape: Shape, { origin, code }: TreeFailure): void {
    const { bans } = this.#at;
    const parent = shape.parentOf(origin);
    if (parent === undefined) return;
    if (code === 'unreachable') bans.unreachable(nowMono, parent, origin);
    else if (code === 'refused') bans.weak(nowMono, origin);
    else if (code === 'noKey') {
      this.#at.unread(origin);
      bans.keyless(nowMono, origin);
    } else this.#silent(nowMono, shape, parent, origin);
  }

  /** A parent that falls silent for more than one does not feed any more. */
  #silent(nowMono: number, shape: Shape, parent: Origin, child: Origin): void {
    const { bans, self } = this.#at;
    bans.silent(nowMono, parent, child);
    const barred = shape.childrenOf(parent).filter((one) => bans.isBarred(nowMono, parent, one)).length;
    if (parent !== self && barred * 2 > shape.childrenOf(parent).length) bans.weak(nowMono, parent);
  }
}
