// Rounds of one cast: how long its epochs have to come to stand, when a round is over, and what words after it mean.
import type { Origin } from '../../wire/messages/presence.ts';
import type { AckMessage, Delivery } from './delivery.ts';
import type { TreesIo } from './io.ts';
import { FIRST_MS, SETTLE_MOST_MS, SETTLE_MS } from './limits.ts';
import type { OwnTree } from './own-tree.ts';
import { handDownMs, type Patience } from './patience.ts';
import type { PlannedTree } from './plan-types.ts';

export interface RoundsIo {
  io: Pick<TreesIo, 'conduct'>;
  self: Origin;
  patience: Patience;
}

export class Rounds {
  readonly #at: RoundsIo;
  readonly #bornMono: number;
  #begunMono = -Infinity;
  /** When the round ends at the latest; Infinity: none is on. */
  #endMono = Infinity;
  /** When the last one ended. */
  #judgedMono = -Infinity;
  /** Rounds that failed, one after another. */
  failed = 0;

  constructor(at: RoundsIo, nowMono: number) {
    this.#at = at;
    this.#bornMono = nowMono;
  }

  /** When the round ends at the latest; Infinity: none is on. */
  get endMono(): number {
    return this.#endMono;
  }

  /** How long the trees of a plan have to stand. `switched`: packets take those of an earlier one. */
  settleMs(nowMono: number, trees: readonly PlannedTree[], switched: boolean): number {
    const { io, self, patience } = this.#at;
    const downMs = handDownMs(trees, self, io.conduct().uplinkKBps);
    // Packets wait for the first epoch, and not longer than this; those of a second one have been dropped by then.
    if (switched || this.failed > 0) return patience.settleMs + downMs;
    const inTime = Math.max(SETTLE_MS, this.#bornMono + FIRST_MS - nowMono);
    return trees.length > 1 && downMs < SETTLE_MS / 2 ? Math.min(inTime, SETTLE_MS + downMs) : SETTLE_MS + downMs;
  }

  /** Epochs were offered. */
  begin(nowMono: number, settleMs: number): void {
    this.#begunMono = nowMono;
    this.#endMono = nowMono + settleMs;
  }

  /** True once for each round: all that was offered has settled, or time is up. */
  over(nowMono: number, offered: readonly Delivery[]): boolean {
    // A round that was judged is followed by a plan.
    if (offered.length === 0 || this.#endMono === Infinity) return false;
    const settled = offered.every((delivery) => delivery.settled);
    if (nowMono < this.#endMono && !settled) return false;
    if (settled) this.#at.patience.stood(nowMono - this.#begunMono);
    this.#endMono = Infinity;
    this.#judgedMono = nowMono;
    return true;
  }

  /** A child's first word about an epoch after its round: the next ones take longer. */
  heed(
    nowMono: number,
    from: Origin,
    tree: OwnTree,
    { what }: AckMessage,
    delivery: Delivery | null | undefined,
  ): void {
    if (what !== 'stands' || nowMono > this.#judgedMono + SETTLE_MOST_MS || delivery === tree.offered) return;
    const awaited = delivery ? delivery.awaits(from) : tree.latest?.shape.node(from) !== undefined;
    if (awaited) this.#at.patience.late(nowMono);
  }
}
