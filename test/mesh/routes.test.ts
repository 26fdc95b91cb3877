// Ways through others, from what members say of themselves: who may pass on, in which order, and next hops.
import { describe, expect, it } from 'vitest';
import { Graph, TOGETHER_MS } from '../../app/mesh/routing/graph.ts';
import { RELAYS_PER_DESTINATION, ROUTE_HOPS_MAX, Routes } from '../../app/mesh/routing/routes.ts';
import { FEATURE_METERED, FEATURE_RELAYS, type Presence } from '../../app/wire/messages/presence.ts';

interface Said {
  links?: string[];
  relayed?: string[];
  features?: number;
  relayKBps?: number;
  off?: boolean;
  bornMono?: number;
}

const name = (letter: string): string => letter.repeat(16);

/** A network seen by `me`: what each member says, and with whom `me` has direct sessions. */
function routes(directs: string, members: Record<string, Said>): Routes {
  const presences = new Map<string, Presence>();
  const graph = new Graph();
  for (const { links = [] } of Object.values(members)) for (const letter of links) graph.add(name(letter));
  for (const letter of [...directs, ...Object.keys(members), '0']) graph.add(name(letter));
  for (const [letter, said] of Object.entries(members)) {
    const statement: Partial<Presence> = {
      origin: name(letter),
      off: said.off ?? false,
      features: said.features ?? FEATURE_RELAYS,
      relayKBps: said.relayKBps ?? 0,
      neighbours: (said.links ?? []).map(name),
      relayed: (said.relayed ?? []).map(name),
    };
    presences.set(name(letter), statement as Presence);
    graph.say(statement as Presence, said.bornMono ?? 0);
  }
  return new Routes({
    self: name('0'),
    graph,
    presence: (origin) => presences.get(origin),
    directs: () => [...directs].map(name),
  });
}

const vias = (known: Routes, letter: string): string =>
  known
    .relays(name(letter))
    .map(({ origin }) => origin[0])
    .join('');
const hops = (known: Routes, letter: string): number[] => known.relays(name(letter)).map((relay) => relay.hops);

describe('relays of a destination', () => {
  it('are those with a session here that claim one there, or of whom it is claimed', () => {
    const known = routes('ab', { a: { links: ['d'] }, b: {}, c: { links: ['d'] }, d: { links: ['b'] } });
    expect(vias(known, 'd')).toBe('ab');
    expect(hops(known, 'd')).toEqual([2, 2]);
  });

  it('consent, and have the network on', () => {
    const known = routes('abc', {
      a: { links: ['d'], features: 0 },
      b: { links: ['d'], off: true },
      c: { links: ['d'] },
    });
    expect(vias(known, 'd')).toBe('c');
    expect(routes('a', { a: { links: ['d'], features: 0 } }).has(name('d'))).toBe(false);
    expect(routes('a', {}).has(name('d'))).toBe(false);
  });

  it('do not reach it through others themselves', () => {
    const known = routes('ab', {
      a: { links: ['d'], relayed: ['d'] },
      b: { links: ['d'] },
      d: { links: ['a'], relayed: ['a'] },
    });
    expect(vias(known, 'd')).toBe('b');
  });

  it('are ranked by what they declare', () => {
    const known = routes('acd', {
      a: { links: ['e'], relayKBps: 100 },
      c: { links: ['e'], relayKBps: 2_500 },
      d: { links: ['e'] },
    });
    expect(vias(known, 'e')).toBe('dca');
    expect(known.relays(name('e')).map(({ weight }) => weight)).toEqual([12_500, 2_500, 100]);
  });

  it('pay by the byte only where nobody else is as near', () => {
    const metered = FEATURE_RELAYS | FEATURE_METERED;
    const poor = { links: ['e'], relayKBps: 1 };
    expect(vias(routes('ab', { a: poor, b: { links: ['e'], features: metered } }), 'e')).toBe('a');
    expect(vias(routes('ab', { a: { features: metered }, b: { links: ['e'], features: metered } }), 'e')).toBe('b');
    // The other one is a hop further away.
    const chain = { a: { links: ['c'] }, b: { links: ['e'], features: metered }, c: { links: ['e'] } };
    expect(vias(routes('ab', chain), 'e')).toBe('b');
    // Nobody says a way.
    expect(vias(routes('ab', { a: {}, b: { features: metered } }), 'e')).toBe('a');
  });

  it('are few', () => {
    const said = Object.fromEntries([...'123456'].map((letter) => [letter, { links: ['d'] }]));
    expect(vias(routes('123456', said), 'd')).toHaveLength(RELAYS_PER_DESTINATION);
  });

  it('lead over several hops where nothing is nearer', () => {
    const chain = { a: { links: ['b'] }, b: { links: ['c'] }, c: { links: ['d'] } };
    expect(vias(routes('a', chain), 'd')).toBe('a');
    expect(hops(routes('a', chain), 'd')).toEqual([ROUTE_HOPS_MAX]);
    expect(hops(routes('ab', chain), 'd')).toEqual([3]);
    expect(vias(routes('ab', chain), 'd')).toBe('b');
    expect(vias(routes('abc', chain), 'd')).toBe('c');
  });

  it('are whoever has a session when nobody says a way', () => {
    const known = routes('ab', { a: {}, b: { features: 0 } });
    expect(vias(known, 'd')).toBe('a');
    expect(hops(known, 'd')).toEqual([ROUTE_HOPS_MAX]);
    expect(known.relays(name('d'))[0]?.isGuess).toBe(true);
    expect(routes('a', { a: { links: ['d'] } }).relays(name('d'))[0]?.isGuess).toBe(false);
  });

  it('are never the destination itself', () => {
    expect(routes('d', { d: { links: ['0'] } }).has(name('d'))).toBe(false);
  });

  it('are remembered until something changes', () => {
    const members: Record<string, Said> = { a: { links: ['d'] } };
    const known = routes('a', members);
    const first = known.relays(name('d'));
    expect(known.relays(name('d'))).toBe(first);
    known.forget();
    expect(known.relays(name('d'))).not.toBe(first);
  });
});

