// The rate that plans of one cast are made for: what was planned with stays until it is far off, for a new plan for every wobble helps nobody.
import { RATE_WOBBLE, RATE_WOBBLE_BOUND } from './limits.ts';

export class PlannedRate {
  /** 0: not known yet. */
  bytesPerSecond = 0;
  /** Uplinks of some nodes are known: then the rate decides how many copies they send. */
  isBound = false;

  /** `now`: bytes/s, 0 where it is not known. True when it is worth a new plan: where no uplink is known, never. */
  take(now: number): boolean {
    const { up, down } = this.isBound ? RATE_WOBBLE_BOUND : RATE_WOBBLE;
    const planned = this.bytesPerSecond;
    if (now === 0 || (now <= planned * up && now >= planned * down)) return false;
    this.bytesPerSecond = now;
    return this.isBound;
  }
}
