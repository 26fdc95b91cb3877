// The Crypto port of simulated members: real (with a memory of verifications, as all verify the same records), or with signatures that
// cost one hash and prove nothing. X25519 is real in both: the sessions use it.
import { createHash } from 'node:crypto';
import type { Crypto } from '../../../app/engine/ports.ts';
import { crypto as real } from '../../engine/support/crypto.ts';

export { real };

const digest = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const PUBLIC = Buffer.from('sim public');

function signature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const half = digest(publicKey, message);
  const whole = new Uint8Array(64);
  whole.set(half);
  whole.set(half, 32);
  return whole;
}

/** Of those who sign again and again; the oldest go first. */
const PUBLIC_KEYS_MAX = 1_024;
const publicKeys = new Map<string, Uint8Array>();

function publicKey(seed: Uint8Array): Uint8Array {
  const name = Buffer.from(seed).toString('latin1');
  let key = publicKeys.get(name);
  if (key) return key;
  if (publicKeys.size >= PUBLIC_KEYS_MAX) publicKeys.delete(publicKeys.keys().next().value as string);
  publicKeys.set(name, (key = digest(PUBLIC, seed)));
  return key;
}

/** What a signature was good for: thousands of members verify the same ones. */
const verified = new WeakMap<Uint8Array, { key: Uint8Array; message: Uint8Array }>();

function verify(key: Uint8Array, message: Uint8Array, given: Uint8Array): boolean {
  const known = verified.get(given);
  if (known && Buffer.compare(known.message, message) === 0 && Buffer.compare(known.key, key) === 0) return true;
  const isGood = Buffer.compare(signature(key, message), given) === 0;
  if (isGood) verified.set(given, { key, message });
  return isGood;
}

export const fake: Crypto = {
  ...real,
  signPublicKey: publicKey,
  sign: (seed, message) => signature(publicKey(seed), message),
  verify,
};
