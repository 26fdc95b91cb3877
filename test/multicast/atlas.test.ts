// Places fitted to the round trips that members tell of: two that never met are placed about as far apart as they are.
import { describe, expect, it } from 'vitest';
import { Atlas, type Told } from '../../app/mesh/coordinates/atlas.ts';
import { estimate, type Place } from '../../app/mesh/coordinates/coordinates.ts';
import { shortOf } from '../../app/wire/messages/presence.ts';
import { Seeded } from './support/random.ts';

const NOWHERE: Place = [0, 0, 0, 0];
const NEIGHBOURS = 6;
const OTHERS = 10;

/** Members in some towns, each with its own access line; all round trips are known, few are told. */
function country(seed: number, count: number): { told: Told[]; rtt(a: number, b: number): number } {
  const random = new Seeded(seed);
  const towns = Array.from({ length: 8 }, () => [random.below(80), random.below(80)] as const);
  const members = Array.from({ length: count }, () => ({
    town: towns[random.below(8)] as readonly [number, number],
    line: 2 + random.below(18),
  }));
  const rtt = (a: number, b: number): number => {
    const [one, other] = [members[a], members[b]] as [(typeof members)[0], (typeof members)[0]];
    return one.line + other.line + Math.hypot(one.town[0] - other.town[0], one.town[1] - other.town[1]);
  };
  const names = members.map((_, n) => `${((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')}00000000`);
  const told = names.map((origin, n) => {
    const some = (many: number): number[] =>
      Array.from({ length: many }, () => random.below(count)).filter((other) => other !== n);
    const [neighbours, others] = [some(NEIGHBOURS / 2), some(OTHERS / 2)];
    return {
      origin,
      place: NOWHERE,
      neighbours: neighbours.map((other) => names[other] as string),
      rtts: neighbours.map((other) => rtt(n, other)),
      measured: others.map((other) => ({ short: shortOf(names[other] as string), ms: rtt(n, other) })),
    };
  });
  return { told, rtt };
}

function errors(atlas: Atlas, { told, rtt }: ReturnType<typeof country>): number[] {
  const found: number[] = [];
  for (let a = 0; a < told.length; a++)
    for (let b = 0; b < a; b++) {
      const [one, other] = [a, b].map((n) => atlas.place((told[n] as Told).origin));
      const ms = one && other && estimate(one, other);
      found.push(ms === null || ms === undefined ? 1 : Math.abs(ms - rtt(a, b)) / rtt(a, b));
    }
  return found.sort((a, b) => a - b);
}

describe.each([1, 2, 3, 4, 5, 6])('seed %i', (seed) => {
  it.each([64, 512])('%i members: half of all pairs within a tenth, nine of ten within a half', (count) => {
    const atlas = new Atlas();
    const world = country(seed, count);
    atlas.fit(0, world.told, (world.told[0] as Told).origin, new Map());
    const found = errors(atlas, world);
    expect(found[Math.floor(found.length / 2)], `seed ${seed}`).toBeLessThan(0.12);
    expect(found[Math.floor(found.length * 0.9)], `seed ${seed}`).toBeLessThan(0.6);
  });

  it('own round trips count, the shorter word of two does, and later fits begin where the last one ended', () => {
    const atlas = new Atlas();
    const world = country(seed, 64);
    const [first] = world.told as [Told];
    // One end waited for an answer that was lost.
    const late = world.told.map((one) => ({ ...one, rtts: one.rtts.map((ms) => (one === first ? 30 * ms : ms)) }));
    const own = new Map(world.told.map(({ origin }, n) => [origin, world.rtt(0, n)]));
    atlas.fit(0, late, first.origin, own);
    const before = atlas.place(first.origin) as Place;
    const wrong = world.told.filter(({ origin }, n) => {
      const ms = estimate(before, atlas.place(origin) as Place) as number;
      return n > 0 && Math.abs(ms - world.rtt(0, n)) > 0.25 * world.rtt(0, n) + 2;
    });
    expect(wrong.length, `seed ${seed}`).toBeLessThan(8);
    atlas.fit(60_000, late, first.origin, own);
    expect(estimate(before, atlas.place(first.origin) as Place) as number).toBeLessThan(2 * before[3] * 0.1 + 10);
  });
});

it('who tells nothing and of whom nothing is told is where it says itself, or nowhere', () => {
  const atlas = new Atlas();
  const silent = { neighbours: [], rtts: [], measured: [] };
  const told: Told[] = [
    { origin: '00000000000000aa', place: [5, 6, 7, 8], ...silent },
    { origin: '00000000000000bb', place: NOWHERE, ...silent },
  ];
  atlas.fit(0, told, '00000000000000bb', new Map());
  expect(atlas.place('00000000000000aa')).toEqual([5, 6, 7, 8]);
  expect(atlas.place('00000000000000bb')).toBeUndefined();
  expect(atlas.place('00000000000000cc')).toBeUndefined();
});
