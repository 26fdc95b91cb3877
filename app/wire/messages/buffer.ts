// Reading and writing of bounded binary messages, big-endian. A reader never throws on short input: it turns bad and stays so.

export class Writer {
  #bytes = new Uint8Array(128);
  #length = 0;

  #room(more: number): number {
    const at = this.#length;
    if (at + more > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, at + more));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length += more;
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  /** Integers up to 2^48 - 1: wall clock milliseconds and sequence numbers fit. */
  u48(value: number): this {
    return this.u16(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
  }

  /** 7 bits in each byte, the least first, the top bit where more follow. Below 2^21. */
  varint(value: number): this {
    let left = value;
    for (; left > 0x7f; left >>>= 7) this.u8((left & 0x7f) | 0x80);
    return this.u8(left);
  }

  bytes(value: Uint8Array): this {
    // The buffer may be another one after this.
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Length as u16, then the bytes. */
  blob(value: Uint8Array): this {
    return this.u16(value.length).bytes(value);
  }

  get length(): number {
    return this.#length;
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #bad = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** False once anything was read beyond the end or refused by `fail`. */
  get good(): boolean {
    return !this.#bad;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get at(): number {
    return this.#at;
  }

  fail(): void {
    this.#bad = true;
  }

  /** Good and nothing left over. */
  finished(): boolean {
    return !this.#bad && this.left === 0;
  }

  #take(length: number): number {
    if (this.#bad || this.left < length) {
      this.#bad = true;
      return -1;
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : (this.#bytes[at] as number);
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  u48(): number {
    return this.u16() * 2 ** 32 + this.u32();
  }

  /** At most three bytes; see the writer. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.#bad = true;
    return 0;
  }

  /** A copy; empty when short. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? new Uint8Array(0) : this.#bytes.slice(at, at + length);
  }

  blob(max: number): Uint8Array {
    const length = this.u16();
    if (length > max) this.#bad = true;
    return this.bytes(length);
  }

  /** A count that must not exceed `max`. */
  count(value: number, max: number): number {
    if (value > max) this.#bad = true;
    return this.#bad ? 0 : value;
  }
}
