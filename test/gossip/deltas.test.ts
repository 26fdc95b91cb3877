// Statements that travel as what changed: who has the earlier one puts the newer together, who lacks it asks for the whole.
import { beforeEach, describe, expect, it } from 'vitest';
import { Chance } from '../../app/mesh/paths/chance.ts';
import {
  CALM_NEWS_WAIT_MS,
  DELTA_KEPT_MS,
  EAR_YOUNG_MS,
  NEWS_WAIT_FROM_MEMBERS,
  ORIGIN_BURST,
  WANTS_UNKNOWN_MAX,
  WANT_TIMEOUT_MS,
  WANT_WAIT_MS,
} from '../../app/mesh/paths/limits.ts';
import { Statements, type Heard } from '../../app/mesh/paths/statements.ts';
import { Graph } from '../../app/mesh/routing/graph.ts';
import { decodeMessage, type Message, type Told } from '../../app/wire/messages/message.ts';
import { encodePresenceDelta } from '../../app/wire/messages/presence-delta.ts';
import { encodePresenceBody, presenceSigned } from '../../app/wire/messages/presence.ts';
import { crypto } from '../engine/support/crypto.ts';

const NETWORK = new Uint8Array(32).fill(8);
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n + 1);
const name = (n: number): string => n.toString(16).padStart(16, '0');
const AUTHOR = 9;
/** Names from here on are nobody's. */
const NOBODY = 100;

/** What the author says; `seq` goes into its endpoints, so that each says something new. */
function statement(seq: number, author = AUTHOR): Uint8Array {
  const body = encodePresenceBody({
    ...{ origin: name(author), seq, ttlMinutes: 60, off: false, features: 1, relayKBps: 0, uplinkKBps: 0 },
    ...{ place: [0, 0, 0, 0], boxKey: seed(99), neighbours: [name(1), name(2), name(3)], relayed: [] },
    ...{ rtts: [1, 2, 3], measured: [], endpoints: [`192.0.2.1:${seq}`, '192.0.2.2:1'], groups: [] },
  });
  return Uint8Array.from([...body, ...crypto.sign(seed(author), presenceSigned(NETWORK, body))]);
}

const whole = (seq: number, author = AUTHOR): Told => ({ ageSeconds: 0, bytes: statement(seq, author) });
const changes = (from: number, seq: number, author = AUTHOR): Told & { delta: Uint8Array } => ({
  ageSeconds: 0,
  delta: encodePresenceDelta(statement(from, author), statement(seq, author)) as Uint8Array,
});

class Member {
  readonly sent: { to: string; message: Message }[] = [];
  readonly statements: Statements;
  readonly graph = new Graph();
  neighbours = [name(1), name(2)];

  constructor(self = 0) {
    this.statements = new Statements(
      {
        share: (bytes) => bytes,
        sign: (message) => crypto.sign(seed(self), message),
        verify: (key, message, signature) => crypto.verify(key, message, signature),
        send: (to, bytes) => {
          this.sent.push({ to, message: decodeMessage(bytes) as Message });
          return true;
        },
        reserveSeq: () => undefined,
        signKey: (origin) =>
          parseInt(origin, 16) < NOBODY ? crypto.signPublicKey(seed(parseInt(origin, 16))) : undefined,
        neighbours: () => this.neighbours,
        isRelayed: () => false,
        roundTrips: () => new Map(),
      },
      this.graph,
      new Chance({ bytes: (length) => new Uint8Array(length).fill(128) }),
      { networkId: NETWORK, self: name(self), reservedSeq: 0, boxKey: seed(98), now: { mono: 0, wall: 0 } },
    );
    for (const origin of this.neighbours) this.statements.spread.up(origin, 0);
  }

  hear(mono: number, from: number, told: Told): Heard['kind'] {
    return this.statements.hear({ mono, wall: mono }, name(from), told).kind;
  }

  get seq(): number {
    return this.statements.table.seq(name(AUTHOR));
  }

  /** What went since the last time: to whom, and whole or not. */
  told(): string[] {
    return this.sent.splice(0).flatMap(({ to, message }) => {
      if (message.type === 'pull') return message.origins.map((origin) => `pull ${origin} of ${to}`);
      if (message.type !== 'presences') return [];
      return message.statements.map((told) => `${'delta' in told ? 'changes' : 'whole'} to ${to}`);
    });
  }
}

const OLD_MS = EAR_YOUNG_MS;
const PULL_1 = `pull ${name(AUTHOR)} of ${name(1)}`;
const PULL_2 = `pull ${name(AUTHOR)} of ${name(2)}`;

let here: Member;
beforeEach(() => {
  here = new Member();
  here.hear(0, 1, whole(1));
  here.told();
});

