// Crypto of app/mesh/discovery on this machine: node's own, and ChaCha20-Poly1305.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { SealCrypto } from '../../app/mesh/discovery/seal.ts';
import { TAG_BYTES } from '../../app/mesh/discovery/seal.ts';
import { nodeCrypto } from '../host/crypto.ts';

const CIPHER = 'chacha20-poly1305';
const options = { authTagLength: TAG_BYTES };

export const sealCrypto: SealCrypto = {
  ...nodeCrypto,
  seal(key, nonce, aad, plain) {
    const cipher = createCipheriv(CIPHER, key, nonce, options);
    cipher.setAAD(aad, { plaintextLength: plain.length });
    return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  },
  open(key, nonce, aad, sealed) {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return null;
    const decipher = createDecipheriv(CIPHER, key, nonce, options);
    decipher.setAAD(aad, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const plain = decipher.update(sealed.subarray(0, length));
    try {
      return new Uint8Array(Buffer.concat([plain, decipher.final()]));
    } catch {
      return null;
    }
  },
};
