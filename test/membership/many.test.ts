import { describe, expect, it } from 'vitest';
import { Many } from '../../app/mesh/membership/many.ts';

const item = (n: number): { n: number } => ({ n });

describe('lists by a name', () => {
  it('keep what was added, in order', () => {
    const many = new Many<{ n: number }>();
    const [one, two, three, four] = [item(1), item(2), item(3), item(4)] as const;
    many.add('a', one);
    many.add('b', two);
    many.add('a', three);
    many.add('a', four);
    expect(many.get('a')).toEqual([one, three, four]);
    expect(many.get('b')).toEqual([two]);
    expect(['a', 'b', 'c'].map((name) => many.count(name))).toEqual([3, 1, 0]);
    expect(['a', 'b', 'c'].map((name) => many.has(name))).toEqual([true, true, false]);
    expect([...many.all()]).toEqual([one, three, four, two]);
  });

  it('have nothing under other names', () => {
    expect(new Many().get('a')).toEqual([]);
  });
});
