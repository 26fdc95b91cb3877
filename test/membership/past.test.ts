// The compact set of what came before, against a plain one.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Past, type Entry } from '../../app/mesh/membership/entry.ts';

const entryOf = (index: number, past: Past): Entry => ({ index, past }) as unknown as Entry;

it('holds what a plain set holds, for any shape of history', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 160 }), (shape) => {
      const entries: Entry[] = [];
      const plain: Set<number>[] = [];
      for (const [index, picks] of shape.entries()) {
        // Near parents mostly, as in real histories: else nothing is ever compact.
        const parents =
          index === 0 ? [] : picks.map((pick) => index - 1 - (pick % Math.min(index, pick % 3 === 0 ? index : 3)));
        const past = Past.of(parents.map((at) => entries[at] as Entry));
        entries.push(entryOf(index, past));
        plain.push(new Set(parents.flatMap((at) => [at, ...(plain[at] as Set<number>)])));
        for (const other of entries) expect(past.has(other)).toBe((plain[index] as Set<number>).has(other.index));
      }
    }),
    { numRuns: 150 },
  );
});

it('stays small where everybody has seen nearly everything', () => {
  const entries: Entry[] = [];
  for (let index = 0; index < 5_000; index++) entries.push(entryOf(index, Past.of(entries.slice(-3))));
  expect(Math.max(...entries.map(({ past }) => past.bytes))).toBeLessThanOrEqual(8);
});
