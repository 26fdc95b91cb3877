// Work that costs as much as there are members is not done for each change.
import { describe, expect, it } from 'vitest';
import { MEMBERS_TAKEN, Paced } from '../../app/engine/paced.ts';

describe('paced', () => {
  const times = (members: number, everyMs: number, forMs: number): number[] => {
    const paced = new Paced(MEMBERS_TAKEN);
    const done: number[] = [];
    for (let nowMono = 0; nowMono < forMs; nowMono++) {
      if (nowMono % everyMs === 0) paced.soon(nowMono, members);
      if (paced.take(nowMono)) done.push(nowMono);
    }
    return done;
  };

  it('a change after a rest takes effect at once, however many members there are', () => {
    expect(times(16_000, 20_000, 60_000)).toEqual([10, 20_010, 40_010]);
  });

  it('changes all the time take effect together, the more so the more members there are', () => {
    expect(times(64, 120, 1_200)).toHaveLength(10);
    expect(times(10_000, 120, 20_000)).toHaveLength(10);
  });

  it('what cannot wait does not', () => {
    const paced = new Paced(MEMBERS_TAKEN);
    paced.done(0);
    paced.soon(5, 10_000);
    expect(paced.dueMono).toBe(2_000);
    paced.by(15);
    expect(paced.take(15)).toBe(true);
    expect(paced.take(10_000)).toBe(false);
  });
});
