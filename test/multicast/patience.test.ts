// An origin waits as long for its epochs as words about them really take.
import { describe, expect, it } from 'vitest';
import { SETTLE_MOST_MS, SETTLE_MS } from '../../app/mesh/multicast/limits.ts';
import { handDownMs, Patience } from '../../app/mesh/multicast/patience.ts';

describe('patience', () => {
  it('doubles with each round whose words come late, up to its limit, once for all words of one', () => {
    const patience = new Patience();
    const seen: number[] = [];
    for (let nowMono = 0; nowMono < 60_000; nowMono += 100) {
      patience.late(nowMono);
      if (seen.at(-1) !== patience.settleMs) seen.push(patience.settleMs);
    }
    expect(seen).toEqual([2 * SETTLE_MS, 4 * SETTLE_MS, SETTLE_MOST_MS]);
  });

  it('goes back where rounds stand soon, and not where they take most of their time', () => {
    const patience = new Patience();
    for (const nowMono of [0, 10_000, 20_000]) patience.late(nowMono);
    patience.stood(SETTLE_MOST_MS / 2);
    expect(patience.settleMs).toBe(SETTLE_MOST_MS);
    for (let round = 0; round < 5; round++) patience.stood(100);
    expect(patience.settleMs).toBe(SETTLE_MS);
  });
});

describe('what is handed down a line that is known', () => {
  const star = (children: number): Parameters<typeof handDownMs>[0] => {
    const parents = new Map(Array.from({ length: children }, (_, number) => [`child ${number}`, 'origin']));
    return [{ parents }];
  };

  it('is given the time that it takes, twice; nothing where the line is not known', () => {
    // 10 descriptions of 200 + 110 bytes, and 10 keys of 56.
    expect(handDownMs(star(10), 'origin', 10)).toBe((2 * (10 * 310 + 560)) / 10);
    expect(handDownMs([...star(10), ...star(10)], 'origin', 10)).toBe(2 * handDownMs(star(10), 'origin', 10));
    // Two of the trees bring the key.
    const many = Array.from({ length: 8 }, () => star(10)).flat();
    expect(handDownMs(many, 'origin', 100)).toBe(Math.round((2 * (8 * 10 * 310 + 2 * 560)) / 100));
    expect(handDownMs(star(10), 'origin', 0)).toBe(0);
  });

  it('is not waited for longer than anything else', () => {
    expect(handDownMs(star(1_000), 'origin', 16)).toBe(SETTLE_MOST_MS);
  });
});
