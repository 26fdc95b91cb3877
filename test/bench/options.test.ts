import { describe, expect, it } from 'vitest';
import { chosen, parseOptions, rotated } from './options.ts';
import { scenes } from './scenes.ts';

describe('options', () => {
  it('have defaults, and a quick set', () => {
    expect(parseOptions([])).toMatchObject({
      rounds: 3,
      quick: false,
      peers: [],
      effort: { seconds: 4, idleSeconds: 60 },
    });
    expect(parseOptions(['--quick', '--seconds', '2'])).toMatchObject({ rounds: 1, effort: { seconds: 2 } });
    expect([parseOptions([]).ready, parseOptions(['--ready']).ready]).toEqual([false, true]);
    expect(parseOptions(['--peers', 'Weft,tinc']).peers).toEqual(['weft', 'tinc']);
  });
  it('refuse nonsense', () => {
    expect(() => parseOptions(['--rounds', 'x'])).toThrow();
    expect(() => parseOptions(['--what'])).toThrow();
    expect(() => chosen(scenes, parseOptions(['--only', 'nothing']))).toThrow(/nothing/);
  });
});

describe('peers', () => {
  it('take turns at being first', () => {
    const orders = [1, 2, 3, 4].map((round) => rotated(['a', 'b', 'c'], round).join(''));
    expect(orders).toEqual(['abc', 'bca', 'cab', 'abc']);
    expect(rotated([], 1)).toEqual([]);
  });
});

describe('the scenes chosen', () => {
  const shape = (...args: string[]) =>
    chosen(scenes, parseOptions(args)).map(({ name, measures }) => [name, measures.length]);
  it('are all, the short ones, or those with a measure that is named', () => {
    expect(shape()).toHaveLength(scenes.length);
    const quick = chosen(scenes, parseOptions(['--quick']));
    expect(quick.map(({ name }) => name)).toEqual(['pair', 'startup']);
    // wireguard-go carries none.
    expect(quick.flatMap(({ measures }) => measures).some(({ multicast }) => multicast)).toBe(false);
    expect(shape('--only', 'tcp')).toEqual([
      ['pair', 1],
      ['plain', 1],
    ]);
    expect(shape('--only', 'idle,multicast-cpu')).toEqual([
      ['eight', 1],
      ['idle', 1],
      ['members-2', 1],
      ['members-8', 1],
      ['members-24', 1],
      ['members-64', 1],
    ]);
  });
});
