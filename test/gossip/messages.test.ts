// The wire of gossip: golden vectors, round trips, and what must be refused.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEndpoint, formatIp, parseEndpoint, parseIp } from '../../app/wire/messages/address.ts';
import {
  decodeHint,
  decodeMessage,
  encodeHint,
  encodeMessage,
  type Hint,
  type Message,
} from '../../app/wire/messages/message.ts';
import {
  decodePresence,
  encodePresenceBody,
  presenceParts,
  type PresenceBody,
} from '../../app/wire/messages/presence.ts';
import { decodePresenceDelta, encodePresenceDelta } from '../../app/wire/messages/presence-delta.ts';
import { presenceSigned } from '../../app/wire/messages/presence.ts';
import { crypto } from '../engine/support/crypto.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const MESSAGES: Record<string, Message> = {
  greet: {
    type: 'greet',
    versionMax: 1,
    wallMs: 1_700_000_000_000,
    features: 3,
    ledger: fill(8, 0xaa),
    presences: fill(8, 0xbb),
  },
  'link-ask': { type: 'link', what: 'ask', needy: true },
  'link-drop': { type: 'link', what: 'drop', needy: false },
  presences: { type: 'presences', statements: [{ ageSeconds: 7, bytes: fill(5, 1) }] },
  'presences-delta': {
    type: 'presences',
    statements: [
      { ageSeconds: 7, delta: fill(5, 1) },
      { ageSeconds: 8, bytes: fill(2, 3) },
    ],
  },
  digest: { type: 'digest', chunks: [1, 0xffffffff] },
  summary: { type: 'summary', chunkCount: 4, chunks: [0, 3], known: [{ origin: '0011223344556677', seq: 2 ** 41 }] },
  pull: { type: 'pull', origins: ['0011223344556677'] },
  probe: { type: 'probe' },
  spare: { type: 'spare' },
  doubt: { type: 'doubt', origin: '0011223344556677', seq: 5 },
  meet: { type: 'meet', again: true, endpoints: ['192.0.2.1:4000/udp'] },
  signal: {
    type: 'signal',
    to: '0011223344556677',
    from: '8899aabbccddeeff',
    call: 0xfffffffe,
    initiator: true,
    number: 3,
    bytes: fill(4, 0xdd),
  },
  secret: { type: 'secret', epoch: 3, secret: fill(32, 0xcc) },
  heads: { type: 'heads', hashes: [fill(32, 9)] },
  records: { type: 'records', more: true, records: [fill(3, 1), fill(4, 2)] },
  'want-records': { type: 'wantRecords', hashes: [] },
  'join-request': { type: 'joinRequest', request: fill(10, 4) },
  'join-accepted': { type: 'joinAccepted' },
  refused: { type: 'refused', code: 'invite-used' },
};
const HINTS: Record<string, Hint> = {
  'hint-join': { purpose: 'join', inviteId: fill(16, 5) },
  'hint-member': { purpose: 'member', origin: '0011223344556677' },
};
const SEED = fill(32, 7);
const NETWORK = fill(32, 8);

const BODY: PresenceBody = {
  origin: '0123456789abcdef',
  seq: 1_700_000_000_000,
  ttlMinutes: 60,
  off: false,
  features: 3,
  relayKBps: 500,
  uplinkKBps: 2_500,
  place: [-120, 45, 0, 31],
  boxKey: fill(32, 6),
  neighbours: ['0011223344556677', '8899aabbccddeeff'],
  relayed: ['8899aabbccddeeff'],
  rtts: [31.5, 0],
  measured: [{ short: '01020304', ms: 12 }],
  endpoints: ['192.0.2.1:4000', '[2001:db8::1]:4000/udp', '192.0.2.1:443/tcp'],
  groups: [
    { group: '232.1.1.1', mode: 'include', sources: ['10.1.2.3'] },
    { group: 'ff15::1', mode: 'exclude', sources: [] },
  ],
};

const statement = (): Uint8Array => signed(BODY);
/** One neighbour in place of another, 5 s later. */
const laterStatement = (): Uint8Array =>
  signed({ ...BODY, seq: BODY.seq + 5_000, neighbours: ['0011223344556677', '99aabbccddeeff00'], relayed: [] });

const signed = (said: PresenceBody): Uint8Array => {
  const body = encodePresenceBody(said);
  return Uint8Array.from([...body, ...crypto.sign(SEED, presenceSigned(NETWORK, body))]);
};

const GOLDEN = fileURLToPath(new URL('../golden/messages/v1.json', import.meta.url));

describe('golden vectors', () => {
  it('every message is encoded as it always was', () => {
    const now: Record<string, string> = {};
    for (const [name, message] of Object.entries(MESSAGES)) now[name] = hexOf(encodeMessage(message));
    for (const [name, hint] of Object.entries(HINTS)) now[name] = hexOf(encodeHint(hint));
    now['presence-3'] = hexOf(statement());
    now['presence-3-delta'] = hexOf(encodePresenceDelta(statement(), laterStatement()) as Uint8Array);
    const kept = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Record<string, string>;
    // Only what is not there yet is added; what is there stays as it was.
    if (process.env['UPDATE_GOLDEN'] === '1')
      writeFileSync(GOLDEN, `${JSON.stringify({ ...now, ...kept }, null, 2)}\n`);
    const {
      presence,
      'presence-2': second,
      ...expected
    } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Record<string, string>;
    expect(now).toEqual(expected);
    // Earlier versions of the statement, before the first release: not understood any more, and no harm.
    for (const old of [presence, second])
      expect(decodePresence(Uint8Array.from(Buffer.from(old as string, 'hex')))).toBeNull();
  });
});

