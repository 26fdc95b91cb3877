// When the data plane is told of other members' groups.

/** Several changes go together. */
const COALESCE_MS = 10;
/** Telling costs as much as there are members: at most once in this time for each … */
const EVERY_MS_PER_MEMBER = 2;
/** … but not more seldom than this. */
const EVERY_MS_MAX = 1_000;

export class GroupsTold {
  /** When it is to be told, on the monotonic clock; Infinity: nothing is new. */
  dueMono = Infinity;
  #toldMono = -Infinity;

  soon(nowMono: number, members: number): void {
    const everyMs = Math.min(EVERY_MS_MAX, members * EVERY_MS_PER_MEMBER);
    this.dueMono = Math.min(this.dueMono, Math.max(nowMono + COALESCE_MS, this.#toldMono + everyMs));
  }

  now(nowMono: number): void {
    this.dueMono = nowMono;
  }

  /** True once it is due: the caller tells it now. */
  take(nowMono: number): boolean {
    if (this.dueMono > nowMono) return false;
    this.dueMono = Infinity;
    this.#toldMono = nowMono;
    return true;
  }
}
