import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, Reader, WireError, Writer } from '../../app/wire/bytes.ts';
import { unhex } from '../../app/wire/messages/hex.ts';
import {
  base32,
  base64url,
  concat,
  fromBase32,
  fromBase64url,
  hex,
  sameBytes,
  utf8Decode,
  utf8Encode,
} from '../../app/wire/text.ts';

const bytes = fc.uint8Array({ maxLength: 80 });

describe('base64url and base32', () => {
  it('agree with the well-known forms', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(base64url(value)).toBe(Buffer.from(value).toString('base64url'));
        expect(fromBase64url(base64url(value))).toEqual(value);
        expect(fromBase32(base32(value))).toEqual(value);
        expect(hex(value)).toBe(Buffer.from(value).toString('hex'));
      }),
    );
    expect(base32(utf8Encode('foobar'))).toBe('mzxw6ytboi');
    expect(base32(new Uint8Array(32))).toHaveLength(52);
  });

  it('have one text for one value', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        for (const [read, write] of [
          [fromBase64url, base64url],
          [fromBase32, base32],
        ] as const) {
          const value = read(text);
          if (value !== null) expect(write(value)).toBe(text);
        }
      }),
    );
    for (const text of ['A', 'AB', 'AAA=', 'A A', 'AAB', '%']) expect(fromBase64url(text), text).toBeNull();
    for (const text of ['a', 'MZXW6', 'mzxw61', 'mb', 'mzx']) expect(fromBase32(text), text).toBeNull();
  });
});

describe('UTF-8', () => {
  it('agrees with the platform, and takes no second form of a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(utf8Encode(text)).toEqual(new Uint8Array(Buffer.from(text, 'utf8')));
        expect(utf8Decode(utf8Encode(text))).toBe(text);
      }),
    );
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (value) => {
        let expected: string | null = null;
        try {
          expected = strict.decode(value);
        } catch {
          // Not UTF-8.
        }
        expect(utf8Decode(value)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
    for (const bad of [
      [0xc0, 0x80],
      [0xe0, 0x80, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf8, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
    ])
      expect(utf8Decode(Uint8Array.from(bad)), bad.join()).toBeNull();
  });
});

describe('reader and writer', () => {
  it('bring back what was written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.maxSafeNat(),
        bytes,
        fc.array(bytes, { maxLength: 5 }),
        (small, middle, large, blob, list) => {
          const written = new Writer(1).u16(small).u32(middle).u64(large).bytes8(blob).bytes16(blob);
          written.list8(list, (item, out) => out.bytes8(item));
          const back = decode(written.done(), (reader) => [
            reader.u16(),
            reader.u32(),
            reader.u64(),
            reader.bytes8(),
            reader.bytes16(),
            reader.list8(5, (inner) => inner.bytes8()),
          ]);
          expect(back).toEqual([small, middle, large, blob, blob, list]);
        },
      ),
    );
  });

  it('stop at the end, at limits, at what follows, and let bugs through', () => {
    expect(decode(Uint8Array.of(1), (reader) => reader.u16())).toBeNull();
    expect(decode(Uint8Array.of(1, 2), (reader) => reader.u8())).toBeNull();
    expect(decode(Uint8Array.of(3, 1, 2), (reader) => reader.bytes8())).toBeNull();
    expect(decode(Uint8Array.of(2, 1, 2), (reader) => reader.bytes8(1))).toBeNull();
    expect(decode(Uint8Array.of(2, 0, 0), (reader) => reader.list8(1, (inner) => inner.u8()))).toBeNull();
    expect(decode(new Uint8Array(8).fill(0xff), (reader) => reader.u64())).toBeNull();
    expect(() => new Writer().bytes8(new Uint8Array(256))).toThrow(WireError);
    expect(() => new Reader(new Uint8Array(0)).u8()).toThrow(WireError);
    expect(() =>
      decode(new Uint8Array(0), () => {
        throw new TypeError('a bug');
      }),
    ).toThrow(TypeError);
  });
});

it('compares and joins bytes', () => {
  expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  expect(concat(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2))).toEqual(Uint8Array.of(1, 2));
});

describe('long texts', () => {
  it('are put together from parts without a seam', () => {
    const long = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31) & 0xff);
    expect(fromBase64url(base64url(long))).toEqual(long);
    expect(hex(long)).toBe(Buffer.from(long).toString('hex'));
    expect(unhex(hex(long))).toEqual(long);
  });
});
