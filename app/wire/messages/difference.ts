// What changed between two short strings of bytes: what is put in, and which runs of the earlier one go on. Layout: docs/gossip.md.
import { Reader, Writer } from './buffer.ts';

/** Steps of one difference: more say that little is alike. */
export const DIFFERENCE_STEPS_MAX = 256;
/** A run is worth its step, of 3 bytes, where it goes on at the place that a mere replacement would leave … */
const RUN_BYTES_LEAST = 4;
/** … and elsewhere, where it takes a byte more and may miss a better one. */
const MOVED_BYTES_LEAST = 6;
const WINDOW_BYTES = 4;
/** Places in the base that are looked at for one run, the last ones first. */
const CANDIDATES_MAX = 16;

interface Run {
  at: number;
  length: number;
}

/** Steps from `base` to `next`, both below 16 KiB; null: too many. Equal input gives equal output. */
export function difference(base: Uint8Array, next: Uint8Array): Uint8Array | null {
  const index = new Index(base);
  const writer = new Writer();
  let steps = 0;
  /** What comes from here on is to be put in. */
  let from = 0;
  /** Where the last run ended. */
  let end = 0;
  for (let at = 0; at + RUN_BYTES_LEAST <= next.length;) {
    const expected = end + at - from;
    const run = index.longest(next, at, expected);
    if (!run) {
      at++;
      continue;
    }
    const move = run.at - expected;
    writer.varint(at - from).bytes(next.subarray(from, at));
    writer.varint(move < 0 ? -2 * move - 1 : 2 * move).varint(run.length);
    steps++;
    at += run.length;
    from = at;
    end = run.at + run.length;
  }
  if (from < next.length) {
    writer.varint(next.length - from).bytes(next.subarray(from));
    steps++;
  }
  return steps > DIFFERENCE_STEPS_MAX ? null : writer.done();
}

/** What the steps make of `base`; null when they are malformed, or for more than `bytesMax`. */
export function applyDifference(base: Uint8Array, steps: Uint8Array, bytesMax: number): Uint8Array | null {
  const reader = new Reader(steps);
  const writer = new Writer();
  let end = 0;
  for (let step = 0; reader.left > 0; step++) {
    if (step === DIFFERENCE_STEPS_MAX) return null;
    const put = reader.varint();
    if (!reader.good || writer.length + put > bytesMax) return null;
    writer.bytes(reader.bytes(put));
    // Only the last step has no run.
    if (reader.left === 0 && put > 0) break;
    const move = reader.varint();
    const length = reader.varint();
    const at = end + put + (move & 1 ? -(move + 1) / 2 : move / 2);
    if (!reader.good || length === 0 || at < 0 || at + length > base.length) return null;
    if (writer.length + length > bytesMax) return null;
    writer.bytes(base.subarray(at, at + length));
    end = at + length;
  }
  return reader.good ? writer.done() : null;
}

/** Where each few bytes occur in the base. */
class Index {
  readonly #base: Uint8Array;
  /** The last place of each window, and the one before each place. */
  readonly #last = new Map<number, number>();
  readonly #before: Int32Array;

  constructor(base: Uint8Array) {
    this.#base = base;
    this.#before = new Int32Array(base.length);
    for (let at = 0; at + WINDOW_BYTES <= base.length; at++) {
      const window = windowAt(base, at);
      this.#before[at] = this.#last.get(window) ?? -1;
      this.#last.set(window, at);
    }
  }

  /** The longest run of the base that `next` goes on with; of equal ones that at `expected`, else the last. Null: none worth it. */
  longest(next: Uint8Array, at: number, expected: number): Run | null {
    const straight = this.#length(next, at, expected);
    let best: Run | null = straight >= RUN_BYTES_LEAST ? { at: expected, length: straight } : null;
    let place = this.#last.get(windowAt(next, at)) ?? -1;
    for (let left = CANDIDATES_MAX; place >= 0 && left > 0; left--) {
      const length = this.#length(next, at, place);
      if (length >= MOVED_BYTES_LEAST && length > (best?.length ?? 0)) best = { at: place, length };
      place = this.#before[place] as number;
    }
    return best;
  }

  #length(next: Uint8Array, at: number, place: number): number {
    const most = Math.min(next.length - at, this.#base.length - place);
    let length = 0;
    while (length < most && next[at + length] === this.#base[place + length]) length++;
    return length;
  }
}

const windowAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number);
