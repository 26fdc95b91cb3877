// ChaCha20-Poly1305 for control data (never packets). From a library: Electron's node:crypto is built without this cipher.
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';

export const AEAD_TAG_BYTES = 16;

/** key 32 bytes, nonce 12 bytes → ciphertext ‖ tag of `AEAD_TAG_BYTES`. */
export function aeadSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array {
  return chacha20poly1305(key, nonce, aad).encrypt(plain);
}

/** null: too short, or not sealed by this key, nonce and aad. */
export function aeadOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < AEAD_TAG_BYTES) return null;
  try {
    return chacha20poly1305(key, nonce, aad).decrypt(sealed);
  } catch {
    return null;
  }
}
