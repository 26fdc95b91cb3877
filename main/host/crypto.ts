// The engine's Crypto and Random ports on node:crypto.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { Crypto, Random } from '../../app/engine/ports.ts';
import { AEAD_TAG_BYTES, aeadOpen, aeadSeal } from './aead.ts';

/** DER around raw 32-byte keys (RFC 8410). */
const PRIVATE_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_X25519 = Buffer.from('302a300506032b656e032100', 'hex');
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

const BOX_INFO = 'weft box 1';
/** Each key seals once. */
const BOX_NONCE = Buffer.alloc(12);

/** null: the other key is a point of small order, which would make the secret known to all. */
function boxKey(
  secret: KeyObject,
  publicKey: Uint8Array,
  ends: [ephemeral: Uint8Array, receiver: Uint8Array],
  aad: Uint8Array,
): Uint8Array | null {
  let shared: Buffer;
  try {
    const theirs = createPublicKey({ key: Buffer.concat([PUBLIC_X25519, publicKey]), format: 'der', type: 'spki' });
    shared = diffieHellman({ privateKey: secret, publicKey: theirs });
  } catch {
    return null;
  }
  if (shared.every((byte) => byte === 0)) return null;
  const bound = createHash('sha256').update(ends[0]).update(ends[1]).update(aad).digest();
  return new Uint8Array(hkdfSync('sha256', shared, bound, BOX_INFO, KEY_BYTES));
}

/** The last one: a key for many receivers is sealed with one ephemeral secret, and half of the work is its public key. */
let lastEphemeral: { bytes: Buffer; secret: KeyObject; ephemeral: Uint8Array } | null = null;

function ephemeralOf(bytes: Uint8Array): { secret: KeyObject; ephemeral: Uint8Array } {
  if (!lastEphemeral?.bytes.equals(bytes)) {
    const secret = privateKey(PRIVATE_X25519, bytes);
    lastEphemeral = { bytes: Buffer.from(bytes), secret, ephemeral: rawPublic(secret) };
  }
  return lastEphemeral;
}

function sealBox(
  publicKey: Uint8Array,
  ephemeralSecret: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  const { secret, ephemeral } = ephemeralOf(ephemeralSecret);
  const key = boxKey(secret, publicKey, [ephemeral, publicKey], aad);
  // Nobody can open it, as nobody should who says to have such a key.
  const sealed = key ? aeadSeal(key, BOX_NONCE, aad, plaintext) : new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
  return new Uint8Array(Buffer.concat([ephemeral, sealed]));
}

function openBox(secret: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | null {
  if (sealed.length < KEY_BYTES + AEAD_TAG_BYTES) return null;
  const own = privateKey(PRIVATE_X25519, secret);
  const ephemeral = sealed.subarray(0, KEY_BYTES);
  const key = boxKey(own, ephemeral, [ephemeral, rawPublic(own)], aad);
  return key && aeadOpen(key, BOX_NONCE, aad, sealed.subarray(KEY_BYTES));
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
  sealBox,
  openBox,
};

export const nodeRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
