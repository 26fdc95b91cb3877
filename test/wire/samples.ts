// One record of each kind, and arbitrary ones.
import fc from 'fast-check';
import { compareBytes, REPAIRS, ROLES, type RecordBody } from '../../app/wire/record.ts';

const of = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const id = of(32);
const ms = fc.maxSafeNat();
const name = fc.string({ unit: 'grapheme', maxLength: 12 });
const heads = fc
  .uniqueArray(id, { minLength: 1, maxLength: 16, comparator: (a, b) => compareBytes(a, b) === 0 })
  .map((list) => list.sort(compareBytes));
const role = fc.constantFrom(...ROLES);
const u16 = fc.integer({ min: 0, max: 0xffff });
const byte = fc.integer({ min: 0, max: 0xff });
const author = id;
const origins = fc.option(
  fc
    .uniqueArray(of(8), { maxLength: 8, comparator: (a, b) => compareBytes(a, b) === 0 })
    .map((list) => list.sort(compareBytes)),
);
const kind = <K extends RecordBody['kind']>(value: K) => fc.constant(value);

export const anyBody: fc.Arbitrary<RecordBody> = fc.oneof(
  fc.record({
    kind: kind('genesis'),
    rootKey: id,
    name,
    prefix: fc.tuple(byte, byte),
    mtu: u16,
    createdMs: ms,
    memberKey: id,
    noiseKey: id,
    ownerName: name,
    ownerSignature: of(64),
  }),
  fc.record({
    kind: kind('certificate'),
    author,
    heads,
    inviteKey: id,
    role,
    uses: u16,
    notBeforeMs: ms,
    expiresMs: ms,
  }),
  fc.record({
    kind: kind('membership'),
    author,
    heads,
    certificate: id,
    memberKey: id,
    noiseKey: id,
    name,
    inviteSignature: of(64),
    memberSignature: of(64),
    nonce: of(16),
    acceptedMs: ms,
  }),
  fc.record({ kind: kind('witness'), author, membership: id }),
  fc.record({ kind: kind('removal'), author, heads, target: id, atMs: ms }),
  fc.record({ kind: kind('role'), author, heads, target: id, role, atMs: ms }),
  fc.record({ kind: kind('rename'), author, heads, target: id, name }),
  fc.record({ kind: kind('networkName'), author, heads, name }),
  fc.record({ kind: kind('revocation'), author, heads, certificate: id }),
  fc.record({
    kind: kind('channel'),
    author,
    heads,
    channel: of(16),
    name,
    group: fc.oneof(of(4), of(16)),
    port: fc.integer({ min: 1, max: 0xffff }),
    repair: fc.constantFrom(...REPAIRS),
    publishers: origins,
    subscribers: origins,
    closed: fc.boolean(),
  }),
);
