// Who is told what, and when: news of others wait a moment in a larger network, and go to nobody who has shown that it knows them.
import { describe, expect, it } from 'vitest';
import { Chance } from '../../app/mesh/paths/chance.ts';
import {
  CALM_NEWS_WAIT_MS,
  MUCH_NEWS,
  NAMED_SOON_MS,
  NAMED_WAIT_MS,
  NEWS_WAIT_FROM_MEMBERS,
  NEWS_WAIT_MS,
  OLD_NEWS_MS,
  WANT_WAIT_MS,
} from '../../app/mesh/paths/limits.ts';
import { Graph } from '../../app/mesh/routing/graph.ts';
import { Statements } from '../../app/mesh/paths/statements.ts';
import { decodeMessage } from '../../app/wire/messages/message.ts';
import { decodePresenceDelta } from '../../app/wire/messages/presence-delta.ts';
import { decodePresence, encodePresenceBody } from '../../app/wire/messages/presence.ts';

const name = (n: number): string => n.toString(16).padStart(16, '0');

/** A statement with a signature that nobody checks. Those of one sequence have the same endpoint. */
function statement(n: number, seq: number, groups: string[] = []): Uint8Array {
  const body = encodePresenceBody({
    ...{ origin: name(n), seq, ttlMinutes: 60, off: false, features: 1, relayKBps: 0, uplinkKBps: 0 },
    ...{ place: [0, 0, 0, 0], boxKey: new Uint8Array(32), neighbours: [], relayed: [], rtts: [], measured: [] },
    ...{
      endpoints: [`192.0.2.1:${seq}`],
      groups: groups.map((group) => ({ group, mode: 'exclude' as const, sources: [] })),
    },
  });
  return Uint8Array.from([...body, ...new Uint8Array(64)]);
}

/** This member is 0; its neighbours are those from 1 on. */
function world(
  members: number,
  neighbours = 2,
): {
  statements: Statements;
  sent: string[];
  /** "name to neighbour", of what went by name. */
  named: string[];
  /** "name from neighbour" */
  pulled: string[];
  /** To whom summaries went. */
  summaries: string[];
  /** Who was told that it need not pass calm news on. */
  spared: string[];
  hear(from: number, n: number, seq: number): void;
} {
  const sent: string[] = [];
  const summaries: string[] = [];
  const spared: string[] = [];
  const named: string[] = [];
  const pulled: string[] = [];
  const near = Array.from({ length: neighbours }, (_, index) => name(index + 1));
  const graph = new Graph();
  for (let n = 1; n <= members; n++) graph.add(name(n));
  const statements = new Statements(
    {
      share: (bytes) => bytes,
      sign: () => new Uint8Array(64),
      verify: () => true,
      send: (to, bytes) => {
        const message = decodeMessage(bytes);
        if (typeof message === 'string') return true;
        if (message.type === 'spare') spared.push(to);
        if (message.type === 'pull') pulled.push(...message.origins.map((origin) => `${origin} from ${to}`));
        if (message.type === 'summary') {
          if (message.chunks.length === 0) named.push(...message.known.map(({ origin }) => `${origin} to ${to}`));
          else summaries.push(to);
        }
        if (message.type !== 'presences') return true;
        for (const told of message.statements)
          sent.push(
            `${'delta' in told ? decodePresenceDelta(told.delta)?.origin : decodePresence(told.bytes)?.origin} to ${to}`,
          );
        return true;
      },
      reserveSeq: () => undefined,
      signKey: () => new Uint8Array(32),
      neighbours: () => near,
      isRelayed: () => false,
      roundTrips: () => new Map(),
    },
    graph,
    new Chance({ bytes: (length) => new Uint8Array(length).fill(128) }),
    {
      networkId: new Uint8Array(32),
      self: name(0),
      reservedSeq: 0,
      boxKey: new Uint8Array(32),
      now: { mono: 0, wall: 0 },
    },
  );
  for (let n = 1; n <= members; n++)
    statements.hear({ mono: 0, wall: 0 }, null, { ageSeconds: 0, bytes: statement(n, 1) });
  for (const origin of near) statements.spread.up(origin, 0);
  const hear = (from: number, n: number, seq: number): void =>
    void statements.hear({ mono: 1, wall: 1 }, name(from), { ageSeconds: 0, bytes: statement(n, seq) });
  return { statements, sent, named, pulled, summaries, spared, hear };
}

