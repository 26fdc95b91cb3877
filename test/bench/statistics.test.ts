import { describe, expect, it } from 'vitest';
import { busyOf, highest, median, pingTimes, quantile, ranBetween, ranOf, trafficOf } from './statistics.ts';

describe('quantiles', () => {
  it('are values that were seen', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(quantile([...Array(100).keys()], 0.99)).toBe(99);
    expect(quantile([5], 0.99)).toBe(5);
    expect(median([])).toBeNaN();
  });
});

describe('the search for the highest rate', () => {
  it('comes close from below and never counts what was not good enough', async () => {
    const limit = 123_456;
    const tried: number[] = [];
    const best = await highest(1000, 2_000_000, 9, async (rate) => {
      tried.push(rate);
      return rate <= limit ? { reached: rate, more: true } : { reached: null, more: false };
    });
    expect(best).toBeLessThanOrEqual(limit);
    expect(best).toBeGreaterThan(limit * 0.95);
    expect(tried).toHaveLength(9);
  });
  it('says 0 when nothing gets through', async () => {
    expect(await highest(1, 100, 4, async () => ({ reached: null, more: false }))).toBe(0);
  });
});

describe('the time that threads ran', () => {
  const before = new Map([
    ['1/1', 1_000_000],
    ['1/2', 5_000_000],
  ]);
  it('is fine enough for a short look, and counts threads that began meanwhile', () => {
    const after = new Map([
      ['1/1', 1_250_000],
      ['1/2', 5_000_000],
      ['1/3', 750_000],
    ]);
    expect(ranBetween(before, after)).toBeCloseTo(0.001, 9);
  });
  it('does not count those that ended against the others', () => {
    expect(ranBetween(before, new Map([['1/1', 3_000_000]]))).toBeCloseTo(0.002, 9);
  });
});

describe('what programs and the kernel print', () => {
  it('ping', () => {
    const line = (ms: string) => `64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=${ms} ms\n`;
    expect(pingTimes(`PING\n${line('0.161')}${line('12')}\n2 packets transmitted, time 10ms`)).toEqual([0.161, 12]);
  });
  it('a thread', () => {
    expect(ranOf('128811207 220571127 215\n')).toBe(128_811_207);
  });
  it('the machine', () => {
    expect(busyOf('cpu  100 10 200 9999 50 5 35 7 0 0\ncpu0 1 1 1 1', 100)).toBe(3.5);
  });
  it('a device', () => {
    const text = 'Inter-| Receive\n  lo: 1 1 0 0 0 0 0 0 1 1\n  eth0:5000 40 0 0 0 0 0 0 7000 60 0 0 0 0 0 0\n';
    expect(trafficOf(text, 'eth0')).toEqual({ rxBytes: 5000, rxPackets: 40, txBytes: 7000 });
  });
});
