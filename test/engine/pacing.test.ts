// How slow ways are used, from declared and measured uplinks.
import { describe, expect, it } from 'vitest';
import { AGGREGATE_MS, paceOf, SLOW_KBPS_MAX, uplinkOf } from '../../app/engine/pacing.ts';

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

  it('keeps to what was measured, and to the less of that and the own line', () => {
    expect(paceOf(0, 0, 7_000)).toEqual({ bytesPerSecond: 7_000, aggregateMs: AGGREGATE_MS });
    expect(paceOf(8, 0, 7_000)).toEqual({ bytesPerSecond: 7_000, aggregateMs: AGGREGATE_MS });
    expect(paceOf(8, 0, 30_000)).toEqual({ bytesPerSecond: 8_000, aggregateMs: AGGREGATE_MS });
    expect(paceOf(2_000, 0, 30_000)).toEqual({ bytesPerSecond: 30_000, aggregateMs: AGGREGATE_MS });
  });
});

describe('the own uplink', () => {
  const way = (measured: number, sent = 1_000, theirs = 0) => ({ measured, sent, theirs });

  it('is what several full ways carried together', () => {
    expect(uplinkOf([way(5_000), way(3_200), way(0, 500)])).toBe(8);
  });

  it('is not known from one, which may be the other’s line, or from lines that say so themselves', () => {
    expect(uplinkOf([])).toBe(0);
    expect(uplinkOf([way(5_000)])).toBe(0);
    expect(uplinkOf([way(5_000), way(3_000, 1_000, 8)])).toBe(0);
  });

  it('is not slow when others carried more meanwhile', () => {
    expect(uplinkOf([way(5_000), way(3_000), way(0, 9_000)])).toBe(0);
  });
});