describe('messages', () => {
  it.each(Object.entries(MESSAGES))('%s comes back as it was', (_, message) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  it('hints come back as they were', () => {
    for (const hint of Object.values(HINTS)) expect(decodeHint(encodeHint(hint))).toEqual(hint);
    expect(decodeHint(new Uint8Array(0))).toBeNull();
    expect(decodeHint(Uint8Array.of(2, 1, 0, 0))).toBeNull();
  });

  it.each(Object.entries(MESSAGES))('%s cut off or with more behind it is bad', (_, message) => {
    const bytes = encodeMessage(message);
    for (let length = 2; length < bytes.length; length++) expect(decodeMessage(bytes.slice(0, length))).toBe('bad');
    expect(decodeMessage(Uint8Array.from([...bytes, 0]))).toBe('bad');
  });

  it('later versions and types are unknown, not bad', () => {
    expect(decodeMessage(Uint8Array.of(2, 1, 9))).toBe('unknown');
    expect(decodeMessage(Uint8Array.of(1, 250, 9))).toBe('unknown');
  });

  it('counts beyond the limits are bad', () => {
    expect(decodeMessage(Uint8Array.from([1, 3, 65]))).toBe('bad');
    // A statement that comes as what changed, of a length beyond a whole one's.
    expect(decodeMessage(Uint8Array.from([1, 3, 1, 0, 0, 0xb0, 1, ...fill(0x3001, 0)]))).toBe('bad');
    expect(decodeMessage(Uint8Array.from([1, 3, 1, 0, 0, 0xb0, 0, ...fill(0x3000, 0)]))).not.toBe('bad');
    expect(decodeMessage(Uint8Array.from([1, 4, 3, ...fill(12, 0)]))).toBe('bad');
    expect(decodeMessage(Uint8Array.from([1, 34, 0, 3, 65, 66, 67]))).toBe('bad');
    expect(decodeMessage(fill(60_001, 1))).toBe('bad');
  });

  it('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodeMessage(bytes);
        decodeMessage(Uint8Array.from([1, ...bytes]));
        decodeHint(bytes);
        decodePresence(bytes);
        decodePresence(Uint8Array.from([2, ...bytes]));
        decodePresenceDelta(bytes);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('statements of presence', () => {
  it('come back as they were, with a signature over the network and the body', () => {
    const bytes = statement();
    const presence = decodePresence(bytes);
    expect(presence).toMatchObject({ origin: '0123456789abcdef', ttlMinutes: 60, relayed: ['8899aabbccddeeff'] });
    expect(presence?.groups[0]).toEqual({ group: '232.1.1.1', mode: 'include', sources: ['10.1.2.3'] });
    const { body, signature } = presenceParts(bytes);
    const key = crypto.signPublicKey(SEED);
    expect(crypto.verify(key, presenceSigned(NETWORK, body), signature)).toBe(true);
    expect(crypto.verify(key, presenceSigned(fill(32, 1), body), signature)).toBe(false);
  });

  it('with a group that is no multicast address are refused', () => {
    const bytes = statement();
    const at = Buffer.from(bytes).indexOf(Buffer.from([232, 1, 1, 1]));
    bytes[at] = 10;
    expect(decodePresence(bytes)).toBeNull();
  });
});

describe('addresses', () => {
  it('have one spelling each', () => {
    for (const [text, normal] of [
      ['::', '::'],
      ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
      ['FE80::0001', 'fe80::1'],
      ['::ffff:1.2.3.4', '::ffff:102:304'],
      ['192.0.2.1', '192.0.2.1'],
    ] as const) {
      const parsed = parseIp(text);
      expect(parsed && formatIp(parsed)).toBe(normal);
    }
    for (const bad of [
      '',
      '1.2.3',
      '01.2.3.4',
      '256.1.1.1',
      ':::',
      '1::2::3',
      'fe80::1%eth0',
      'g::',
      '1:2:3:4:5:6:7:8:9',
    ]) {
      expect(parseIp(bad)).toBeNull();
    }
  });

  it('any IPv6 address comes back from its text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(parseIp(formatIp(bytes))).toEqual(bytes);
      }),
    );
  });

  it('endpoints need a port', () => {
    for (const text of ['192.0.2.1:4000', '[2001:db8::1]:65535']) {
      const endpoint = parseEndpoint(text);
      expect(endpoint && formatEndpoint(endpoint)).toBe(text);
    }
    for (const bad of ['192.0.2.1', '192.0.2.1:0', '192.0.2.1:65536', '[::1]', '::1:5', 'host:5', '[1.2.3.4]:5']) {
      expect(parseEndpoint(bad)).toBeNull();
    }
  });
});
