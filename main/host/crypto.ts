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

/** Others' keys that are kept as node has them: making one of them costs as much as using it. The oldest go first. */
const KEYS_KEPT_MAX = 8_192;

interface OwnKey {
  secret: KeyObject;
  /** Its public half, raw. */
  raw: Uint8Array;
}

/** Own secrets, as long as their bytes are held; those never change in place. */
const ownKeys = { ed25519: new WeakMap<Uint8Array, OwnKey>(), x25519: new WeakMap<Uint8Array, OwnKey>() };

function ownKey(kind: keyof typeof ownKeys, bytes: Uint8Array): OwnKey {
  let known = ownKeys[kind].get(bytes);
  if (!known) {
    const prefix = kind === 'ed25519' ? PRIVATE_ED25519 : PRIVATE_X25519;
    const secret = createPrivateKey({ key: Buffer.concat([prefix, bytes]), format: 'der', type: 'pkcs8' });
    const der = createPublicKey(secret).export({ format: 'der', type: 'spki' });
    known = { secret, raw: new Uint8Array(der.subarray(der.length - KEY_BYTES)) };
    ownKeys[kind].set(bytes, known);
  }
  return known;
}

const publicKey = (prefix: Buffer, raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'spki' });

/** By their kind and bytes. */
const othersKeys = new Map<string, KeyObject>();

function keptKey(prefix: Buffer, raw: Uint8Array): KeyObject {
  const name = Buffer.concat([prefix, raw]).toString('latin1');
  let known = othersKeys.get(name);
  if (!known) {
    known = publicKey(prefix, raw);
    if (othersKeys.size >= KEYS_KEPT_MAX) othersKeys.delete(othersKeys.keys().next().value as string);
    othersKeys.set(name, known);
  }
  return known;
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
  theirs: () => KeyObject,
  ends: [ephemeral: Uint8Array, receiver: Uint8Array],
  aad: Uint8Array,
): Uint8Array | null {
  let shared: Buffer;
  try {
    shared = diffieHellman({ privateKey: secret, publicKey: theirs() });
  } catch {
    return null;
  }
  if (shared.every((byte) => byte === 0)) return null;
  const bound = createHash('sha256').update(ends[0]).update(ends[1]).update(aad).digest();
  return new Uint8Array(hkdfSync('sha256', shared, bound, BOX_INFO, KEY_BYTES));
}

function sealBox(
  receiver: Uint8Array,
  ephemeralSecret: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  // One secret seals a key for many receivers, and half of the work is its public half.
  const { secret, raw: ephemeral } = ownKey('x25519', ephemeralSecret);
  const key = boxKey(secret, () => keptKey(PUBLIC_X25519, receiver), [ephemeral, receiver], aad);
  // Nobody can open it, as nobody should who says to have such a key.
  const sealed = key ? aeadSeal(key, BOX_NONCE, aad, plaintext) : new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
  return new Uint8Array(Buffer.concat([ephemeral, sealed]));
}

function openBox(bytes: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | null {
  if (sealed.length < KEY_BYTES + AEAD_TAG_BYTES) return null;
  const own = ownKey('x25519', bytes);
  const ephemeral = sealed.subarray(0, KEY_BYTES);
  const key = boxKey(own.secret, () => publicKey(PUBLIC_X25519, ephemeral), [ephemeral, own.raw], aad);
  return key && aeadOpen(key, BOX_NONCE, aad, sealed.subarray(KEY_BYTES));
}

export const nodeCrypto: Crypto = {
  signPublicKey: (seed) => Uint8Array.from(ownKey('ed25519', seed).raw),
  sign: (seed, message) => new Uint8Array(sign(null, message, ownKey('ed25519', seed).secret)),
  verify(raw, message, signature) {
    return canonical(raw, signature) && verify(null, message, keptKey(PUBLIC_ED25519, raw), signature);
  },
  dhPublicKey: (secret) => Uint8Array.from(ownKey('x25519', secret).raw),
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
