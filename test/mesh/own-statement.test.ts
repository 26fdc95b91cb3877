// Guesses of the next port that a NAT which counts on will give.
import { describe, expect, it } from 'vitest';
import { Chance } from '../../app/mesh/paths/chance.ts';
import { OwnStatement } from '../../app/mesh/paths/own-statement.ts';

const io = {
  networkId: new Uint8Array(32),
  origin: '0011223344556677',
  sign: () => new Uint8Array(64),
  reserveSeq: () => undefined,
  boxKey: new Uint8Array(32),
};

function seenAt(...endpoints: string[]): OwnStatement {
  const own = new OwnStatement(io, new Chance({ bytes: (n) => new Uint8Array(n) }), 0, { mono: 0, wall: 0 });
  own.setLocal(['192.168.1.2:4000']);
  endpoints.forEach((endpoint, place) => own.observe(1_000, endpoint, `${place}`.padStart(16, '0')));
  return own;
}

describe('ports of a NAT that counts on', () => {
  it('are guessed from what two members saw', () => {
    const guesses = seenAt('203.0.113.5:50003', '203.0.113.5:50001').predicted(2_000);
    expect(guesses).toHaveLength(8);
    expect(guesses.slice(0, 2)).toEqual(['203.0.113.5:50004/udp', '203.0.113.5:50005/udp']);
  });

  it('are not guessed from one, from ports far apart, from other addresses, or from long ago', () => {
    expect(seenAt('203.0.113.5:50003').predicted(2_000)).toEqual([]);
    expect(seenAt('203.0.113.5:50003', '203.0.113.5:1025').predicted(2_000)).toEqual([]);
    expect(seenAt('203.0.113.5:50003', '203.0.113.6:50004').predicted(2_000)).toEqual([]);
    expect(seenAt('203.0.113.5:50003', '203.0.113.5:50001').predicted(200_000)).toEqual([]);
  });

  it('are guessed from one member and a STUN server that saw another socket', () => {
    const own = seenAt('203.0.113.5:50003');
    own.drew(1_500, '203.0.113.5:50006', 'stun.example');
    expect(own.predicted(2_000)[0]).toBe('203.0.113.5:50007/udp');
    // Where a server’s answer was only taken to mean that a port is kept, nobody saw that port.
    const kept = seenAt('203.0.113.5:50003');
    kept.observe(1_500, '203.0.113.5:50001', 'stun.example', true);
    expect(kept.predicted(2_000)).toEqual([]);
  });

  it('lie between those that were seen, too: whoever was called first has one of them', () => {
    const guesses = seenAt('203.0.113.5:50001', '203.0.113.5:50004').predicted(2_000);
    expect(guesses.map((guess) => Number(/:(\d+)\//.exec(guess)?.[1]))).toEqual([
      ...[50_005, 50_006, 50_007, 50_008, 50_009, 50_010, 50_003, 50_002],
    ]);
    const far = seenAt('203.0.113.5:50001', '203.0.113.5:50050').predicted(2_000);
    expect(far).toHaveLength(8);
    expect(far.slice(4)).toEqual([49, 48, 47, 46].map((port) => `203.0.113.5:500${port}/udp`));
  });

  it('are guessed from the newest that agree, whatever was seen before', () => {
    expect(seenAt('203.0.113.5:1025', '203.0.113.5:50001', '203.0.113.5:50003').predicted(2_000)[0]).toBe(
      '203.0.113.5:50004/udp',
    );
    const moved = seenAt('203.0.113.5:50003', '203.0.113.5:50001');
    moved.setLocal(['192.168.7.2:4000']);
    expect(moved.predicted(2_000)).toEqual([]);
  });

  it('end at the last port there is', () => {
    expect(seenAt('203.0.113.5:65534', '203.0.113.5:65533').predicted(2_000)).toEqual(['203.0.113.5:65535/udp']);
  });
});
