// Records of large networks: they come in shares, and a joiner is not confused by what comes in between.
import { describe, expect, it } from 'vitest';
import type { Intake } from '../../app/engine/intake.ts';
import { Join, type JoinStart } from '../../app/engine/join.ts';
import type { Roll } from '../../app/engine/roll.ts';
import { RecordSync, SHARE_BYTES_MAX } from '../../app/engine/sync.ts';
import { fail, ok } from '../../app/contract/errors.ts';
import { decodeMessage, encodeMessage, type Message } from '../../app/wire/messages/message.ts';

const RECORD_BYTES = 1_000;
const NOW = { mono: 1_000, wall: 1_000 };
const record = (number: number): Uint8Array => {
  const bytes = new Uint8Array(RECORD_BYTES);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};
const records = (count: number): Uint8Array[] => Array.from({ length: count }, (_, number) => record(number));
const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

/** A replica whose records are numbers; all that is below the largest is its past. */
function replica(known: Uint8Array[], send: (bytes: Uint8Array) => void): RecordSync {
  const roll = {
    locator: () => known.slice(-1).map((bytes) => bytes.slice(0, 32)),
    lacking: (heads: readonly Uint8Array[]) => known.slice(heads[0] ? numberOf(heads[0]) + 1 : 0),
    receive: (got: readonly Uint8Array[]) => {
      const added = got.filter((bytes) => numberOf(bytes) === known.length && known.push(bytes) > 0);
      return ok({ added, missing: [], bad: false });
    },
  } as unknown as Roll;
  return new RecordSync({
    roll,
    send: (_, bytes) => {
      send(bytes);
      return true;
    },
    sessions: () => [],
    added: () => {},
    failed: () => {},
  });
}

describe('records of a large network', () => {
  it('go in shares that fit a queue, until nothing is lacking; who brings nothing new is not asked again', () => {
    const [all, few] = [records(1_800), records(1)];
    let [asked, largest, share] = [0, 0, 0];
    const queue: (() => void)[] = [];
    const toFew = (bytes: Uint8Array): void => {
      largest = Math.max(largest, (share += bytes.length));
      queue.push(() => {
        share -= bytes.length;
        expect(behind.receive(NOW, 1, decodeMessage(bytes) as never)).toBe('ok');
      });
    };
    const toAll = (bytes: Uint8Array): void => {
      asked++;
      // Hashes are 32 bytes on the wire: here the first of a record's.
      queue.push(() => expect(ahead.receive(NOW, 2, decodeMessage(bytes) as never)).toBe('ok'));
    };
    const ahead = replica(all, toFew);
    const behind = replica(few, (bytes) => toAll(bytes));
    behind.receive(NOW, 1, { type: 'records', more: true, records: [] });
    expect(asked).toBe(0);
    ahead.give(2, all.slice(1));
    for (let next = queue.shift(); next; next = queue.shift()) next();
    expect(few.length).toBe(all.length);
    expect(asked).toBe(Math.ceil(((all.length - 1) * (RECORD_BYTES + 2)) / SHARE_BYTES_MAX) - 1);
    expect(largest).toBeLessThan(SHARE_BYTES_MAX * 1.01);
  });
});

describe('a joiner', () => {
  const PEER = 1;

  function joining(whole: number): { say(message: Message): void; asked: Message[]; outcomes: string[] } {
    const asked: Message[] = [];
    const outcomes: string[] = [];
    const quiet = new Proxy({}, { get: () => () => true });
    const join = new Join({
      net: 1,
      dataplane: Object.assign(Object.create(quiet) as object, {
        sendControl: (_net: number, _peer: number, bytes: Uint8Array) =>
          asked.push(decodeMessage(bytes) as Message) > 0,
      }),
      chance: { below: () => 0, unit: () => 0 },
      policy: () => ({ transports: ['udp'] }),
      mayCall: () => true,
      config: {},
      inviteId: new Uint8Array(32),
      ways: [{ key: new Uint8Array(32), origin: '01'.repeat(8), endpoints: [] }],
      request: new Uint8Array(8),
      intake: () => {
        const known = new Set<number>();
        const add = (list: readonly Uint8Array[]): boolean => {
          const before = known.size;
          for (const bytes of list) known.add(numberOf(bytes));
          return known.size > before;
        };
        return { add, locator: () => [new Uint8Array(32)], known } as unknown as Intake;
      },
      now: NOW,
      accepted: (_now: unknown, intake: { known: Set<number> }) =>
        intake.known.size < whole ? fail('sponsor-silent') : ok(undefined),
      done: (_now: unknown, outcome: { ok: boolean }) => outcomes.push(outcome.ok ? 'in' : 'out'),
    } as unknown as JoinStart);
    join.event(NOW, { kind: 'up', net: 1, peer: PEER, transport: 'udp', endpoint: '192.0.2.1:1' } as never);
    const say = (message: Message): void =>
      join.event(NOW, { kind: 'control', net: 1, peer: PEER, bytes: encodeMessage(message) } as never);
    say({ type: 'joinAccepted' });
    return { say, asked, outcomes };
  }

  it('goes on when news of others come between the records', () => {
    const { say, outcomes } = joining(30);
    say({ type: 'records', more: true, records: records(20) });
    say({ type: 'records', more: false, records: [record(99)] });
    expect(outcomes).toEqual([]);
    say({ type: 'records', more: false, records: records(29).slice(20) });
    expect(outcomes).toEqual(['in']);
  });

  it('asks for the next share, once each', () => {
    const { say, asked, outcomes } = joining(30);
    expect(asked.map(({ type }) => type)).toEqual(['joinRequest']);
    say({ type: 'records', more: false, records: records(20) });
    for (let i = 0; i < 3; i++) say({ type: 'records', more: true, records: [] });
    expect(asked.map(({ type }) => type)).toEqual(['joinRequest', 'heads']);
    say({ type: 'records', more: false, records: records(30).slice(20) });
    expect(outcomes).toEqual(['in']);
  });
});
