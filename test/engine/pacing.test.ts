// How slow ways are used, from declared uplinks alone.
import { describe, expect, it } from 'vitest';
import { AGGREGATE_MS, paceOf, SLOW_KBPS_MAX } from '../../app/engine/pacing.ts';

describe('the pace towards a member', () => {
  it('is no matter where nothing is declared, or lines are quick', () => {
    for (const own of [0, SLOW_KBPS_MAX + 1]) expect(paceOf(own, 0)).toEqual({});
    expect(paceOf(0, 12_500)).toEqual({});
  });

  it('keeps to the own slow line', () => {
    expect(paceOf(8, 0)).toEqual({ bytesPerSecond: 8_000, aggregateMs: AGGREGATE_MS });
    expect(paceOf(SLOW_KBPS_MAX, 1)).toEqual({ bytesPerSecond: SLOW_KBPS_MAX * 1_000, aggregateMs: AGGREGATE_MS });
  });

  it('sends fewer packets to who has a slow line, at whatever rate', () => {
    expect(paceOf(0, 8)).toEqual({ aggregateMs: AGGREGATE_MS });
    expect(paceOf(2_000, 8)).toEqual({ aggregateMs: AGGREGATE_MS });
  });

  it('waits no longer than was promised', () => {
    expect(AGGREGATE_MS).toBeLessThanOrEqual(40);
  });
});