describe('a statement that comes as what changed', () => {
  it('counts where the earlier one is known, and goes on as it came', () => {
    expect(here.hear(OLD_MS, 1, changes(1, 2))).toBe('news');
    expect(here.statements.table.get(name(AUTHOR))?.bytes).toEqual(statement(2));
    expect(here.told()).toEqual([`changes to ${name(2)}`]);
  });

  it('that is known already is not looked at again, and shows that its teller has it', () => {
    here.hear(OLD_MS, 1, changes(1, 2));
    const broken = changes(1, 2);
    broken.delta[30] = (broken.delta[30] as number) ^ 1;
    expect(here.hear(OLD_MS, 2, broken)).toBe('nothing');
    expect(here.hear(OLD_MS, 2, changes(1, 2))).toBe('nothing');
    here.told();
    here.statements.spread.now(name(AUTHOR), [name(1), name(2)], OLD_MS);
    here.statements.spread.tick(OLD_MS + WANT_WAIT_MS);
    expect(here.told()).toEqual([]);
  });

  it('with a signature over something else is bad, and nothing is lost', () => {
    const forged = changes(1, 2);
    forged.delta[forged.delta.length - 1] = (forged.delta.at(-1) as number) ^ 1;
    expect(here.hear(OLD_MS, 1, forged)).toBe('bad');
    const moved = changes(1, 2);
    // Another sequence than the one that was signed.
    moved.delta[13] = 3;
    expect(here.hear(OLD_MS, 1, moved)).toBe('bad');
    expect(here.hear(OLD_MS, 1, { ageSeconds: 0, delta: moved.delta.slice(0, 70) })).toBe('bad');
    expect(here.seq).toBe(1);
    expect(here.told()).toEqual([]);
    expect(here.hear(OLD_MS, 2, changes(1, 2))).toBe('news');
  });

  it('counts against what its author may say, as a whole one does', () => {
    for (let seq = 2; seq <= ORIGIN_BURST + 1; seq++) expect(here.hear(OLD_MS, 1, changes(seq - 1, seq))).toBe('news');
    expect(here.hear(OLD_MS, 1, changes(ORIGIN_BURST + 1, ORIGIN_BURST + 2))).toBe('nothing');
    expect(here.seq).toBe(ORIGIN_BURST + 1);
  });

  it('longer than need be goes on whole', () => {
    // Nothing but what is put in: as if all had changed.
    const { bytes } = whole(2) as { bytes: Uint8Array };
    const body = bytes.slice(15, -64);
    const head = changes(1, 2).delta.slice(0, 20);
    const delta = Uint8Array.from([
      ...head,
      0x80 | (body.length & 0x7f),
      body.length >> 7,
      ...body,
      ...bytes.slice(-64),
    ]);
    expect(here.hear(OLD_MS, 1, { ageSeconds: 0, delta })).toBe('news');
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
  });
});

describe('who lacks the earlier one', () => {
  it('asks for the whole, once, and others only in turn', () => {
    for (const from of [1, 1, 2]) expect(here.hear(OLD_MS, from, changes(2, 3))).toBe('nothing');
    expect(here.told()).toEqual([]);
    const askMono = OLD_MS + WANT_WAIT_MS;
    expect(here.statements.spread.nextDeadline()).toBe(askMono);
    here.statements.spread.tick(askMono);
    expect(here.told()).toEqual([PULL_1]);
    for (const from of [1, 2]) here.hear(askMono, from, changes(3, 4));
    here.statements.spread.tick(askMono + WANT_TIMEOUT_MS - 1);
    expect(here.told()).toEqual([]);
    here.statements.spread.tick(askMono + WANT_TIMEOUT_MS);
    expect(here.told()).toEqual([PULL_2]);
    here.statements.spread.tick(askMono + 2 * WANT_TIMEOUT_MS);
    here.statements.spread.tick(askMono + 3 * WANT_TIMEOUT_MS);
    expect(here.told()).toEqual([]);
    expect(here.seq).toBe(1);
  });

  it('asks nobody where it came meanwhile, and another one where what came is not the newest', () => {
    here.hear(OLD_MS, 1, changes(2, 3));
    here.hear(OLD_MS, 2, whole(3));
    here.told();
    here.statements.spread.tick(OLD_MS + WANT_WAIT_MS);
    expect(here.told()).toEqual([]);
    for (const from of [1, 2]) here.hear(OLD_MS, from, changes(4, 5));
    here.statements.spread.tick(OLD_MS + WANT_WAIT_MS);
    here.hear(OLD_MS + 100, 1, whole(4));
    here.statements.spread.tick(OLD_MS + 100);
    expect(here.told().filter((what) => what.startsWith('pull'))).toEqual([PULL_1, PULL_2]);
  });

  it('asks another one at once where a session ends', () => {
    for (const from of [1, 2]) here.hear(OLD_MS, from, changes(2, 3));
    here.statements.spread.tick(OLD_MS + WANT_WAIT_MS);
    here.statements.spread.down(name(1), OLD_MS + 100);
    here.statements.spread.tick(OLD_MS + 100);
    expect(here.told()).toEqual([PULL_1, PULL_2]);
  });

  it('asks for a few names of nobody only', () => {
    for (let n = 0; n < WANTS_UNKNOWN_MAX + 10; n++) here.hear(OLD_MS, 1, changes(1, 2, NOBODY + n));
    here.hear(OLD_MS, 1, changes(2, 3));
    here.statements.spread.tick(OLD_MS + WANT_WAIT_MS);
    expect(here.told()).toHaveLength(WANTS_UNKNOWN_MAX + 1);
    // They give their places back.
    here.statements.spread.tick(OLD_MS + WANT_WAIT_MS + WANT_TIMEOUT_MS);
    for (let n = 0; n < WANTS_UNKNOWN_MAX + 10; n++) here.hear(2 * OLD_MS, 1, changes(1, 2, NOBODY + n));
    here.statements.spread.tick(2 * OLD_MS + WANT_WAIT_MS);
    expect(here.told()).toHaveLength(WANTS_UNKNOWN_MAX);
  });

  it('is answered with the whole, as anybody who asks', () => {
    here.hear(OLD_MS, 1, changes(1, 2));
    here.told();
    here.statements.spread.onPull(name(2), [name(AUTHOR)], OLD_MS);
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
  });
});

