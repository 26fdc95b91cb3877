// Who is told what, and when: news of others wait a moment in a larger network, and go to nobody who has shown that it knows them.
import { describe, expect, it } from 'vitest';
import { Chance } from '../../app/mesh/paths/chance.ts';
import {
  CALM_NEWS_WAIT_MS,
  NEWS_WAIT_FROM_MEMBERS,
  OLD_NEWS_MS,
  OLD_NEWS_WAIT_MS,
} from '../../app/mesh/paths/limits.ts';
import { Graph } from '../../app/mesh/routing/graph.ts';
import { Statements } from '../../app/mesh/paths/statements.ts';
import { decodeMessage } from '../../app/wire/messages/message.ts';
import { decodePresenceDelta } from '../../app/wire/messages/presence-delta.ts';
import { decodePresence, encodePresenceBody } from '../../app/wire/messages/presence.ts';

const name = (n: number): string => n.toString(16).padStart(16, '0');

/** A statement with a signature that nobody checks. */
function statement(n: number, seq: number): Uint8Array {
  const body = encodePresenceBody({
    ...{ origin: name(n), seq, ttlMinutes: 60, off: false, features: 1, relayKBps: 0, uplinkKBps: 0 },
    ...{ place: [0, 0, 0, 0], boxKey: new Uint8Array(32), neighbours: [], relayed: [], rtts: [], measured: [] },
    ...{ endpoints: [`192.0.2.1:${seq}`], groups: [] },
  });
  return Uint8Array.from([...body, ...new Uint8Array(64)]);
}

function world(members: number): {
  statements: Statements;
  sent: string[];
  /** To whom summaries went. */
  summaries: string[];
  hear(from: number, n: number, seq: number): void;
} {
  const sent: string[] = [];
  const summaries: string[] = [];
  const graph = new Graph();
  for (let n = 1; n <= members; n++) graph.add(name(n));
  const statements = new Statements(
    {
      share: (bytes) => bytes,
      sign: () => new Uint8Array(64),
      verify: () => true,
      send: (to, bytes) => {
        const message = decodeMessage(bytes);
        if (typeof message !== 'string' && message.type === 'summary') summaries.push(to);
        if (typeof message === 'string' || message.type !== 'presences') return true;
        for (const told of message.statements)
          sent.push(
            `${'delta' in told ? decodePresenceDelta(told.delta)?.origin : decodePresence(told.bytes)?.origin} to ${to}`,
          );
        return true;
      },
      reserveSeq: () => undefined,
      signKey: () => new Uint8Array(32),
      neighbours: () => [name(1), name(2)],
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
  for (const n of [1, 2]) statements.spread.up(name(n), 0);
  const hear = (from: number, n: number, seq: number): void =>
    void statements.hear({ mono: 1, wall: 1 }, name(from), { ageSeconds: 0, bytes: statement(n, seq) });
  return { statements, sent, summaries, hear };
}

describe('news of others', () => {
  it('go on at once where members are few', () => {
    const { sent, hear } = world(NEWS_WAIT_FROM_MEMBERS - 2);
    hear(1, 7, 2);
    expect(sent).toEqual([`${name(7)} to ${name(2)}`]);
  });

  it('wait where they are many, and go to nobody who says the same meanwhile', () => {
    const { statements, sent, hear } = world(NEWS_WAIT_FROM_MEMBERS);
    hear(1, 7, 2);
    hear(1, 8, 2);
    expect(sent).toEqual([]);
    expect(statements.spread.nextDeadline()).toBeLessThanOrEqual(1 + CALM_NEWS_WAIT_MS);
    hear(2, 7, 2);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent).toEqual([`${name(8)} to ${name(2)}`]);
  });

  it.each([true, false])('made long ago wait longer, for who says meanwhile that it has the same: %s', (isSame) => {
    const { statements, sent } = world(NEWS_WAIT_FROM_MEMBERS);
    const hear = (n: number, ageSeconds: number): void =>
      void statements.hear({ mono: 1, wall: 1 }, name(1), { ageSeconds, bytes: statement(n, 2) });
    hear(7, OLD_NEWS_MS / 1000 + 1);
    hear(8, 1);
    statements.spread.tick(1 + CALM_NEWS_WAIT_MS);
    expect(sent).toEqual([`${name(8)} to ${name(2)}`]);
    const chunks = statements.table.digest(2).map((chunk) => chunk ^ (isSame ? 0 : 1));
    statements.spread.onDigest(name(2), chunks, 1_100);
    statements.spread.tick(1 + 2 * OLD_NEWS_WAIT_MS);
    expect(sent.slice(1)).toEqual(isSame ? [] : [`${name(7)} to ${name(2)}`]);
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
