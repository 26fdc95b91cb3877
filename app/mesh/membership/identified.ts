// What follows from a record's bytes alone. Bytes of records never change, so it is worked out once for each array, whoever holds it: a
// ledger that is read again, or many ledgers in one process.
import type { Crypto } from '../../wire/crypto.ts';
import { decodeRecord } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';

export interface Identified {
  hash: Uint8Array;
  /** Hex of the hash. */
  key: string;
  /** null: the bytes are no record. */
  record: ReturnType<typeof decodeRecord>;
}

const known = new WeakMap<Uint8Array, Identified>();

/** The hash is SHA-256, by whatever `crypto`. */
export function identify(crypto: Crypto, bytes: Uint8Array): Identified {
  let identified = known.get(bytes);
  if (!identified) {
    const hash = crypto.hash(bytes);
    identified = { hash, key: hex(hash), record: decodeRecord(bytes) };
    known.set(bytes, identified);
  }
  return identified;
}

const names = new WeakMap<Uint8Array, string>();

/** Hex of a key or name that follows from a record, one text for all who ask. */
export function nameOf(bytes: Uint8Array): string {
  let name = names.get(bytes);
  if (name === undefined) names.set(bytes, (name = hex(bytes)));
  return name;
}
