import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRecord,
  encodeBody,
  KeptMembership,
  partsOf,
  RECORD_BYTES_MAX,
  RECORD_VERSION,
  type RecordBody,
} from '../../app/wire/record.ts';
import { concat } from '../../app/wire/text.ts';
import { anyBody } from './samples.ts';

const signature = new Uint8Array(64).fill(7);
const RUNS = Number(process.env.WEFT_FUZZ_RUNS ?? 3_000);

describe('records', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const signed = encodeBody(body);
        expect(decodeRecord(concat(signed, signature))).toEqual({ body, signed, signature });
      }),
    );
  });

  it('say the same where they are read in place', () => {
    fc.assert(
      fc.property(anyBody, fc.uint8Array({ minLength: 64, maxLength: 64 }), (body, end) => {
        const signed = encodeBody(body);
        const bytes = concat(signed, end);
        expect(partsOf(bytes)).toEqual({ signed, signature: end });
        if (body.kind !== 'membership') return;
        const kept: RecordBody = new KeptMembership(bytes, body, body.author, body.certificate);
        expect(encodeBody(kept)).toEqual(signed);
      }),
      { numRuns: RUNS },
    );
  });

  it('have one encoding: what can be read is written the same', () => {
    fc.assert(
      fc.property(anyBody, fc.nat(), fc.nat(255), fc.nat(), (body, where, value, cut) => {
        const bytes = concat(encodeBody(body), signature);
        bytes[where % bytes.length] = value;
        for (const candidate of [bytes, bytes.slice(0, cut % bytes.length), concat(bytes, Uint8Array.of(value))]) {
          const back = decodeRecord(candidate);
          if (back) expect(concat(encodeBody(back.body), back.signature)).toEqual(candidate);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('never throw on what anybody sends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 0, max: 9 }), (rest, kind) => {
        decodeRecord(rest);
        decodeRecord(concat(Uint8Array.of(RECORD_VERSION, kind), rest));
      }),
      { numRuns: RUNS },
    );
  });

  it('are refused when too long, of another version, of an unknown kind, cut off, or with a rest', () => {
    const right = concat(
      encodeBody({ kind: 'witness', author: new Uint8Array(32), membership: new Uint8Array(32) }),
      signature,
    );
    expect(decodeRecord(right)).not.toBeNull();
    for (let length = 0; length < right.length; length++) expect(decodeRecord(right.slice(0, length))).toBeNull();
    expect(decodeRecord(concat(right, Uint8Array.of(0)))).toBeNull();
    expect(decodeRecord(concat(Uint8Array.of(2), right.slice(1)))).toBeNull();
    expect(decodeRecord(concat(Uint8Array.of(1, 9), right.slice(2)))).toBeNull();
    expect(decodeRecord(new Uint8Array(RECORD_BYTES_MAX + 1))).toBeNull();
  });

  it('take heads in rising order only, each once, at least one', () => {
    const write = (...values: number[]) =>
      concat(
        encodeBody({
          kind: 'networkName',
          author: new Uint8Array(32),
          heads: values.map((value) => new Uint8Array(32).fill(value)),
          name: 'x',
        }),
        signature,
      );
    expect(decodeRecord(write(1, 2))).not.toBeNull();
    for (const bad of [[2, 1], [1, 1], []]) expect(decodeRecord(write(...bad)), bad.join()).toBeNull();
    expect(decodeRecord(write(...Array.from({ length: 17 }, (_, at) => at)))).toBeNull();
  });
});
