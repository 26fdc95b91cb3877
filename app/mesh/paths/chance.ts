// Random choices from the Random port; the same bytes give the same choices.
export interface RandomSource {
  bytes(length: number): Uint8Array;
}

export class Chance {
  readonly #random: RandomSource;
  #pool: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** 0 ≤ result < 2^24. */
  #word(): number {
    if (this.#at + 3 > this.#pool.length) {
      this.#pool = this.#random.bytes(96);
      this.#at = 0;
    }
    const [a, b, c] = [this.#pool[this.#at], this.#pool[this.#at + 1], this.#pool[this.#at + 2]] as [
      number,
      number,
      number,
    ];
    this.#at += 3;
    return a * 0x10000 + b * 0x100 + c;
  }

  /** Whole number, 0 ≤ result < bound. */
  below(bound: number): number {
    return Math.floor((this.#word() / 0x1000000) * bound);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.below(items.length)];
  }

  /** `ms` ± a quarter. */
  jitter(ms: number): number {
    return Math.round(ms * 0.75) + this.below(Math.max(1, Math.round(ms * 0.5)));
  }
}
