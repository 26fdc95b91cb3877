// What the own statement tells of round trips and of the own place. They change a little all the time: what was told stands for a while, so that
// the next statement differs only in what is new.
import { PRESENCE_MEASURED_MAX, shortOf, type Origin, type Presence } from '../../wire/messages/presence.ts';
import { PLACE_STEADY_MS, ROUND_TRIPS_STAND_MS, ROUND_TRIP_STEADY_MS, ROUND_TRIP_STEADY_SHARE } from './limits.ts';

/** Of members with whom there was a direct session lately, in ms, the newest last. */
export type RoundTrips = ReadonlyMap<Origin, number>;

type Measurements = Pick<Presence, 'rtts' | 'measured' | 'place'>;

/** Units of a place per millisecond. */
const PLACE_UNITS_PER_MS = 10;

const isSteady = (told: number, ms: number): boolean =>
  Math.abs(told - ms) <= Math.max(ROUND_TRIP_STEADY_MS, told * ROUND_TRIP_STEADY_SHARE);

/** A place of zeros alone is not known. */
const isSteadyPlace = (told: Presence['place'], place: Presence['place']): boolean =>
  told.some((part) => part !== 0) &&
  told.every((part, axis) => Math.abs(part - (place[axis] as number)) <= PLACE_STEADY_MS * PLACE_UNITS_PER_MS);

export class Measures {
  /** As told last: of neighbours, of others. */
  #rtts = new Map<Origin, number>();
  #others = new Map<Origin, number>();
  #place: Presence['place'] = [0, 0, 0, 0];
  #toldMono = -Infinity;

  /** `neighbours`: those that the statement names; of `relayed` ones it says nothing about where this member is. */
  tell(
    nowMono: number,
    neighbours: readonly Origin[],
    relayed: readonly Origin[],
    rtts: RoundTrips,
    place: Presence['place'],
  ): Measurements {
    if (nowMono - this.#toldMono >= ROUND_TRIPS_STAND_MS) {
      this.#toldMono = nowMono;
      this.#rtts.clear();
      this.#others.clear();
      this.#place = place;
    }
    if (!isSteadyPlace(this.#place, place)) this.#place = place;
    this.#rtts = new Map(
      neighbours.map((origin) => {
        const ms = relayed.includes(origin) ? 0 : (rtts.get(origin) ?? 0);
        return [origin, standing(this.#rtts.get(origin), ms)];
      }),
    );
    this.#others = this.#othersNow(rtts);
    const measured = [...this.#others].map(([origin, ms]) => ({ short: shortOf(origin), ms }));
    measured.sort((a, b) => (a.short < b.short ? -1 : 1));
    return { rtts: [...this.#rtts.values()], measured, place: this.#place };
  }

  /** Those told before go on; others, the newest first, take what room there is. */
  #othersNow(rtts: RoundTrips): Map<Origin, number> {
    const others = new Map<Origin, number>();
    for (const [origin, told] of this.#others)
      if (!this.#rtts.has(origin)) others.set(origin, standing(told, rtts.get(origin) ?? told));
    for (const [origin, ms] of [...rtts].reverse()) {
      if (others.size >= PRESENCE_MEASURED_MAX) break;
      if (!this.#rtts.has(origin) && !others.has(origin)) others.set(origin, ms);
    }
    return others;
  }
}

/** What is told of a round trip that takes `ms` now; 0: not known. */
const standing = (told: number | undefined, ms: number): number =>
  told !== undefined && told > 0 && ms > 0 && isSteady(told, ms) ? told : ms;
