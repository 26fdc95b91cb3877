// Which ways are slow, from what members declare of their uplinks: there small packets travel together and flows take turns.
import type { Pace } from './ports.ts';

/** Who can send no more than this is slow, kB/s: 512 kbit/s, where a header costs more than a wait. */
export const SLOW_KBPS_MAX = 64;
/** What small packets wait for company. */
export const AGGREGATE_MS = 40;

/**
 * How to send to a member. `own` and `theirs`: declared uplinks, kB/s, 0: not known. The rate holds for the own line alone: whose
 * uplink is slow may still receive quickly, but will hardly mind fewer packets.
 */
export function paceOf(own: number, theirs: number): Pace {
  const slow = (kBps: number): boolean => kBps > 0 && kBps <= SLOW_KBPS_MAX;
  if (slow(own)) return { bytesPerSecond: own * 1_000, aggregateMs: AGGREGATE_MS };
  return slow(theirs) ? { aggregateMs: AGGREGATE_MS } : {};
}
