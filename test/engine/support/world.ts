// The control plane's world on a virtual clock: hosts with addresses, paths with delay, partitions and deaths, all from one seed.
import { Heap } from './heap.ts';

const WALL_START = Date.UTC(2026, 10, 23);

export interface WorldOptions {
  seed: number;
  /** One-way delay of a path, ms, uniformly from this range. */
  delayMs?: [number, number];
}

/** What the world must know of a host to carry something to it. */
export interface Station {
  readonly name: string;
  alive: boolean;
  /** Endpoints at which it hears now. */
  endpoints: string[];
  /** Hosts of different groups do not hear each other. */
  group: number;
}

export class World {
  readonly seed: number;
  mono = 0;
  readonly stations = new Set<Station>();
  readonly #delay: [number, number];
  readonly #heap = new Heap();
  #order = 0;
  #random: number;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#delay = options.delayMs ?? [1, 10];
    this.#random = (options.seed ^ 0x9e3779b9) >>> 0 || 1;
  }

  get wall(): number {
    return WALL_START + this.mono;
  }

  /** 0 ≤ result < 1, from the seed (mulberry32). */
  chance(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let t = this.#random;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.chance() * 256));
  }

  delay(): number {
    return this.#delay[0] + this.chance() * (this.#delay[1] - this.#delay[0]);
  }

  at(mono: number, run: () => void): void {
    this.#heap.push({ at: Math.max(mono, this.mono), order: this.#order++, run });
  }

  after(ms: number, run: () => void): void {
    this.at(this.mono + ms, run);
  }

  hears(from: Station, to: Station): boolean {
    return from.alive && to.alive && from.group === to.group;
  }

  stationAt(endpoint: string): Station | undefined {
    for (const station of this.stations) if (station.endpoints.includes(endpoint)) return station;
    return undefined;
  }

  #step(): boolean {
    const next = this.#heap.pop();
    if (!next) return false;
    this.mono = Math.max(this.mono, next.at);
    next.run();
    return true;
  }

  /** Lets `ms` of virtual time pass. */
  run(ms: number): void {
    const end = this.mono + ms;
    for (let next = this.#heap.peek(); next && next.at <= end; next = this.#heap.peek()) this.#step();
    this.mono = end;
  }

  /** Lets time pass until the condition holds; returns the ms that took. Throws after `limitMs`, naming the seed. */
  until(what: string, holds: () => boolean, limitMs: number): number {
    const start = this.mono;
    let checked = -Infinity;
    for (;;) {
      const next = this.#heap.peek();
      if ((next?.at ?? Infinity) - checked >= CHECK_EVERY_MS) {
        checked = this.mono;
        if (holds()) return this.mono - start;
      }
      if (!next || next.at > start + limitMs) {
        this.mono = start + limitMs;
        if (holds()) return limitMs;
        throw new Error(`not within ${limitMs} ms (virtual): ${what} [seed ${this.seed}]`);
      }
      this.#step();
    }
  }
}

/** Conditions may be costly: they are looked at this often, virtual ms. */
const CHECK_EVERY_MS = 5;
