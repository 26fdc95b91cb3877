// Where members are to each other, fitted to all round trips that they tell of. Who sees them all places everybody better, and at once, than each
// member places itself; and nothing has to be told again for it.
import { shortOf, type Origin, type Presence } from '../../wire/messages/presence.ts';
import { isKnown, type Place } from './coordinates.ts';

/** Units of a place per millisecond. */
const UNITS_PER_MS = 10;
/** The statements change slowly: what was fitted stands this long, ms. */
const FIT_EVERY_MS = 5_000;
/** Rounds over all edges, the first time and later; both within so many steps, some 10 ms. */
const ROUNDS_FIRST = 200;
const ROUNDS_LATER = 30;
const STEPS_MAX = 1_000_000;
/** Share of an error that one step mends: it falls from the first to the second. */
const STEP_FIRST = 0.25;
const STEP_LAST = 0.04;
/** The least share of an error that a height takes, so that it can grow from nothing. */
const HEIGHT_SHARE = 0.15;
const HEIGHT_MIN = 1;
const HEIGHT_START = 50;
/** Where nothing is known, places begin within this of the middle. */
const SPREAD = 200;

export interface Told extends Pick<Presence, 'place' | 'neighbours' | 'rtts' | 'measured'> {
  origin: Origin;
}

interface Edges {
  from: number[];
  to: number[];
  /** In units of places. */
  rtt: number[];
}

export class Atlas {
  readonly #places = new Map<Origin, Float64Array>();
  #fittedMono = -Infinity;

  /** Undefined: nothing is known of it. */
  place(origin: Origin): Place | undefined {
    const place = this.#places.get(origin);
    return place && [place[0] as number, place[1] as number, place[2] as number, place[3] as number];
  }

  /** Takes in what members say now, unless it did a moment ago. `own`: round trips measured here, of direct sessions, in ms. */
  fit(nowMono: number, told: readonly Told[], self: Origin, own: ReadonlyMap<Origin, number>): void {
    if (nowMono < this.#fittedMono + FIT_EVERY_MS) return;
    const isFirst = this.#fittedMono === -Infinity;
    this.#fittedMono = nowMono;
    const numbers = new Map(told.map(({ origin }, number) => [origin, number]));
    const places = told.map((one) => this.#places.get(one.origin) ?? start(one));
    const edges = edgesOf(told, numbers, self, own);
    const rounds = Math.min(isFirst ? ROUNDS_FIRST : ROUNDS_LATER, Math.ceil(STEPS_MAX / (edges.rtt.length + 1)));
    for (let round = 0; round < rounds; round++) {
      const rest = isFirst ? 1 - round / rounds : 0;
      relax(places, edges, STEP_LAST + (STEP_FIRST - STEP_LAST) * rest);
    }
    this.#places.clear();
    const measured = new Set([...edges.from, ...edges.to]);
    for (const [number, { origin, place }] of told.entries())
      if (measured.has(number) || isKnown(place)) this.#places.set(origin, places[number] as Float64Array);
  }
}

/** Its own word where it has one, else somewhere: by its name, so that the same members always give the same fit. */
function start({ origin, place }: Told): Float64Array {
  if (isKnown(place)) return Float64Array.from(place);
  const part = (at: number): number => (parseInt(origin.slice(at, at + 4), 16) / 0xffff - 0.5) * 2 * SPREAD;
  return Float64Array.of(part(0), part(4), part(8), HEIGHT_START);
}

/** Each pair once: by the shorter of what both ends say, as delays of a call only add to it. */
function edgesOf(
  told: readonly Told[],
  numbers: ReadonlyMap<Origin, number>,
  self: Origin,
  own: ReadonlyMap<Origin, number>,
): Edges {
  const edges: Edges = { from: [], to: [], rtt: [] };
  const known = new Map<number, number>();
  const add = (a: number, b: number | undefined, ms: number): void => {
    if (b === undefined || a === b || !(ms > 0)) return;
    const name = Math.min(a, b) * told.length + Math.max(a, b);
    const at = known.get(name);
    if (at !== undefined) edges.rtt[at] = Math.min(edges.rtt[at] as number, ms * UNITS_PER_MS);
    else {
      known.set(name, edges.rtt.length);
      edges.from.push(a);
      edges.to.push(b);
      edges.rtt.push(ms * UNITS_PER_MS);
    }
  };
  const shorts = new Map([...numbers].map(([origin, number]) => [shortOf(origin), number]));
  for (const [number, { neighbours, rtts, measured }] of told.entries()) {
    for (const [place, other] of neighbours.entries()) add(number, numbers.get(other), rtts[place] ?? 0);
    for (const { short, ms } of measured) add(number, shorts.get(short), ms);
  }
  const here = numbers.get(self);
  if (here !== undefined) for (const [other, ms] of own) add(here, numbers.get(other), ms);
  return edges;
}

/** One round of springs: each edge moves its two ends towards what was measured. */
function relax(places: readonly Float64Array[], { from, to, rtt }: Edges, step: number): void {
  for (let edge = 0; edge < rtt.length; edge++) {
    const a = places[from[edge] as number] as Float64Array;
    const b = places[to[edge] as number] as Float64Array;
    const [ah, bh] = [a[3] as number, b[3] as number];
    let flat = 0;
    for (let axis = 0; axis < 3; axis++) flat += ((a[axis] as number) - (b[axis] as number)) ** 2;
    flat = Math.sqrt(flat);
    const expected = flat + ah + bh;
    const force = (step * ((rtt[edge] as number) - expected)) / 2;
    for (let axis = 0; flat > 0 && axis < 3; axis++) {
      const move = (force * ((a[axis] as number) - (b[axis] as number))) / expected;
      a[axis] = (a[axis] as number) + move;
      b[axis] = (b[axis] as number) - move;
    }
    a[3] = Math.max(HEIGHT_MIN, ah + force * Math.max(HEIGHT_SHARE, ah / expected));
    b[3] = Math.max(HEIGHT_MIN, bh + force * Math.max(HEIGHT_SHARE, bh / expected));
  }
}
