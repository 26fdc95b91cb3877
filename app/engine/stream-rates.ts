// How fast the host sends to the groups that have trees: from two looks at the data plane's counters.
import type { StreamStats } from './ports.ts';

/** Between two looks. */
const SAMPLE_EVERY_MS = 1_000;
/** A stream that nobody knew of is planned for without its rate: the first look comes soon. */
const FIRST_SAMPLE_MS = 300;

/** Looks that count: trees are planned for what a stream reaches again and again, not for its mean. */
const LOOKS_MAX = 8;
/** From so many looks on, the highest one is left out: the host was late once and caught up. */
const LOOKS_FIRM = 3;

interface Stream {
  bytes: number;
  atMono: number;
  /** Bytes/s at the latest looks. */
  looks: number[];
  /** The only look was a short one: it gives way to the next. */
  brief: boolean;
}

const rateOf = ({ looks }: Stream): number => {
  const falling = [...looks].sort((a, b) => b - a);
  return falling[looks.length >= LOOKS_FIRM ? 1 : 0] ?? 0;
};

export class StreamRates {
  readonly #streams = new Map<string, Stream>();
  #nextMono = Infinity;

  begin(nowMono: number, group: string): void {
    this.#streams.set(group, { bytes: 0, atMono: nowMono, looks: [], brief: false });
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
    const stream = this.#streams.get(group);
    return stream ? rateOf(stream) : 0;
  }

  nextDeadline(): number {
    return this.#nextMono;
  }

  /** True when a rate is known that was not before, or is known for the first time as it is. */
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
      const before = rateOf(stream);
      const looks = [...(stream.brief ? [] : stream.looks), rate].slice(-LOOKS_MAX);
      const next = { bytes, atMono: nowMono, looks, brief: before === 0 && rate > 0 };
      this.#streams.set(group, next);
      if (stream.brief || (before === 0 && rate > 0)) news = true;
    }
    return news;
  }
}
