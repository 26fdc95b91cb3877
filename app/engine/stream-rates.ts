// How fast the host sends to the groups that have trees: from two looks at the data plane's counters.
import type { StreamStats } from './ports.ts';

/** Between two looks. */
const SAMPLE_EVERY_MS = 1_000;
/** A stream that nobody knew of is planned for without its rate: the first look comes soon. */
const FIRST_SAMPLE_MS = 300;

interface Stream {
  bytes: number;
  atMono: number;
  /** Bytes/s; 0: not known yet. */
  rate: number;
}

export class StreamRates {
  readonly #streams = new Map<string, Stream>();
  #nextMono = Infinity;

  begin(nowMono: number, group: string): void {
    this.#streams.set(group, { bytes: 0, atMono: nowMono, rate: 0 });
    this.#nextMono = Math.min(this.#nextMono, nowMono + FIRST_SAMPLE_MS);
  }

  end(group: string): void {
    this.#streams.delete(group);
    if (this.#streams.size === 0) this.#nextMono = Infinity;
  }

  clear(): void {
    this.#streams.clear();
    this.#nextMono = Infinity;
  }

  /** Bytes/s; 0: not known. */
  of(group: string): number {
    return this.#streams.get(group)?.rate ?? 0;
  }

  nextDeadline(): number {
    return this.#nextMono;
  }

  /** True when a rate is known that was not before. */
  tick(nowMono: number, look: () => readonly StreamStats[]): boolean {
    if (nowMono < this.#nextMono) return false;
    let news = false;
    this.#nextMono = nowMono + SAMPLE_EVERY_MS;
    for (const { group, bytes } of look()) {
      const stream = this.#streams.get(group);
      if (!stream || nowMono <= stream.atMono) continue;
      // A counter that shrank began anew.
      const grown = bytes >= stream.bytes ? bytes - stream.bytes : bytes;
      const rate = (grown * 1_000) / (nowMono - stream.atMono);
      if (stream.rate === 0 && rate > 0) news = true;
      this.#streams.set(group, { bytes, atMono: nowMono, rate });
    }
    return news;
  }
}
