// The Crypto port by node:crypto, with a memory of verifications: simulated members verify the same records.
import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify, type KeyObject } from 'node:crypto';
import type { Crypto } from '../../../app/engine/ports.ts';
import { nodeCrypto } from '../../../main/host/crypto.ts';

const ED_PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex');
const ED_PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');
const X_PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex');

const privateKeys = new Map<string, KeyObject>();

function edPrivate(seed: Uint8Array): KeyObject {
  const name = Buffer.from(seed).toString('base64');
  let key = privateKeys.get(name);
  if (!key) {
    key = createPrivateKey({ key: Buffer.concat([ED_PRIVATE, seed]), format: 'der', type: 'pkcs8' });
    privateKeys.set(name, key);
  }
  return key;
}
const rawPublic = (key: ReturnType<typeof createPrivateKey>): Uint8Array =>
  new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32));

const verified = new Map<string, boolean>();
const VERIFIED_MAX = 500_000;

export const crypto = {
  signPublicKey: (seed: Uint8Array) => rawPublic(edPrivate(seed)),
  sign: (seed: Uint8Array, message: Uint8Array) => new Uint8Array(sign(null, message, edPrivate(seed))),
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const name = createHash('sha1').update(publicKey).update(signature).update(message).digest('base64');
    const known = verified.get(name);
    if (known !== undefined) return known;
    let good = false;
    try {
      const key = createPublicKey({ key: Buffer.concat([ED_PUBLIC, publicKey]), format: 'der', type: 'spki' });
      good = verify(null, message, key, signature);
    } catch {
      good = false;
    }
    if (verified.size > VERIFIED_MAX) verified.clear();
    verified.set(name, good);
    return good;
  },
  dhPublicKey: (secret: Uint8Array) =>
    rawPublic(createPrivateKey({ key: Buffer.concat([X_PRIVATE, secret]), format: 'der', type: 'pkcs8' })),
  hash(...parts: Uint8Array[]): Uint8Array {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
  hkdf: (key: Uint8Array, info: string, length: number) =>
    new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, length)),
  sealBox: nodeCrypto.sealBox,
  openBox: nodeCrypto.openBox,
} satisfies Crypto;
