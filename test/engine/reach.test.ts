// Online by links that both ends claim.
import { describe, expect, it } from 'vitest';
import { Reach } from '../../app/mesh/paths/reach.ts';
import { Graph } from '../../app/mesh/routing/graph.ts';
import { neighboursTarget } from '../../app/mesh/paths/neighbours.ts';
import type { Presence } from '../../app/wire/messages/presence.ts';

const presence = (origin: string, neighbours: string[], off = false): Presence => ({
  origin,
  seq: 1,
  ttlMinutes: 60,
  off,
  features: 0,
  relayKBps: 0,
  uplinkKBps: 0,
  place: [0, 0, 0, 0],
  boxKey: new Uint8Array(32),
  neighbours,
  relayed: [],
  rtts: [],
  measured: [],
  endpoints: [],
  groups: [],
  bytes: new Uint8Array(0),
});

function online(statements: Presence[], ups: string[], suspected: string[] = []): string {
  const graph = new Graph();
  const names = [...new Set(['me', ...statements.flatMap(({ origin, neighbours }) => [origin, ...neighbours])])];
  for (const name of names) graph.add(name);
  for (const statement of statements) graph.say(statement, 0);
  const reach = new Reach({
    graph,
    ups: () => ups,
    suspected: (origin: string) => suspected.includes(origin),
    anySuspected: () => suspected.length > 0,
  });
  return names
    .filter((name) => name === 'me' || reach.has(name))
    .sort()
    .join(' ');
}

describe('reachable', () => {
  it('follows links that both ends claim, however far', () => {
    const chain = [presence('a', ['b']), presence('b', ['a', 'c']), presence('c', ['b'])];
    expect(online(chain, ['a'])).toBe('a b c me');
  });

  it('does not follow a link that only one end claims, whichever', () => {
    expect(online([presence('a', ['b']), presence('b', [])], ['a'])).toBe('a me');
    expect(online([presence('a', []), presence('b', ['a'])], ['a'])).toBe('a me');
  });

  it('leaves out who is off, suspected or unheard of', () => {
    const links = [presence('a', ['b', 'c', 'd']), presence('b', ['a'], true), presence('c', ['a'])];
    expect(online(links, ['a'], ['c'])).toBe('a me');
  });
});

describe('neighbours wished', () => {
  it('are all up to six members, then few', () => {
    expect([1, 2, 6, 7, 31, 32, 127, 128, 10_000].map(neighboursTarget)).toEqual([0, 1, 5, 4, 4, 5, 5, 5, 5]);
  });
});
