// Vivaldi with height: the own place, pulled and pushed by each measured round trip to a member with a known place.
import type { Presence } from '../../wire/messages/presence.ts';

/** x, y, z, height in 0.1 ms, as in statements of presence; all zero: not known. */
export type Place = Presence['place'];

/** Units of a place per millisecond. */
const UNITS_PER_MS = 10;
/** How far a sample may move the own place, and how quickly trust follows the samples. */
const STEP = 0.25;
const TRUST_STEP = 0.25;
/** Others do not say how sure they are of their place. */
const OTHERS_ERROR = 0.25;
const ERROR_MIN = 0.02;
const ERROR_MAX = 1.5;
/** 0.1 ms: two members on one machine. */
const HEIGHT_MIN = 1;
/** Half a minute of satellite, queues and all. Longer round trips say nothing about places. */
const RTT_MAX = 3_000 * UNITS_PER_MS;
/** The place in statements moves when the own one is farther from it than this, or a twentieth of the delays measured. */
const SHOWN_STEP = 2 * UNITS_PER_MS;
const SHOWN_SHARE = 0.05;
/** Pulls all places towards the middle, so that the whole does not drift. */
const GRAVITY = 25_600;
const AXIS_MAX = 32_767;
const HEIGHT_MAX = 65_535;

export const isKnown = (place: Place): boolean => place.some((part) => part !== 0);

/** Round trip between two places in ms; null when one is not known. */
export function estimate(a: Place, b: Place): number | null {
  return isKnown(a) && isKnown(b) ? distance(a, b) / UNITS_PER_MS : null;
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(at(a, 0) - at(b, 0), at(a, 1) - at(b, 1), at(a, 2) - at(b, 2)) + at(a, 3) + at(b, 3);

const at = (place: readonly number[], axis: number): number => place[axis] as number;
const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

export class Coordinates {
  #place: [number, number, number, number] = [0, 0, 0, HEIGHT_MIN];
  #error = 1;
  #samples = 0;
  /** Of the delays measured, in units. */
  #meanRtt = 0;
  #shown: Place = [0, 0, 0, 0];
  readonly #random: { bytes(length: number): Uint8Array };

  constructor(random: { bytes(length: number): Uint8Array }) {
    this.#random = random;
  }

  /** 0: sure, 1: no idea. */
  get error(): number {
    return this.#error;
  }

  /** A round trip to a member whose statement names its place. A first member has none yet: then the own one starts in the middle. */
  observe(place: Place, rttMs: number): void {
    const rtt = rttMs * UNITS_PER_MS;
    if (!(rtt > 0) || rtt > RTT_MAX) return;
    this.#samples++;
    this.#meanRtt += (rtt - this.#meanRtt) / Math.min(this.#samples, 32);
    if (isKnown(place)) this.#move(place, rtt);
    else this.#place[3] = Math.max(HEIGHT_MIN, Math.min(this.#place[3], rtt / 2));
    this.#show();
  }

  #move(place: Place, rtt: number): void {
    const expected = distance(this.#place, place);
    const sureness = this.#error / (this.#error + OTHERS_ERROR);
    const relative = Math.min(1, Math.abs(expected - rtt) / Math.max(rtt, UNITS_PER_MS));
    const share = TRUST_STEP * sureness;
    this.#error = clamp(relative * share + this.#error * (1 - share), ERROR_MIN, ERROR_MAX);
    const force = STEP * sureness * (rtt - expected);
    const away = this.#direction(place, expected);
    for (let axis = 0; axis < 3; axis++) {
      const drift = at(this.#place, axis);
      const pull = Math.sign(drift) * (drift / GRAVITY) ** 2;
      this.#place[axis] = clamp(drift + force * at(away, axis) - pull, -AXIS_MAX, AXIS_MAX);
    }
    this.#place[3] = clamp(this.#place[3] + force * at(away, 3), HEIGHT_MIN, HEIGHT_MAX);
  }

  /** Of length 1 in the space with height, away from `place`. Where both are at one spot, chance decides. */
  #direction(place: Place, expected: number): number[] {
    const flat = [0, 1, 2].map((axis) => at(this.#place, axis) - at(place, axis));
    const length = Math.hypot(...flat);
    const height = this.#place[3] + place[3];
    if (length > 0.01) return [...flat.map((part) => part / expected), height / expected];
    const drawn = [...this.#random.bytes(3)].map((byte) => byte - 127.5);
    const whole = Math.hypot(...drawn);
    return [...drawn.map((part) => part / whole), 1];
  }

  #show(): void {
    const now = this.#rounded();
    const moved = isKnown(this.#shown)
      ? distance([...this.#place.slice(0, 3), 0], [...this.#shown.slice(0, 3), 0])
      : Infinity;
    const lifted = Math.abs(this.#place[3] - this.#shown[3]);
    if (moved + lifted > Math.max(SHOWN_STEP, SHOWN_SHARE * this.#meanRtt)) this.#shown = now;
  }

  #rounded(): Place {
    const [x, y, z, height] = this.#place.map(Math.round) as [number, number, number, number];
    return [x, y, z, Math.max(HEIGHT_MIN, height)];
  }

  /** For the own statement: steady while little changes. */
  get place(): Place {
    return this.#shown;
  }
}
