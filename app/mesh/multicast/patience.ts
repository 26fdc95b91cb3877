// How long an origin waits for its epochs to stand: where devices or lines are busy, answers come late, and an epoch that is given up for that is
// followed by another that makes them busier still.
import type { Origin } from '../../wire/messages/presence.ts';
import { KEY_ROUTES, SETTLE_MOST_MS, SETTLE_MS } from './limits.ts';
import type { PlannedTree } from './plan-types.ts';

export class Patience {
  /** For the next round. */
  settleMs = SETTLE_MS;
  #grownMono = -Infinity;

  /** A word that was waited for came after the end of its round. Many of one round count once. */
  late(nowMono: number): void {
    if (nowMono < this.#grownMono + this.settleMs) return;
    this.#grownMono = nowMono;
    this.settleMs = Math.min(SETTLE_MOST_MS, 2 * this.settleMs);
  }

  /** All words of a round came within so many ms. */
  stood(tookMs: number): void {
    if (tookMs < this.settleMs / 4) this.settleMs = Math.max(SETTLE_MS, this.settleMs / 2);
  }
}

/** Of one node in a description, and of its sealed key. */
const NODE_BYTES = 11;
const SEALED_BYTES = 56;
const HEAD_BYTES = 200;

/**
 * How long descriptions and keys take to leave an origin whose uplink is known (kB/s; 0: it is not), twice, for those below have theirs to pass
 * on as well, ms.
 */
export function handDownMs(trees: readonly Pick<PlannedTree, 'parents'>[], self: Origin, uplinkKBps: number): number {
  if (uplinkKBps === 0) return 0;
  const bytesOf = ({ parents }: Pick<PlannedTree, 'parents'>): number => {
    const children = [...parents.values()].filter((parent) => parent === self).length;
    return children * (HEAD_BYTES + NODE_BYTES * parents.size);
  };
  const keyBytes = trees.slice(0, KEY_ROUTES).reduce((sum, { parents }) => sum + SEALED_BYTES * parents.size, 0);
  const bytes = trees.reduce((sum, tree) => sum + bytesOf(tree), keyBytes);
  return Math.min(SETTLE_MOST_MS, Math.round((2 * bytes) / uplinkKBps));
}
