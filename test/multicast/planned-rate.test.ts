// A rate decides how many copies a known uplink bears, and nothing else.
import { describe, expect, it } from 'vitest';
import { PlannedRate } from '../../app/mesh/multicast/planned-rate.ts';

describe('the rate that plans are made for', () => {
  it('is worth a new plan where an uplink is known, and only when it is far off', () => {
    const rate = new PlannedRate();
    rate.isBound = true;
    expect([1_000, 1_050, 1_200, 1_150, 900, 0].map((now) => rate.take(now))).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(rate.bytesPerSecond).toBe(900);
  });

  it('is kept, but worth none where no uplink is known', () => {
    const rate = new PlannedRate();
    expect([1_000, 100_000, 10].map((now) => rate.take(now))).toEqual([false, false, false]);
    expect(rate.bytesPerSecond).toBe(10);
  });
});
