// Rumours that somebody fell silent: each goes once, and to nobody who said it.
import { describe, expect, it } from 'vitest';
import { Doubts } from '../../app/mesh/paths/doubts.ts';
import { DOUBT_EVERY_MS } from '../../app/mesh/paths/limits.ts';

describe('doubts', () => {
  it('wait, go once, and not to who says the same meanwhile', () => {
    const doubts = new Doubts();
    expect(doubts.hear(0, 'a', 'x', 7, 200)).toBe(true);
    expect(doubts.hear(100, 'b', 'x', 7, 200)).toBe(false);
    expect([doubts.nextDeadline(), doubts.due(199)]).toEqual([200, []]);
    expect(doubts.due(200).map(({ origin, seq, told }) => [origin, seq, [...told].sort()])).toEqual([
      ['x', 7, ['a', 'b', 'x']],
    ]);
    expect(doubts.due(300)).toEqual([]);
  });

  it('about the same member are heard again after a while, and forgotten', () => {
    const doubts = new Doubts();
    doubts.hear(0, 'a', 'x', 7, 0);
    doubts.due(0);
    expect(doubts.hear(DOUBT_EVERY_MS - 1, 'a', 'x', 8, 0)).toBe(false);
    expect(doubts.hear(DOUBT_EVERY_MS, 'a', 'x', 8, 0)).toBe(true);
    doubts.due(DOUBT_EVERY_MS);
    doubts.due(2 * DOUBT_EVERY_MS);
    expect(doubts.nextDeadline()).toBe(Infinity);
  });
});