describe('news of others', () => {
  it('go on at once where members are few', () => {
    const { sent, hear } = world(NEWS_WAIT_FROM_MEMBERS - 2);
    hear(1, 7, 2);
    expect(sent).toEqual([`${name(7)} to ${name(2)}`]);
  });

  it('wait where they are many, and go to nobody who says the same meanwhile', () => {
    const { statements, sent, hear } = world(NEWS_WAIT_FROM_MEMBERS, 3);
    hear(1, 7, 2);
    hear(1, 8, 2);
    expect(sent).toEqual([]);
    expect(statements.spread.nextDeadline()).toBeLessThanOrEqual(1 + CALM_NEWS_WAIT_MS);
    hear(2, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent.sort()).toEqual([`${name(7)} to ${name(3)}`, `${name(8)} to ${name(3)}`]);
  });

  it.each([true, false])('made long ago are told of by name, but not to who has the same: %s', (isSame) => {
    const { statements, sent, named } = world(NEWS_WAIT_FROM_MEMBERS);
    const hear = (n: number, ageSeconds: number): void =>
      void statements.hear({ mono: 1, wall: 1 }, name(1), { ageSeconds, bytes: statement(n, 2) });
    hear(7, OLD_NEWS_MS / 1000 + 1);
    hear(8, 1);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent).toEqual([`${name(8)} to ${name(2)}`]);
    const chunks = statements.table.digest(2).map((chunk) => chunk ^ (isSame ? 0 : 1));
    statements.spread.onDigest(name(2), chunks, 1_100);
    statements.spread.tick(1 + NAMED_WAIT_MS);
    expect(sent).toHaveLength(1);
    expect(named).toEqual(isSame ? [] : [`${name(7)} to ${name(2)}`]);
  });

  it('that are older than what is known here show nothing of the newer', () => {
    const { statements, sent, hear } = world(NEWS_WAIT_FROM_MEMBERS);
    hear(1, 7, 3);
    hear(2, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent).toEqual([`${name(7)} to ${name(2)}`]);
  });

  it('are remembered for a minute or two only', () => {
    const { statements, sent, hear } = world(NEWS_WAIT_FROM_MEMBERS);
    hear(1, 7, 2);
    statements.spread.tick(60_000);
    statements.spread.tick(120_000);
    statements.spread.heard(name(2), name(8), 2);
    statements.spread.tick(180_000);
    sent.length = 0;
    hear(1, 8, 2);
    statements.spread.tick(181_000);
    expect(sent).toEqual([]);
    statements.spread.tick(241_000);
    statements.spread.tick(302_000);
    statements.spread.now(name(8), [name(2)], 302_000);
    expect(sent).toEqual([`${name(8)} to ${name(2)}`]);
  });
});

