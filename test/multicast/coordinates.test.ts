// Places from round trips: members spread over the world find where they are, and tell delays that nobody measured.
import { describe, expect, it } from 'vitest';
import { Coordinates, estimate, isKnown, type Place } from '../../app/mesh/coordinates/coordinates.ts';
import { Seeded } from './support/random.ts';

describe.each([1, 2, 3, 4, 6, 7])('seed %i', (seed) => {
  it('delays between any two are told within a fifth, from a few neighbours each', () => {
    const random = new Seeded(seed);
    const count = 60;
    const real = Array.from({ length: count }, () => [
      random.below(100),
      random.below(80),
      random.below(20),
      1 + random.below(8),
    ]);
    const rtt = (a: number, b: number): number => {
      const [p, q] = [real[a], real[b]] as [number[], number[]];
      return (
        Math.hypot(...[0, 1, 2].map((axis) => (p[axis] as number) - (q[axis] as number))) +
        (p[3] as number) +
        (q[3] as number)
      );
    };
    const all = real.map(() => new Coordinates(random));
    const neighbours = real.map(() => Array.from({ length: 8 }, () => random.below(count)));
    for (let round = 0; round < 150; round++)
      for (const [at, coordinates] of all.entries()) {
        const other = random.pick(neighbours[at] as number[]);
        const jitter = 1 + random.next() * 0.1;
        if (other !== at) coordinates.observe((all[other] as Coordinates).place, rtt(at, other) * jitter);
      }
    const errors: number[] = [];
    for (let a = 0; a < count; a++)
      for (let b = 0; b < a; b++) {
        const told = estimate((all[a] as Coordinates).place, (all[b] as Coordinates).place) as number;
        errors.push(Math.abs(told - rtt(a, b)) / rtt(a, b));
      }
    errors.sort((x, y) => x - y);
    expect(errors[Math.floor(errors.length / 2)], `seed ${seed}`).toBeLessThan(0.2);
    for (const { place } of all)
      expect(place.every((part) => Number.isInteger(part) && Math.abs(part) < 65_536)).toBe(true);
  });
});

describe('a place', () => {
  const far: Place = [500, 300, 0, 20];

  it('is not known without a sample, and settles for two alone', () => {
    const random = new Seeded(4);
    const [a, b] = [new Coordinates(random), new Coordinates(random)];
    expect(isKnown(a.place)).toBe(false);
    expect(estimate(a.place, far)).toBeNull();
    for (let turn = 0; turn < 60; turn++) {
      a.observe(b.place, 40);
      b.observe(a.place, 40);
    }
    expect(estimate(a.place, b.place)).toBeGreaterThan(34);
    expect(estimate(a.place, b.place)).toBeLessThan(46);
  });

  it('is not thrown away by one wild sample, and stays the same while little changes', () => {
    const coordinates = new Coordinates(new Seeded(5));
    for (let turn = 0; turn < 100; turn++) coordinates.observe(far, 80);
    const { place } = coordinates;
    coordinates.observe(far, 81);
    expect(coordinates.place).toBe(place);
    coordinates.observe(far, 2_900);
    expect(estimate(coordinates.place, far)).toBeLessThan(450);
    for (const wild of [0, -1, NaN, Infinity, 1e9]) coordinates.observe(far, wild);
    expect(coordinates.place.every(Number.isInteger)).toBe(true);
  });
});
