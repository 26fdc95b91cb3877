// How long an origin waits for its epochs to stand: where devices or lines are busy, answers come late, and an epoch that is given up for that is
// followed by another that makes them busier still.
import { SETTLE_MOST_MS, SETTLE_MS } from './limits.ts';

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
