// When that is done which costs as much as there are members: several changes go together, and the next time is not at once.

interface Pace {
  /** Several changes go together. */
  coalesceMs: number;
  /** At most once in this time for each member … */
  msPerMember: number;
  /** … but not more seldom than this. */
  mostMs: number;
}

/** The data plane is told of other members' groups. */
export const GROUPS_TOLD: Pace = { coalesceMs: 10, msPerMember: 2, mostMs: 1_000 };
/** New members take effect. With 10,000 that takes some 20 ms, while somebody joins all the time. */
export const MEMBERS_TAKEN: Pace = { coalesceMs: 10, msPerMember: 0.2, mostMs: 2_000 };

export class Paced {
  /** When it is due, on the monotonic clock; Infinity: nothing is new. */
  dueMono = Infinity;
  #doneMono = -Infinity;
  readonly #pace: Pace;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  soon(nowMono: number, members: number): void {
    const { coalesceMs, msPerMember, mostMs } = this.#pace;
    const everyMs = Math.min(mostMs, Math.ceil(members * msPerMember));
    this.by(Math.max(nowMono + coalesceMs, this.#doneMono + everyMs));
  }

  /** Then at the latest, whenever it was last. */
  by(atMono: number): void {
    this.dueMono = Math.min(this.dueMono, atMono);
  }

  /** True once it is due: the caller does it now. */
  take(nowMono: number): boolean {
    if (this.dueMono > nowMono) return false;
    this.done(nowMono);
    return true;
  }

  done(nowMono: number): void {
    this.dueMono = Infinity;
    this.#doneMono = nowMono;
  }
}