describe('what changed is told', () => {
  it('to whom seems to have the earlier one: not in a young session that has not shown it', () => {
    here.statements.spread.up(name(2), OLD_MS);
    here.hear(OLD_MS + 1, 1, changes(1, 2));
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
    here.hear(OLD_MS + 2, 1, changes(2, 3));
    expect(here.told()).toEqual([`changes to ${name(2)}`]);
  });

  it('to nobody who has shown to have a later one than the earlier', () => {
    // Here, 2 was missed: what leads from 1 to 3 is of use to who missed it, too.
    here.statements.spread.heard(name(2), name(AUTHOR), 2);
    here.hear(OLD_MS, 1, whole(3));
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
  });

  it('to nobody who was not told the earlier one, because both came within one wait', () => {
    for (let n = 10; n < 10 + NEWS_WAIT_FROM_MEMBERS; n++) here.graph.add(name(n));
    here.hear(OLD_MS, 1, changes(1, 2));
    here.statements.spread.tick(OLD_MS + CALM_NEWS_WAIT_MS);
    expect(here.told()).toEqual([`changes to ${name(2)}`]);
    const mono = OLD_MS + CALM_NEWS_WAIT_MS;
    for (const seq of [3, 4]) here.hear(mono, 1, changes(seq - 1, seq));
    here.statements.spread.tick(mono + CALM_NEWS_WAIT_MS);
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
    // It has shown to know the first of two.
    for (const seq of [5, 6]) here.hear(mono + CALM_NEWS_WAIT_MS, 1, changes(seq - 1, seq));
    here.hear(mono + CALM_NEWS_WAIT_MS, 2, changes(4, 5));
    here.statements.spread.tick(mono + 2 * CALM_NEWS_WAIT_MS);
    expect(here.told()).toEqual([`changes to ${name(2)}`]);
  });

  it('where a whole one came as news, too, but not where that was asked for', () => {
    here.hear(OLD_MS, 1, whole(2));
    expect(here.told()).toEqual([`changes to ${name(2)}`]);
    here.hear(OLD_MS, 1, changes(3, 4));
    here.hear(OLD_MS, 1, whole(4));
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
  });

  it('for some minutes only', () => {
    here.hear(OLD_MS, 1, changes(1, 2));
    here.hear(OLD_MS, 1, whole(1, 10));
    for (let mono = OLD_MS; mono <= OLD_MS + 2 * DELTA_KEPT_MS; mono += 1_000) here.statements.spread.tick(mono);
    here.told();
    here.statements.spread.now(name(AUTHOR), [name(2)], OLD_MS + 2 * DELTA_KEPT_MS);
    // Whole, or not at all where it is still known to have it.
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
  });

  it('by the author, but not where it goes off', () => {
    const { own, spread } = here.statements;
    here.neighbours = [name(1), name(2)];
    const publish = (mono: number): void => {
      own.touch(mono, 0);
      here.statements.publish({ mono, wall: mono }, () => here.neighbours);
    };
    own.setLocal(['192.0.2.1:4000']);
    publish(OLD_MS);
    expect(here.told()).toEqual([`whole to ${name(1)}`, `whole to ${name(2)}`]);
    here.neighbours = [name(2)];
    publish(OLD_MS + 1_000);
    expect(here.told()).toEqual([`changes to ${name(2)}`]);
    // It was not told: it has the first at most, and may have heard of the second elsewhere.
    spread.now(name(0), [name(1)], OLD_MS + 1_000);
    expect(here.told()).toEqual([`changes to ${name(1)}`]);
    own.setOff(true);
    publish(OLD_MS + 2_000);
    expect(here.told()).toEqual([`whole to ${name(2)}`]);
  });
});