describe('what concerns nobody’s packets', () => {
  const NEIGHBOURS = 6;

  it('goes to all but those who hear it elsewhere, who are told the name unless they have shown by then that they know', () => {
    const { statements, sent, named, hear } = world(NEWS_WAIT_FROM_MEMBERS, NEIGHBOURS);
    for (const n of [4, 5, 6]) statements.spread.spared(name(n));
    hear(1, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent).toEqual([2, 3].map((n) => `${name(7)} to ${name(n)}`));
    expect(named).toEqual([]);
    hear(4, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS + NAMED_WAIT_MS);
    expect(named).toEqual([5, 6].map((n) => `${name(7)} to ${name(n)}`));
    expect(sent).toHaveLength(2);
  });

  it('spares who tells it after another, once, and not its author', () => {
    const { statements, sent, spared, hear } = world(NEWS_WAIT_FROM_MEMBERS, NEIGHBOURS);
    hear(1, 7, 2);
    hear(2, 7, 2);
    hear(2, 7, 2);
    hear(1, 4, 2);
    hear(4, 4, 2);
    expect(spared).toEqual([name(2)]);
    // What is known here for longer shows nothing of who passes on what.
    hear(3, 9, 1);
    expect(spared).toEqual([name(2)]);
    sent.length = 0;
    hear(1, 8, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent.filter((line) => line.startsWith(name(8)))).toEqual(
      [3, 4, 5, 6].map((n) => `${name(8)} to ${name(n)}`),
    );
  });

  it('spares nobody for what is urgent, nor where members are few', () => {
    const large = world(NEWS_WAIT_FROM_MEMBERS, NEIGHBOURS);
    for (const from of [1, 2]) {
      const bytes = statement(7, 2, ['239.1.2.3']);
      large.statements.hear({ mono: 1, wall: 1 }, name(from), { ageSeconds: 0, bytes });
    }
    const small = world(NEWS_WAIT_FROM_MEMBERS - 2, NEIGHBOURS);
    for (const from of [1, 2]) small.hear(from, 7, 2);
    expect([large.spared, small.spared]).toEqual([[], []]);
  });

  it('goes at once again to who asked for what it was told the name of', () => {
    const { statements, sent, named, hear } = world(NEWS_WAIT_FROM_MEMBERS, 2);
    statements.spread.spared(name(2));
    hear(1, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS + NAMED_WAIT_MS);
    expect([sent, named]).toEqual([[], [`${name(7)} to ${name(2)}`]]);
    statements.spread.onPull(name(2), [name(7)], 8_000);
    sent.length = 0;
    hear(1, 8, 2);
    statements.spread.tick(9_000);
    expect(sent).toEqual([`${name(8)} to ${name(2)}`]);
  });

  it('is passed on at once by whom it was asked for', () => {
    const { statements, sent, spared, pulled, hear } = world(NEWS_WAIT_FROM_MEMBERS, 2);
    hear(1, 7, 2);
    hear(2, 7, 2);
    expect(spared).toEqual([name(2)]);
    const known = [{ origin: name(8), seq: 2 }];
    statements.spread.onSummary(name(2), { type: 'summary', chunkCount: 1, chunks: [], known }, 10);
    statements.spread.tick(10 + WANT_WAIT_MS);
    expect(pulled).toEqual([`${name(8)} from ${name(2)}`]);
    hear(1, 9, 2);
    statements.spread.tick(10 + WANT_WAIT_MS + CALM_NEWS_WAIT_MS);
    expect(sent).toContain(`${name(9)} to ${name(2)}`);
  });

  it('goes to whoever asks after that', () => {
    const { statements, sent, named, hear } = world(NEWS_WAIT_FROM_MEMBERS, NEIGHBOURS);
    statements.spread.spared(name(5));
    hear(1, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS + NAMED_WAIT_MS);
    const asker = (named[0] as string).slice(-16);
    sent.length = 0;
    statements.spread.onPull(asker, [name(7)], 8_000);
    expect(sent).toEqual([`${name(7)} to ${asker}`]);
  });

  it('is still urgent where an urgent one that waits is said anew', () => {
    const { statements, sent, hear } = world(NEWS_WAIT_FROM_MEMBERS, NEIGHBOURS);
    const bytes = statement(7, 2, ['239.1.2.3']);
    statements.hear({ mono: 1, wall: 1 }, name(1), { ageSeconds: 0, bytes });
    statements.hear({ mono: 1, wall: 1 }, name(1), { ageSeconds: 0, bytes: statement(7, 3, ['239.1.2.3']) });
    hear(1, 8, 2);
    statements.spread.tick(1 + NEWS_WAIT_MS);
    expect(sent.filter((line) => line.startsWith(name(7)))).toHaveLength(NEIGHBOURS - 1);
  });

  it('is asked for once by who hears its name from several', () => {
    const { statements, pulled } = world(NEWS_WAIT_FROM_MEMBERS, NEIGHBOURS);
    const known = [{ origin: name(7), seq: 2 }];
    for (const from of [1, 2, 3])
      statements.spread.onSummary(name(from), { type: 'summary', chunkCount: 1, chunks: [], known }, 10);
    statements.spread.tick(10 + WANT_WAIT_MS);
    expect(pulled).toEqual([`${name(7)} from ${name(1)}`]);
  });
});

describe('news in a burst', () => {
  it.each([
    ['few go to all', MUCH_NEWS, 5],
    ['many go to those who do not hear them elsewhere', MUCH_NEWS + 1, 3],
  ])('%s', (_, count, expected) => {
    const { statements, sent, named } = world(NEWS_WAIT_FROM_MEMBERS, 6);
    for (const n of [5, 6]) statements.spread.spared(name(n));
    for (let n = 7; n < 7 + count; n++) {
      const bytes = statement(n, 2, ['239.1.2.3']);
      statements.hear({ mono: 1, wall: 1 }, name(1), { ageSeconds: 0, bytes });
    }
    statements.spread.tick(1 + NEWS_WAIT_MS);
    expect(sent).toHaveLength(count * expected);
    statements.spread.tick(1 + NEWS_WAIT_MS + NAMED_SOON_MS);
    expect(named).toHaveLength(count * (5 - expected));
  });
});

describe('who lacks much', () => {
  it('catches up with one member at a time', () => {
    const { statements, sent, summaries } = world(64);
    const chunks = Array.from({ length: 16 }, (_, number) => number + 1);
    for (const from of [1, 2]) statements.spread.onDigest(name(from), chunks, 0);
    expect(summaries).toEqual([name(1)]);
    statements.spread.tick(999);
    expect(summaries).toEqual([name(1)]);
    expect(statements.spread.nextDeadline()).toBe(1_000);
    statements.spread.tick(1_000);
    expect(summaries).toEqual([name(1), name(2)]);
    expect(sent).toEqual([]);
  });

  it('answers what differs by little at once', () => {
    const { statements, summaries } = world(1);
    for (const from of [1, 2]) statements.spread.onDigest(name(from), [7], 0);
    expect(summaries).toEqual([name(1), name(2)]);
  });
});
