// What the ends of a WebRTC dial tell each other: by their session, or carried once by who has sessions with both.
import { describe, expect, it } from 'vitest';
import { Signals } from '../../app/engine/signals.ts';
import { decodeMessage } from '../../app/wire/messages/message.ts';

type Signal = Parameters<Signals['hear']>[2];
const [A, B, C, D] = ['00000000000000aa', '00000000000000bb', '00000000000000cc', '00000000000000dd'] as const;
const piece = (byte: number): Uint8Array => Uint8Array.of(byte);

/** Members with sessions between some of them; signals travel at once. */
class Net {
  readonly handed: string[] = [];
  readonly carried: string[] = [];
  readonly answers = new Map<string, number | null>();
  readonly invitations: { at: string; from: string; yields: boolean }[] = [];
  readonly #signals = new Map<string, Signals>();
  constructor(
    readonly sessions: (readonly [string, string])[],
    readonly named: Record<string, string[]> = {},
  ) {}

  at(self: string): Signals {
    const known = this.#signals.get(self);
    if (known) return known;
    const ends = this.sessions.filter((pair) => pair.includes(self)).map(([a, b]) => (a === self ? b : a));
    const made = new Signals({
      self,
      isUp: (origin) => ends.includes(origin),
      directs: () => ends,
      neighboursOf: (origin) => this.named[origin] ?? [],
      send: (origin, bytes) => {
        this.carried.push(`${self.slice(-2)}>${origin.slice(-2)}`);
        this.at(origin).hear(0, self, decodeMessage(bytes) as Signal);
        return true;
      },
      invited: (from, yields) => {
        this.invitations.push({ at: self, from, yields });
        return this.answers.get(self) ?? null;
      },
      hand: (dial, bytes) => this.handed.push(`${self.slice(-2)} ${dial} ${bytes.join()}`),
    });
    this.#signals.set(self, made);
    return made;
  }
}

describe('signals', () => {
  it('go by the own session, both ways', () => {
    const net = new Net([[A, B]]);
    net.answers.set(B, 9);
    net.at(A).began(5, B, 77);
    net.at(A).say(5, piece(1));
    net.at(B).say(9, piece(2));
    expect(net.handed).toEqual(['bb 9 1', 'aa 5 2']);
    expect(net.invitations).toEqual([{ at: B, from: A, yields: true }]);
  });

  it('are carried once by who has sessions with both, and no piece is taken twice', () => {
    const net = new Net([
      [A, C],
      [B, C],
      [A, D],
      [B, D],
    ]);
    net.answers.set(B, 9);
    net.at(A).began(5, B, 77);
    net.at(A).say(5, piece(1));
    net.at(A).say(5, piece(1));
    expect(net.carried.filter((hop) => hop.endsWith('>bb'))).toHaveLength(4);
    expect(net.handed).toEqual(['bb 9 1', 'bb 9 1']);
  });

  it('take who is named as a neighbour', () => {
    const net = new Net(
      [
        [A, C],
        [A, D],
        [B, D],
      ],
      { [B]: [D] },
    );
    expect(net.at(A).canReach(B)).toBe(true);
    net.at(A).began(5, B, 77);
    net.at(A).say(5, piece(1));
    expect(net.carried).toEqual(['aa>dd', 'dd>bb']);
    expect(new Net([]).at(A).canReach(B)).toBe(false);
  });

  it('of others are passed on for who says them alone, within a budget', () => {
    const net = new Net([
      [A, C],
      [B, C],
    ]);
    const signal: Signal = { type: 'signal', to: B, from: D, call: 1, initiator: true, number: 0, bytes: piece(1) };
    expect(net.at(C).hear(0, A, signal)).toBe('bad');
    expect(net.at(C).hear(0, A, { ...signal, from: C })).toBe('bad');
    expect(net.carried).toEqual([]);
    for (let n = 0; n < 1_000; n++) net.at(C).hear(0, A, { ...signal, from: A, number: n % 256 });
    expect(net.carried.length).toBe(200);
  });

  it('that nobody asked for, or of another call, reach no dial', () => {
    const net = new Net([[A, B]]);
    net.at(A).began(5, B, 77);
    const answer: Signal = { type: 'signal', to: A, from: B, call: 78, initiator: false, number: 0, bytes: piece(1) };
    net.at(A).hear(0, B, answer);
    net.at(A).hear(0, B, { ...answer, call: 77, from: C });
    net.at(A).ended(5);
    net.at(A).hear(0, B, { ...answer, call: 77 });
    expect(net.handed).toEqual([]);
    expect(net.at(A).say(5, piece(1))).toBe(false);
  });

  it('of two that began at once, the smaller name goes on', () => {
    const net = new Net([[A, B]]);
    net.at(A).began(5, B, 1);
    net.at(B).began(6, A, 2);
    net.at(A).say(5, piece(1));
    net.at(B).say(6, piece(2));
    expect(net.invitations).toEqual([
      { at: B, from: A, yields: true },
      { at: A, from: B, yields: false },
    ]);
  });
});
