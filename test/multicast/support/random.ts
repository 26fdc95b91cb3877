// Numbers from a seed (mulberry32): the same seed, the same run.
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

/**
 * The fixed seeds and a new one, for what must always hold; what holds of most worlds only (means, quantiles) is looked at with fixed ones.
 * `SEED` in the environment repeats one, or sweeps a range: `SEED=1-2000`.
 */
export function seeds(...fixed: number[]): number[] {
  const asked = process.env['SEED'];
  if (!asked) return [...fixed, Date.now() % 1_000_000];
  const [first, last] = asked.split('-').map(Number) as [number, number?];
  return Array.from({ length: (last ?? first) - first + 1 }, (_, at) => first + at);
}
