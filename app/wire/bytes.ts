// Bounded, canonical binary: big-endian integers, length-prefixed bytes, no trailing rest.
import { utf8Decode, utf8Encode } from './text.ts';

/** Thrown by readers only, and caught by every decoder of this folder: callers get null or a code, never a throw. */
export class WireError extends Error {}

export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  #room(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + count));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length += count;
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }
  u16(value: number): this {
    return this.u8((value >>> 8) & 0xff).u8(value & 0xff);
  }
  u32(value: number): this {
    return this.u16(Math.floor(value / 0x10000) & 0xffff).u16(value & 0xffff);
  }
  /** Integers up to 2^53 − 1. */
  u64(value: number): this {
    return this.u32(Math.floor(value / 0x100000000)).u32(value % 0x100000000);
  }
  /** Bytes of a length that both sides know. */
  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  bytes8(bytes: Uint8Array): this {
    if (bytes.length > 0xff) throw new WireError('too long');
    return this.u8(bytes.length).raw(bytes);
  }
  bytes16(bytes: Uint8Array): this {
    if (bytes.length > 0xffff) throw new WireError('too long');
    return this.u16(bytes.length).raw(bytes);
  }
  text8(text: string): this {
    return this.bytes8(utf8Encode(text));
  }
  list8<T>(items: readonly T[], write: (item: T, writer: Writer) => void): this {
    if (items.length > 0xff) throw new WireError('too many');
    this.u8(items.length);
    for (const item of items) write(item, this);
    return this;
  }
  done(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }
}

export class Reader {
  #at = 0;
  constructor(private readonly source: Uint8Array) {}

  get rest(): number {
    return this.source.length - this.#at;
  }
  get position(): number {
    return this.#at;
  }

  u8(): number {
    const value = this.source[this.#at];
    if (value === undefined) throw new WireError('cut off');
    this.#at++;
    return value;
  }
  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }
  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }
  u64(): number {
    const value = this.u32() * 0x100000000 + this.u32();
    if (!Number.isSafeInteger(value)) throw new WireError('number too large');
    return value;
  }
  raw(length: number): Uint8Array {
    if (length > this.rest) throw new WireError('cut off');
    const bytes = this.source.slice(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
  bytes8(max = 0xff): Uint8Array {
    return this.#bounded(this.u8(), max);
  }
  bytes16(max = 0xffff): Uint8Array {
    return this.#bounded(this.u16(), max);
  }
  #bounded(length: number, max: number): Uint8Array {
    if (length > max) throw new WireError('too long');
    return this.raw(length);
  }
  text8(max = 0xff): string {
    const text = utf8Decode(this.bytes8(max));
    if (text === null) throw new WireError('not UTF-8');
    return text;
  }
  list8<T>(max: number, read: (reader: Reader) => T): T[] {
    const count = this.u8();
    if (count > max) throw new WireError('too many');
    return Array.from({ length: count }, () => read(this));
  }
  end(): void {
    if (this.rest !== 0) throw new WireError('trailing bytes');
  }
}

/** Runs a decoder over all of the bytes; null when they are not exactly one well-formed thing. */
export function decode<T>(bytes: Uint8Array, read: (reader: Reader) => T): T | null {
  const reader = new Reader(bytes);
  try {
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}
