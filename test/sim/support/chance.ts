// All chance of the harness and its engines: one stream per purpose, from the seed (mulberry32).

const mixed = (seed: number, label: string): number => {
  let hash = (seed ^ 0x9e3779b9) >>> 0;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
};

export class Chance {
  #state: number;

  constructor(seed: number, label: string) {
    // The upper half of a large seed counts as well.
    this.#state = mixed(seed >>> 0, `${label}/${Math.floor(seed / 2 ** 32)}`);
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 ≤ result < 1. */
  unit(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number, 0 ≤ result < below. */
  below(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit());
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.#next();
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i);
    }
    return bytes;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** `count` different items, in random order. */
  some<T>(items: readonly T[], count: number): T[] {
    const rest = [...items];
    const chosen: T[] = [];
    while (chosen.length < count && rest.length > 0) {
      const at = this.below(rest.length);
      chosen.push(rest[at] as T);
      rest[at] = rest[rest.length - 1] as T;
      rest.pop();
    }
    return chosen;
  }
}
