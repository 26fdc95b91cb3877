// Rates of streams from looks at counters: what a stream reaches again and again.
import { describe, expect, it } from 'vitest';
import { StreamRates } from '../../app/engine/stream-rates.ts';

const GROUP = '239.1.2.3';
const BEGAN = 1_000;

/** Looks whenever one is due; `sent`: bytes between two looks. Answers with the rate after each look, in bytes/s. */
function watch(sent: readonly number[]): { rates: number[]; news: boolean[] } {
  const rates = new StreamRates();
  rates.begin(BEGAN, GROUP);
  let bytes = 0;
  const seen: { rates: number[]; news: boolean[] } = { rates: [], news: [] };
  for (const more of sent) {
    bytes += more;
    seen.news.push(rates.tick(rates.nextDeadline(), () => [{ net: 1, group: GROUP, bytes }]));
    seen.rates.push(Math.round(rates.of(GROUP)));
  }
  return seen;
}

describe('rates of streams', () => {
  it('are known after a short look, which gives way to the first whole one', () => {
    const { rates, news } = watch([60_000, 100_000, 100_000]);
    expect(rates).toEqual([200_000, 100_000, 100_000]);
    expect(news).toEqual([true, true, false]);
  });

  it('are not moved by a host that was late once and caught up', () => {
    const { rates } = watch([30_000, 100_000, 100_000, 40_000, 160_000, 100_000]);
    expect(rates.slice(2)).toEqual([100_000, 100_000, 100_000, 100_000]);
  });

  it('follow a stream that grows, and one that shrinks once its peaks are long gone', () => {
    const { rates } = watch([30_000, 100_000, 100_000, 200_000, 200_000, ...Array.from({ length: 8 }, () => 50_000)]);
    expect(rates[4]).toBe(200_000);
    expect(rates.at(-1)).toBe(50_000);
  });

  it('survive a counter that began anew, and are forgotten with their stream', () => {
    const rates = new StreamRates();
    rates.begin(BEGAN, GROUP);
    rates.tick(rates.nextDeadline(), () => [{ net: 1, group: GROUP, bytes: 90_000 }]);
    rates.tick(rates.nextDeadline(), () => [{ net: 1, group: GROUP, bytes: 50_000 }]);
    expect(rates.of(GROUP)).toBe(50_000);
    rates.end(GROUP);
    expect([rates.of(GROUP), rates.nextDeadline()]).toEqual([0, Infinity]);
  });
});
