// A statement of presence as what changed since an earlier one of its author. The signature is over the whole statement: who has exactly the
// earlier one puts the newer together and checks that. Layout: docs/gossip.md.
import { Reader, Writer } from './buffer.ts';
import { applyDifference, difference } from './difference.ts';
import { hex } from './hex.ts';
import {
  PRESENCE_BYTES_MAX,
  PRESENCE_HEAD_BYTES,
  PRESENCE_SIGNATURE_BYTES,
  PRESENCE_VERSION,
  type Origin,
} from './presence.ts';

const ORIGIN_BYTES = 8;
const SEQ_BYTES = 6;
const DELTA_HEAD_BYTES = ORIGIN_BYTES + 2 * SEQ_BYTES;
/** The share of the whole that a delta takes at most: what is saved must be worth that somebody may lack the earlier statement. */
const WORTH_SHARE = 0.8;

export interface PresenceDelta {
  origin: Origin;
  /** Of the statement that it leads to. */
  seq: number;
  /** Of the one that it leads from. */
  baseSeq: number;
  /** Over what lies between head and signature. */
  steps: Uint8Array;
  signature: Uint8Array;
}

export const isDeltaWorth = (deltaBytes: number, wholeBytes: number): boolean => deltaBytes <= WORTH_SHARE * wholeBytes;

const partsOf = (statement: Uint8Array): Uint8Array =>
  statement.subarray(PRESENCE_HEAD_BYTES, statement.length - PRESENCE_SIGNATURE_BYTES);

/** What leads from one well-formed statement to a newer one of the same author, as it travels; null: not worth it. */
export function encodePresenceDelta(base: Uint8Array, next: Uint8Array): Uint8Array | null {
  const steps = difference(partsOf(base), partsOf(next));
  if (!steps || !isDeltaWorth(DELTA_HEAD_BYTES + steps.length + PRESENCE_SIGNATURE_BYTES, next.length)) return null;
  return new Writer()
    .bytes(next.subarray(1, PRESENCE_HEAD_BYTES))
    .bytes(base.subarray(PRESENCE_HEAD_BYTES - SEQ_BYTES, PRESENCE_HEAD_BYTES))
    .bytes(steps)
    .bytes(next.subarray(next.length - PRESENCE_SIGNATURE_BYTES))
    .done();
}

/** Null: malformed. The steps are read when they are applied. */
export function decodePresenceDelta(bytes: Uint8Array): PresenceDelta | null {
  const reader = new Reader(bytes);
  const origin = hex(reader.bytes(ORIGIN_BYTES));
  const seq = reader.u48();
  const baseSeq = reader.u48();
  const steps = reader.bytes(Math.max(0, reader.left - PRESENCE_SIGNATURE_BYTES));
  const signature = reader.bytes(PRESENCE_SIGNATURE_BYTES);
  return reader.good && baseSeq < seq ? { origin, seq, baseSeq, steps, signature } : null;
}

/** The statement that a delta leads to from `base`, whose author and sequence it names; null: malformed. What it says is still to be verified. */
export function applyPresenceDelta(base: Uint8Array, delta: PresenceDelta): Uint8Array | null {
  const bytesMax = PRESENCE_BYTES_MAX - PRESENCE_HEAD_BYTES - PRESENCE_SIGNATURE_BYTES;
  const parts = applyDifference(partsOf(base), delta.steps, bytesMax);
  if (!parts) return null;
  return new Writer()
    .u8(PRESENCE_VERSION)
    .bytes(base.subarray(1, 1 + ORIGIN_BYTES))
    .u48(delta.seq)
    .bytes(parts)
    .bytes(delta.signature)
    .done();
}