describe('next hops for others’ frames', () => {
  const next = (known: Routes, max = 100): Record<string, string> =>
    Object.fromEntries([...known.nextHops(max)].map(([to, by]) => [to[0], by[0]]));

  it('lead to all that neighbours claim, over members that consent', () => {
    const known = routes('ab', {
      a: { links: ['c'] },
      b: { links: ['d'], features: 0 },
      c: { links: ['e'] },
      d: {},
      e: { links: ['f'] },
      f: {},
    });
    // What is three hops away counts; one more would outlive the hop limit.
    expect(next(known)).toEqual({ c: 'a', e: 'a' });
  });

  it('are none for members with a session, oneself, or links that go through others', () => {
    const known = routes('ab', { a: { links: ['b', '0', 'c'], relayed: ['c'] }, b: {}, c: {} });
    expect(next(known)).toEqual({});
  });

  it('believe either end', () => {
    expect(next(routes('a', { a: {}, c: { links: ['a'] } }))).toEqual({ c: 'a' });
  });

  it('believe neither end against what the other said later: who is gone has claimed them all, and they would ask each other', () => {
    const gone = { links: ['a', 'b'] };
    const later = { bornMono: TOGETHER_MS + 1 };
    expect(next(routes('ab', { a: later, b: later, c: gone }))).toEqual({});
    expect(next(routes('ab', { a: { bornMono: TOGETHER_MS }, b: later, c: gone }))).toEqual({ c: 'a' });
    // Whoever comes back speaks last.
    expect(next(routes('ab', { a: later, b: later, c: { ...gone, bornMono: 2 * TOGETHER_MS } }))).toEqual({ c: 'a' });
    // As a way there, too: one that nobody claims is asked for of anybody, with the least hope.
    expect(hops(routes('ab', { a: later, b: later, c: gone }), 'c')).toEqual([ROUTE_HOPS_MAX, ROUTE_HOPS_MAX]);
    expect(hops(routes('ab', { a: later, b: { links: ['c'] }, c: gone }), 'c')).toEqual([2]);
  });

  it('are at most as many as asked for', () => {
    const known = routes('a', { a: { links: ['1', '2', '3', '4'] } });
    expect(Object.keys(next(known, 2))).toHaveLength(2);
  });
});

describe('the graph', () => {
  const statement = (letter: string, links: string, relayed = ''): Presence =>
    ({
      ...{ origin: name(letter), off: false, features: FEATURE_RELAYS },
      ...{ neighbours: [...links].map(name), relayed: [...relayed].map(name) },
    }) as Presence;
  const around = (graph: Graph, letter: string): string => {
    const found: string[] = [];
    graph.around(graph.number(name(letter)), (other) => found.push(graph.name(other)[0] as string));
    return found.join('');
  };

  it('gives a number that became free to somebody else, without the links of before', () => {
    const graph = new Graph();
    for (const letter of 'abcd') graph.add(name(letter));
    graph.say(statement('a', 'bcd', 'bd'), 0);
    graph.say(statement('b', 'a'), 0);
    expect([around(graph, 'a'), around(graph, 'c'), around(graph, 'd')]).toEqual(['cb', 'a', '']);
    graph.remove(name('b'));
    expect(graph.number(name('b'))).toBe(-1);
    expect([around(graph, 'a'), around(graph, 'c'), around(graph, 'd')]).toEqual(['c', 'a', '']);
    expect(graph.add(name('e'))).toBe(true);
    expect([around(graph, 'a'), around(graph, 'e'), graph.consents(graph.number(name('e')))]).toEqual(['c', '', false]);
    expect(graph.add(name('e'))).toBe(false);
  });

  it('leaves out what is said of nobody, and grows', () => {
    const graph = new Graph();
    graph.add(name('a'));
    graph.say(statement('a', 'xyz'), 0);
    expect(around(graph, 'a')).toBe('');
    const many = Array.from({ length: 100 }, (_, number) => `${number}`.padStart(16, '0'));
    for (const other of many) graph.add(other);
    graph.say({ ...statement('a', ''), neighbours: many.slice(90) }, 0);
    expect(many.filter((other) => graph.number(other) > 0)).toHaveLength(100);
    const found: number[] = [];
    graph.around(graph.number(many[95] as string), (other) => found.push(other));
    expect(found).toEqual([graph.number(name('a'))]);
  });
});
