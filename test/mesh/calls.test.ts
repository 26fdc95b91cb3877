// What one member's paths do about members that fell silent: whom they doubt aloud, how long they call.
import { describe, expect, it } from 'vitest';
import { CONNECT_TIMEOUT_MS, NEWS_WAIT_MS, RESCUE_EVERY_MS, RESCUE_TIMEOUT_MS } from '../../app/mesh/paths/limits.ts';
import { Paths } from '../../app/mesh/paths/paths.ts';
import { decodeMessage } from '../../app/wire/messages/message.ts';
import { encodePresenceBody } from '../../app/wire/messages/presence.ts';

const name = (n: number): string => n.toString(16).padStart(16, '0');

/** A statement with a signature that nobody checks. */
function statement(n: number, seq: number, neighbours: number[]): Uint8Array {
  const body = encodePresenceBody({
    ...{ origin: name(n), seq, ttlMinutes: 60, off: false, features: 1, relayKBps: 0, uplinkKBps: 0 },
    ...{ place: [0, 0, 0, 0], boxKey: new Uint8Array(32), relayed: [], measured: [], groups: [] },
    ...{ neighbours: neighbours.map(name), rtts: neighbours.map(() => 0), endpoints: [`192.0.2.1:${n}`] },
  });
  return Uint8Array.from([...body, ...new Uint8Array(64)]);
}

const at = (mono: number): { mono: number; wall: number } => ({ mono, wall: mono });

/** Member 0 of so many; what it does is told as lines. */
function member(members: number): {
  paths: Paths;
  lines: string[];
  say(n: number, seq: number, links: number[]): void;
} {
  const lines: string[] = [];
  const paths = new Paths(
    {
      random: { bytes: (length) => new Uint8Array(length).fill(128) },
      share: (bytes) => bytes,
      sign: () => new Uint8Array(64),
      verify: () => true,
      send: (to, bytes) => {
        const message = decodeMessage(bytes);
        if (typeof message !== 'string' && message.type === 'doubt')
          lines.push(`${message.origin} is doubted to ${to}`);
        return true;
      },
      connect: (to) => lines.push(`calls ${to}`),
      moved: () => undefined,
      disconnect: (to) => lines.push(`leaves ${to}`),
      reserveSeq: () => undefined,
      packets: () => 0,
      changed: () => undefined,
    },
    { networkId: new Uint8Array(32), self: name(0), reservedSeq: 0, boxKey: new Uint8Array(32), now: at(0) },
  );
  paths.setMembers(
    at(0),
    Array.from({ length: members }, (_, n) => ({ origin: name(n), signKey: new Uint8Array(32) })),
  );
  const say = (n: number, seq: number, links: number[]): void => {
    const bytes = statement(n, seq, links);
    paths.receive(at(1), name(1), { type: 'presences', statements: [{ ageSeconds: 0, bytes }] });
  };
  return { paths, lines, say };
}

/** A neighbour with a session. */
function befriend(paths: Paths, n: number): void {
  paths.up(at(1), name(n), { endpoint: `192.0.2.1:${n}` });
  paths.receive(at(1), name(n), { type: 'link', what: 'ask', needy: false });
}

describe('a doubt', () => {
  const doubt = { type: 'doubt', origin: name(4), seq: 1 } as const;

  it.each([
    ['is passed on while others have a link with that member', [4], 1],
    ['ends with who knows that all have given it up', [], 0],
  ])('%s', (_, links, passed) => {
    const { paths, lines, say } = member(8);
    paths.start(at(0));
    for (const n of [1, 2]) befriend(paths, n);
    say(4, 1, [3]);
    say(3, 1, links);
    paths.receive(at(10), name(1), doubt);
    paths.tick(at(10 + NEWS_WAIT_MS));
    expect(lines.filter((line) => line.includes('doubted'))).toHaveLength(passed);
  });
});

describe('a member that seems gone', () => {
  /** Until it is left alone. */
  function patience(urgent: boolean): number {
    const { paths, lines, say } = member(8);
    paths.start(at(0));
    for (const n of [1, 2, 3, 5, 6]) befriend(paths, n);
    say(4, 1, []);
    let now = 1;
    while (!lines.includes(`calls ${name(4)}`) && now < 4 * RESCUE_EVERY_MS)
      paths.tick(at((now = paths.nextDeadline())));
    const from = now;
    if (urgent) paths.want(at(from), name(4));
    while (!lines.includes(`leaves ${name(4)}`) && now < from + CONNECT_TIMEOUT_MS)
      paths.tick(at((now = paths.nextDeadline())));
    return now - from;
  }

  it('is called now and then, for a moment', () => {
    expect(patience(false)).toBe(RESCUE_TIMEOUT_MS);
  });

  it('is called longer where packets wait', () => {
    expect(patience(true)).toBeGreaterThanOrEqual(CONNECT_TIMEOUT_MS);
  });
});
