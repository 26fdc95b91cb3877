// How many bytes may wait in one link outside of the kernel: much where it drains quickly (few, large writes), little where it is
// slow, because what waits here is too late to be dropped.
import { BUFFER_BYTES_MAX, BUFFER_BYTES_MIN, BUFFER_BYTES_START, DRAIN_QUICK_MS, DRAIN_SLOW_MS } from './limits.ts';

export class DrainBound {
  #bytes = BUFFER_BYTES_START;
  /** When the link was found full; NaN while it is not. */
  #fullSince = NaN;

  get bytes(): number {
    return this.#bytes;
  }

  /** The link holds as much as it may. `now`: monotonic ms. */
  full(now: number): void {
    if (Number.isNaN(this.#fullSince)) this.#fullSince = now;
  }

  /** Everything in it was sent. */
  drained(now: number): void {
    const took = now - this.#fullSince;
    this.#fullSince = NaN;
    if (took > DRAIN_SLOW_MS) this.#bytes = Math.max(BUFFER_BYTES_MIN, this.#bytes >> 1);
    else if (took < DRAIN_QUICK_MS) this.#bytes = Math.min(BUFFER_BYTES_MAX, this.#bytes << 1);
  }
}
