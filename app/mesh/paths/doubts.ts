// Rumours that a member fell silent, on their way to those who have a session with it: each goes once to everybody who has not told it.
import type { Origin } from '../../wire/messages/presence.ts';
import { encodeMessage } from '../../wire/messages/message.ts';
import type { PathsIo } from './io.ts';
import { DOUBT_EVERY_MS } from './limits.ts';
import type { PresenceTable } from './presence-table.ts';

interface Doubt {
  origin: Origin;
  /** Of the member's newest statement then. */
  seq: number;
  /** Who need not be told. */
  told: Set<Origin>;
  atMono: number;
  passed: boolean;
}

export class Doubts {
  readonly #doubts = new Map<Origin, Doubt>();

  /** True when it is new: it is passed on after `waitMs`. */
  hear(nowMono: number, from: Origin, origin: Origin, seq: number, waitMs: number): boolean {
    const known = this.#doubts.get(origin);
    if (known && nowMono - known.atMono < DOUBT_EVERY_MS) {
      known.told.add(from);
      return false;
    }
    this.#doubts.set(origin, { origin, seq, told: new Set([from, origin]), atMono: nowMono + waitMs, passed: false });
    return true;
  }

  forget(origin: Origin): void {
    this.#doubts.delete(origin);
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const { passed, atMono } of this.#doubts.values())
      next = Math.min(next, passed ? atMono + DOUBT_EVERY_MS : atMono);
    return next;
  }

  /** Passes on what is due, where the member has said nothing newer. */
  pass(nowMono: number, table: Pick<PresenceTable, 'seq'>, to: Iterable<Origin>, io: Pick<PathsIo, 'send'>): void {
    for (const { origin, seq, told } of this.due(nowMono)) {
      if (table.seq(origin) > seq) continue;
      const bytes = encodeMessage({ type: 'doubt', origin, seq });
      for (const other of to) if (!told.has(other)) io.send(other, bytes);
    }
  }

  /** What is to be passed on now. */
  due(nowMono: number): Doubt[] {
    const due: Doubt[] = [];
    for (const doubt of this.#doubts.values()) {
      if (!doubt.passed && doubt.atMono <= nowMono) {
        doubt.passed = true;
        due.push(doubt);
      } else if (doubt.passed && doubt.atMono + DOUBT_EVERY_MS <= nowMono) this.#doubts.delete(doubt.origin);
    }
    return due;
  }
}
