// What changed between two strings of bytes, and between two statements of one author.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIFFERENCE_STEPS_MAX, applyDifference, difference } from '../../app/wire/messages/difference.ts';
import {
  applyPresenceDelta,
  decodePresenceDelta,
  encodePresenceDelta,
  type PresenceDelta,
} from '../../app/wire/messages/presence-delta.ts';
import { PRESENCE_BYTES_MAX, decodePresence, encodePresenceBody } from '../../app/wire/messages/presence.ts';

const MAX = 12_288;
const name = (n: number): string => n.toString(16).padStart(16, 'a');

function statement(seq: number, neighbours: string[], groups = 0): Uint8Array {
  const wishes = Array.from({ length: groups }, (_, n) => ({
    ...{ group: `239.1.${n >> 8}.${n & 255}`, mode: 'exclude' as const },
    sources: Array.from({ length: 10 }, (_, m) => `10.${n & 255}.${seq & 255}.${m}`),
  }));
  const body = encodePresenceBody({
    ...{ origin: name(7), seq, ttlMinutes: 60, off: false, features: 1, relayKBps: 0, uplinkKBps: 0 },
    ...{ place: [0, 0, 0, 0], boxKey: new Uint8Array(32).map((_, n) => n * 37), neighbours, relayed: [] },
    rtts: neighbours.map((_, n) => 10 * n),
    measured: Array.from({ length: 8 }, (_, n) => ({ short: name(n).slice(4, 12), ms: 10 + n })),
    endpoints: ['192.0.2.1:4000', '[2001:db8::1]:4000/udp'],
    groups: wishes,
  });
  return Uint8Array.from([...body, ...new Uint8Array(64).fill(seq & 255)]);
}

describe('a difference', () => {
  it('of random bytes, edited here and there, comes back', () => {
    // Few values, so that runs occur in many places.
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 600 }).map((list) => Uint8Array.from(list)),
    );
    const edits = fc.array(fc.tuple(fc.nat(600), fc.nat(20), fc.uint8Array({ maxLength: 20 })), { maxLength: 8 });
    fc.assert(
      fc.property(bytes, edits, (base, changes) => {
        const next = [...base];
        for (const [at, gone, put] of changes) next.splice(Math.min(at, next.length), gone, ...put);
        const steps = difference(base, Uint8Array.from(next));
        // Edits are few: a step for each, and some for runs found elsewhere.
        if (steps) expect(applyDifference(base, steps, MAX)).toEqual(Uint8Array.from(next));
        else expect(next.length).toBeGreaterThan(DIFFERENCE_STEPS_MAX);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is short where little changed, wherever it is', () => {
    const base = new Uint8Array(1_000).map((_, n) => (n * n * 31) >> 3);
    const replaced = Uint8Array.from(base);
    replaced.set([1, 2, 3], 500);
    expect(difference(base, replaced)?.length).toBeLessThanOrEqual(12);
    const grown = Uint8Array.from([...base.slice(0, 300), 9, 9, 9, 9, 9, 9, 9, 9, ...base.slice(300)]);
    expect(difference(base, grown)?.length).toBeLessThanOrEqual(18);
    const shrunk = Uint8Array.from([...base.slice(0, 300), ...base.slice(308)]);
    expect(difference(base, shrunk)?.length).toBeLessThanOrEqual(10);
    expect(difference(base, base)?.length).toBeLessThanOrEqual(4);
  });

  it('of the largest and the dullest is made at once', () => {
    const zeros = new Uint8Array(MAX);
    const steps = difference(zeros, new Uint8Array(MAX - 1)) as Uint8Array;
    expect(steps.length).toBeLessThan(6);
    expect(applyDifference(zeros, steps, MAX)).toEqual(new Uint8Array(MAX - 1));
    expect(difference(new Uint8Array(0), new Uint8Array(0))).toEqual(new Uint8Array(0));
    const all = difference(new Uint8Array(0), zeros) as Uint8Array;
    expect(applyDifference(new Uint8Array(0), all, MAX)).toEqual(zeros);
  });

  it('of too many steps is none', () => {
    const base = new Uint8Array(6 * (DIFFERENCE_STEPS_MAX + 2)).map((_, n) => (n * n * 31) >> 3);
    const next = base.map((byte, n) => (n % 6 === 0 ? byte ^ 0xff : byte));
    expect(difference(base, next)).toBeNull();
    const many = new Uint8Array(3 * (DIFFERENCE_STEPS_MAX + 1)).map((_, n) => (n % 3 === 2 ? 1 : 0));
    expect(applyDifference(base, many.slice(3), MAX)).toHaveLength(DIFFERENCE_STEPS_MAX);
    expect(applyDifference(base, many, MAX)).toBeNull();
  });

  it('that is malformed or makes too much is refused', () => {
    const base = new Uint8Array(100);
    expect(applyDifference(base, Uint8Array.of(0, 0, 100), 100)).toHaveLength(100);
    for (const [steps, most] of [
      [[0, 0, 100], 99],
      [[0, 0, 101], 200],
      [[0, 1, 5], 200],
      [[0, 2, 100], 200],
      [[0, 0, 0], 200],
      [[3, 1, 2], 200],
      [[3, 1, 2, 3], 2],
      [[0], 200],
      [[0, 0], 200],
      [[0x80, 0x80, 0x80, 0], 200],
    ] as const)
      expect(applyDifference(base, Uint8Array.from(steps), most), steps.join()).toBeNull();
  });
});

