// Which ways are slow, from what members declare of their uplinks and from what was measured: there small packets travel together and flows
// take turns.
import type { Pace } from './ports.ts';

/** Who can send no more than this is slow, kB/s: 512 kbit/s, where a header costs more than a wait. */
export const SLOW_KBPS_MAX = 64;
/** What small packets wait for company. */
export const AGGREGATE_MS = 40;
/** Ways that are full at the same time show the own uplink rather than others' lines from so many on. */
export const FULL_WAYS_MIN = 2;
const BYTES_PER_KB = 1_000;

/**
 * How to send to a member. `own` and `theirs`: uplinks as declared or told, kB/s, 0: not known; `measured`: what the way to it carried when
 * it was full, bytes a second, 0: it was not. A declared rate holds for the own line alone: whose uplink is slow may still receive quickly,
 * but will hardly mind fewer packets.
 */
export function paceOf(own: number, theirs: number, measured = 0): Pace {
  const slow = (kBps: number): boolean => kBps > 0 && kBps <= SLOW_KBPS_MAX;
  const rates = [measured, slow(own) ? own * BYTES_PER_KB : 0].filter((rate) => rate > 0);
  if (rates.length > 0) return { bytesPerSecond: Math.min(...rates), aggregateMs: AGGREGATE_MS };
  return slow(theirs) ? { aggregateMs: AGGREGATE_MS } : {};
}

/** A way that frames take straight to a member. */
export interface Way {
  /** What it carried when it was full, bytes a second; 0: it was not. */
  measured: number;
  /** Its member's uplink, kB/s, 0: not known. */
  theirs: number;
  /** Sent there since the session began, bytes. */
  sent: number;
}

/**
 * The own uplink as measured, kB/s; 0: not known. One full way may be the other end's line: several that nothing else explains are the own
 * one, unless others carried more meanwhile.
 */
export function uplinkOf(ways: readonly Way[]): number {
  const full = ways.filter(({ measured, theirs }) => measured > 0 && !(theirs > 0 && theirs <= SLOW_KBPS_MAX));
  if (full.length < FULL_WAYS_MIN) return 0;
  const sum = (some: readonly Way[], pick: (way: Way) => number): number =>
    some.reduce((all, way) => all + pick(way), 0);
  const others = ways.filter((way) => !full.includes(way));
  if (sum(others, ({ sent }) => sent) > sum(full, ({ sent }) => sent)) return 0;
  return Math.max(1, Math.round(sum(full, ({ measured }) => measured) / BYTES_PER_KB));
}
