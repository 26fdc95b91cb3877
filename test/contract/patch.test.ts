import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PATCH_OPERATIONS_MAX } from '../../app/contract/limits.ts';
import { apply, diff, equal, type Json } from '../../app/contract/protocol/index.ts';
import type { Member } from '../../app/contract/state.ts';
import { member, network, state } from './support/samples.ts';

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
/** Lists of things with ids, as members and networks are. */
const things = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    n: fc.nat(3),
    list: fc.array(fc.nat(3), { maxLength: 4 }),
  }),
  { selector: ({ id }) => id },
);
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

describe('patches', () => {
  it('turn any value into any other, over the wire', () => {
    const property = fc.property(json, json, (from, to) => {
      // A key __proto__ is never patched (see apply); the contract has none.
      fc.pre(!JSON.stringify([from, to]).includes('__proto__'));
      const patched = apply(from, plain(diff(from, to)) as never);
      expect(patched && equal(patched.value, to)).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('turn lists of things with ids into each other, without changing the old value', () => {
    const property = fc.property(things, things, (from, to) => {
      const before = JSON.stringify(from);
      expect(apply(from, diff(from, to))?.value).toEqual(to);
      expect(JSON.stringify(from)).toBe(before);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('are empty for equal values, and the same for the same change', () => {
    const value = state([network('home')]) as unknown as Json;
    expect(diff(value, plain(value))).toEqual([]);
    expect(diff({ a: 1, b: undefined }, { a: 1 })).toEqual([]);
    expect(diff({ b: 1, a: 1 }, { a: 2, b: 2 })).toEqual(diff({ a: 1, b: 1 }, { b: 2, a: 2 }));
  });

  it('are small for what happens often', () => {
    const [anna, ben, cleo, dan] = [member('anna'), member('ben'), member('cleo'), member('dan')];
    const at = (...members: Member[]): Json => state([network('home', { members })]) as unknown as Json;
    const from = at(anna, ben, cleo, dan);
    const path = ['networks', 0, 'members'];
    expect(diff(from, at(anna, { ...ben, rttMs: 9 }, cleo, dan))).toEqual([
      { op: 'set', path: [...path, 1, 'rttMs'], value: 9 },
    ]);
    expect(diff(from, at(anna, cleo, dan))).toEqual([{ op: 'delete', path: [...path, 1] }]);
    expect(diff(from, at(anna, ben, cleo, dan, member('eve')))).toHaveLength(1);
    expect(diff(from, at(anna, { ...ben, rttMs: undefined }, cleo, dan))).toEqual([
      { op: 'delete', path: [...path, 1, 'rttMs'] },
    ]);
  });

  it('keep the identity of what they do not name', () => {
    const from = { a: { x: 1 }, b: [{ id: '1' }, { id: '2', n: 1 }] };
    const to = apply(from, [{ op: 'set', path: ['b', 1, 'n'], value: 2 }])?.value as typeof from;
    expect(to.a).toBe(from.a);
    expect(to.b[0]).toBe(from.b[0]);
    expect(to.b[1]).toEqual({ id: '2', n: 2 });
    expect(from.b[1]).toEqual({ id: '2', n: 1 });
  });

  it('become one replacement when there would be too many operations', () => {
    const from = Object.fromEntries(Array.from({ length: PATCH_OPERATIONS_MAX + 1 }, (_, i) => [`k${i}`, 0]));
    const to = Object.fromEntries(Object.keys(from).map((key) => [key, 1]));
    expect(diff(from, to)).toEqual([{ op: 'set', path: [], value: to }]);
  });

  it.each([
    [{ op: 'set', path: ['missing', 'x'], value: 1 }],
    [{ op: 'set', path: ['list', 5], value: 1 }],
    [{ op: 'set', path: ['list', 'x'], value: 1 }],
    [{ op: 'delete', path: ['list', 2] }],
    [{ op: 'set', path: ['n', 'x'], value: 1 }],
    [{ op: 'set', path: ['__proto__', 'polluted'], value: 1 }],
    [{ op: 'set', path: ['constructor', 'prototype', 'polluted'], value: 1 }],
  ] as const)('refuse what does not fit: %j', (op) => {
    expect(apply({ list: [1, 2], n: 1 }, [op as never])).toBeNull();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