describe('what changed in a statement', () => {
  const base = statement(1_700_000_000_001, [name(1), name(2), name(4)]);
  const next = statement(1_700_000_004_002, [name(1), name(3), name(4), name(5)]);

  it('is much shorter than the whole, and gives just it', () => {
    const bytes = encodePresenceDelta(base, next) as Uint8Array;
    expect(bytes.length).toBeLessThan(0.6 * next.length);
    const delta = decodePresenceDelta(bytes) as PresenceDelta;
    expect(delta).toMatchObject({ origin: name(7), seq: 1_700_000_004_002, baseSeq: 1_700_000_000_001 });
    expect(applyPresenceDelta(base, delta)).toEqual(next);
    expect(applyPresenceDelta(next, delta)).not.toEqual(next);
  });

  it('is nothing where all changed', () => {
    expect(encodePresenceDelta(statement(1, [], 100), statement(2, [], 100))).toBeNull();
    expect(encodePresenceDelta(statement(1, []), statement(2, [1, 2, 3, 4, 5, 6, 7].map(name)))).not.toBeNull();
  });

  it('leads forward only', () => {
    const back = encodePresenceDelta(next, base) as Uint8Array;
    expect(decodePresenceDelta(back)).toBeNull();
    expect(decodePresenceDelta(encodePresenceDelta(base, base) as Uint8Array)).toBeNull();
  });

  it('never makes a larger statement than there may be', () => {
    const bytes = encodePresenceDelta(base, next) as Uint8Array;
    const delta = decodePresenceDelta(bytes) as PresenceDelta;
    const run = [0, 0, 100];
    const steps = Uint8Array.from(Array.from({ length: 124 }, (_, n) => (n === 0 ? run : [0, 0xc7, 1, 100])).flat());
    expect(applyPresenceDelta(base, { ...delta, steps: steps.slice(0, 3 + 4 * 120) })?.length).toBe(79 + 121 * 100);
    expect(79 + 122 * 100).toBeLessThan(PRESENCE_BYTES_MAX);
    expect(applyPresenceDelta(base, { ...delta, steps })).toBeNull();
  });

  it('that is junk never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        const delta = decodePresenceDelta(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 9, ...junk]));
        const bytes = delta && applyPresenceDelta(base, delta);
        if (bytes) decodePresence(bytes);
        expect((bytes?.length ?? 0) <= PRESENCE_BYTES_MAX).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
