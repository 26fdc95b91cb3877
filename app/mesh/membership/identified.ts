// What follows from a record's bytes alone. Bytes of records never change, so it is worked out once for each array, whoever holds it: a
// ledger that is read again, or many ledgers in one process.
import type { Crypto } from '../../wire/crypto.ts';
import { decodeRecord, KeptMembership, type RecordBody } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import type { Said } from './entry.ts';

/** `body` null: the bytes are no record. */
export type Identified = Said | (Omit<Said, 'body'> & { body: null });

const known = new WeakMap<Uint8Array, Identified>();

/** The hash is SHA-256, by whatever `crypto`. */
export function identify(crypto: Crypto, bytes: Uint8Array): Identified {
  const before = known.get(bytes);
  if (before) return before;
  const hash = crypto.hash(bytes);
  const said = { bytes, hash, key: hex(hash) };
  const body = kept(bytes, decodeRecord(bytes)?.body ?? null);
  const identified = body === null ? { ...said, body } : { ...said, body };
  known.set(bytes, identified);
  return identified;
}

function kept(bytes: Uint8Array, body: RecordBody | null): RecordBody | null {
  return body?.kind === 'membership'
    ? new KeptMembership(bytes, body, shared(body.author), shared(body.certificate))
    : body;
}

/** Ids that many memberships name: their sponsors and invites. The oldest go first; who has them keeps them. */
const SHARED_MAX = 4_096;
const sharedIds = new Map<string, Uint8Array>();

function shared(id: Uint8Array): Uint8Array {
  const name = hex(id);
  const before = sharedIds.get(name);
  if (before) return before;
  const oldest = sharedIds.size >= SHARED_MAX ? sharedIds.keys().next().value : undefined;
  if (oldest !== undefined) sharedIds.delete(oldest);
  sharedIds.set(name, id);
  return id;
}

const names = new WeakMap<Uint8Array, string>();

/** Hex of a key or name that follows from a record, one text for all who ask. */
export function nameOf(bytes: Uint8Array): string {
  let name = names.get(bytes);
  if (name === undefined) names.set(bytes, (name = hex(bytes)));
  return name;
}
