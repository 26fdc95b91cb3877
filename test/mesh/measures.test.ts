// What the own statement tells of round trips and of its place: a little more or less is no reason to say something else.
import { describe, expect, it } from 'vitest';
import { ROUND_TRIPS_STAND_MS } from '../../app/mesh/paths/limits.ts';
import { Measures } from '../../app/mesh/paths/measures.ts';
import { PRESENCE_MEASURED_MAX, shortOf } from '../../app/wire/messages/presence.ts';

const name = (n: number): string => n.toString(16).padStart(8, '0').repeat(2);
const rtts = (list: readonly (readonly [number, number])[]): Map<string, number> =>
  new Map(list.map(([n, ms]) => [name(n), ms]));
const measured = (list: readonly (readonly [number, number])[]): { short: string; ms: number }[] =>
  list.map(([n, ms]) => ({ short: shortOf(name(n)), ms }));

describe('what is told of round trips', () => {
  it('stands while they change by little, and is told anew after a while', () => {
    const measures = new Measures();
    const tell = (mono: number, ...ms: number[]): unknown => {
      const all = rtts(ms.map((one, n) => [n, one]));
      const { rtts: told, measured } = measures.tell(mono, [name(0), name(1)], [], all, [1, 2, 3, 4]);
      return [...told, ...measured.map((one) => one.ms)];
    };
    expect(tell(0, 10, 50, 30, 0.2)).toEqual([10, 50, 30, 0.2]);
    expect(tell(1_000, 11.9, 41, 35.5, 1.1)).toEqual([10, 50, 30, 0.2]);
    expect(tell(2_000, 12.5, 39, 36.5, 1.3)).toEqual([12.5, 39, 36.5, 1.3]);
    expect(tell(3_000, 10.5, 40, 36, 1)).toEqual([12.5, 39, 36.5, 1.3]);
    expect(tell(ROUND_TRIPS_STAND_MS - 1, 10.5, 40, 36, 1)).toEqual([12.5, 39, 36.5, 1.3]);
    expect(tell(ROUND_TRIPS_STAND_MS, 10.5, 40, 36, 1)).toEqual([10.5, 40, 36, 1]);
  });

  it('of a new neighbour is what was measured; through others it is nothing', () => {
    const measures = new Measures();
    measures.tell(
      0,
      [name(0)],
      [],
      rtts([
        [0, 10],
        [1, 20],
      ]),
      [0, 0, 0, 0],
    );
    const all = rtts([
      [0, 10],
      [1, 22],
      [2, 33],
    ]);
    const told = measures.tell(1_000, [name(0), name(1), name(2)], [name(2)], all, [0, 0, 0, 0]);
    expect(told.rtts).toEqual([10, 22, 0]);
    expect(told.measured).toEqual([]);
  });

  it('of others goes on as it was, and takes new ones where there is room', () => {
    const measures = new Measures();
    const tell = (mono: number, neighbours: number[], list: [number, number][]): unknown =>
      measures.tell(mono, neighbours.map(name), [], rtts(list), [0, 0, 0, 0]).measured;
    const many = Array.from({ length: PRESENCE_MEASURED_MAX }, (_, n): [number, number] => [n + 20, n + 20]);
    expect(tell(0, [1], [[1, 5], ...many])).toEqual(measured(many));
    // The newest is last, and has to wait …
    expect(tell(1_000, [1], [[1, 5], ...many, [10, 10]])).toEqual(measured(many));
    // … until one of them is a neighbour …
    const left = many.slice(1);
    expect(tell(2_000, [1, 20], [[1, 5], ...many, [10, 10]])).toEqual(measured([[10, 10], ...left]));
    // … or all are told anew.
    expect(tell(ROUND_TRIPS_STAND_MS, [1], [[1, 5], ...many, [10, 10], [11, 11]])).toEqual(
      measured([[10, 10], [11, 11], ...many.slice(2)]),
    );
  });
});

describe('what is told of the own place', () => {
  it('stands while it moves by little', () => {
    const measures = new Measures();
    const tell = (mono: number, x: number): number => measures.tell(mono, [], [], new Map(), [x, 7, 0, 9]).place[0];
    expect(measures.tell(0, [], [], new Map(), [0, 0, 0, 0]).place).toEqual([0, 0, 0, 0]);
    expect(tell(1_000, 20)).toBe(20);
    expect(tell(2_000, 70)).toBe(20);
    expect(tell(3_000, 71)).toBe(71);
    expect(tell(4_000, 60)).toBe(71);
    expect(tell(ROUND_TRIPS_STAND_MS, 60)).toBe(60);
  });
});
