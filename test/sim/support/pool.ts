// Statements and records that all hosts of a run hear are kept once: a thousand members would each hold a thousand copies otherwise.

/** Bytes at the end by which statements are told apart: of their signature. */
const NAME_BYTES = 24;
/** Beyond, the oldest are forgotten: who has them keeps them. */
const KEPT_MAX = 65_536;

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export class Pool {
  readonly #kept = new Map<string, Uint8Array>();

  share(bytes: Uint8Array): Uint8Array {
    const name = Buffer.from(bytes.subarray(-NAME_BYTES)).toString('latin1');
    const known = this.#kept.get(name);
    if (known && sameBytes(known, bytes)) return known;
    this.#kept.delete(name);
    this.#kept.set(name, bytes);
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value as string);
    return bytes;
  }
}
