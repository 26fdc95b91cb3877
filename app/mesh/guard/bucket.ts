// A token bucket on the monotonic clock.
export class Bucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #atMono: number;

  /** Holds at most `burst` tokens and gains `perSecond`. Starts full. */
  constructor(burst: number, perSecond: number, nowMono: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#atMono = nowMono;
  }

  /** Takes `count` tokens, or none and returns false. */
  take(nowMono: number, count = 1): boolean {
    this.#refill(nowMono);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Milliseconds until `count` tokens are there; 0 when they are. */
  waitMs(nowMono: number, count = 1): number {
    this.#refill(nowMono);
    return this.#tokens >= count ? 0 : Math.ceil(((count - this.#tokens) / this.#perSecond) * 1000);
  }

  #refill(nowMono: number): void {
    const gained = (Math.max(0, nowMono - this.#atMono) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#atMono = Math.max(this.#atMono, nowMono);
  }
}
