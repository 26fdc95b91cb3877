// Statements that others told as what changed since one that is missing here: each is asked for whole, of one teller at a time.
import type { Origin } from '../../wire/messages/presence.ts';
import { WANTS_UNKNOWN_MAX, WANT_TELLERS_MAX, WANT_TIMEOUT_MS, WANT_WAIT_MS } from './limits.ts';

interface Want {
  seq: number;
  isMember: boolean;
  /** Not asked yet. */
  tellers: Origin[];
  /** Null: nobody yet. */
  asked: Origin | null;
  /** When the next one is asked. */
  dueMono: number;
}

export class Wants {
  /** One for each member at most, and a few for names of nobody. */
  readonly #wants = new Map<Origin, Want>();
  #unknown = 0;
  /** No want is due before. */
  #dueMono = Infinity;

  /** `from` has the statement of this sequence, or a newer one. */
  add(origin: Origin, seq: number, isMember: boolean, from: Origin, nowMono: number): void {
    const known = this.#wants.get(origin);
    if (!known) {
      if (!isMember && this.#unknown >= WANTS_UNKNOWN_MAX) return;
      if (!isMember) this.#unknown++;
      const want = { seq, isMember, tellers: [from], asked: null, dueMono: nowMono + WANT_WAIT_MS };
      this.#wants.set(origin, want);
      this.#dueMono = Math.min(this.#dueMono, want.dueMono);
      return;
    }
    known.seq = Math.max(known.seq, seq);
    // Who was asked answers with its newest.
    if (known.asked === from || known.tellers.includes(from) || known.tellers.length >= WANT_TELLERS_MAX) return;
    known.tellers.push(from);
  }

  /** A statement came, perhaps not yet the newest of those told. True when it was wanted. */
  got(origin: Origin, seq: number, nowMono: number): boolean {
    const want = this.#wants.get(origin);
    if (!want) return false;
    if (seq >= want.seq || want.tellers.length === 0) this.forget(origin);
    else this.#due(want, nowMono);
    return true;
  }

  /** Whoever was asked there will not answer. */
  down(from: Origin, nowMono: number): void {
    for (const want of this.#wants.values()) {
      want.tellers = want.tellers.filter((teller) => teller !== from);
      if (want.asked === from) this.#due(want, nowMono);
    }
  }

  forget(origin: Origin): void {
    const want = this.#wants.get(origin);
    if (want && !want.isMember) this.#unknown--;
    this.#wants.delete(origin);
  }

  #due(want: Want, nowMono: number): void {
    want.dueMono = nowMono;
    this.#dueMono = Math.min(this.#dueMono, nowMono);
  }

  nextDeadline(): number {
    return this.#dueMono;
  }

  /** Whom to ask now for what. */
  take(nowMono: number): Map<Origin, Origin[]> {
    const asks = new Map<Origin, Origin[]>();
    if (this.#dueMono > nowMono) return asks;
    this.#dueMono = Infinity;
    for (const [origin, want] of this.#wants) {
      if (want.dueMono <= nowMono) {
        const next = want.tellers.shift();
        if (next === undefined) {
          this.forget(origin);
          continue;
        }
        want.asked = next;
        want.dueMono = nowMono + WANT_TIMEOUT_MS;
        asks.set(next, [...(asks.get(next) ?? []), origin]);
      }
      this.#dueMono = Math.min(this.#dueMono, want.dueMono);
    }
    return asks;
  }
}
