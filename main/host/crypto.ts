// The engine's Crypto and Random ports on node:crypto.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { Crypto, Random } from '../../app/engine/ports.ts';

/** DER around raw 32-byte keys (RFC 8410). */
const PRIVATE_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The order of the curve's base point: a signature's second half must be smaller, else it has a twin (RFC 8032). */
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** Field prime: a public key's y coordinate must be smaller. */
const FIELD_PRIME = 2n ** 255n - 19n;

const privateKey = (prefix: Buffer, secret: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([prefix, secret]), format: 'der', type: 'pkcs8' });

function rawPublic(key: KeyObject): Uint8Array {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(der.length - KEY_BYTES));
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] as number);
  return value;
}

function canonical(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  if (littleEndian(signature.subarray(32)) >= GROUP_ORDER) return false;
  const y = Uint8Array.from(publicKey);
  y[31] = (y[31] as number) & 0x7f;
  const value = littleEndian(y);
  // 0, 1 and p − 1 are points of small order: anything verifies under some of them.
  return value < FIELD_PRIME && value > 1n && value !== FIELD_PRIME - 1n;
}

export const nodeCrypto: Crypto = {
  signPublicKey: (seed) => rawPublic(privateKey(PRIVATE_ED25519, seed)),
  sign: (seed, message) => new Uint8Array(sign(null, message, privateKey(PRIVATE_ED25519, seed))),
  verify(publicKey, message, signature) {
    if (!canonical(publicKey, signature)) return false;
    const key = createPublicKey({ key: Buffer.concat([PUBLIC_ED25519, publicKey]), format: 'der', type: 'spki' });
    return verify(null, message, key, signature);
  },
  dhPublicKey: (secret) => rawPublic(privateKey(PRIVATE_X25519, secret)),
  hash(...parts) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
  hkdf: (key, info, length) => new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, length)),
};

export const nodeRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
