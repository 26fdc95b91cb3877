// Sealing for formats that strangers see. The AEAD comes from outside, like all of Crypto.
import type { Crypto } from '../../wire/crypto.ts';

/** ChaCha20-Poly1305 (RFC 8439). */
export interface Aead {
  /** 32-byte key, 12-byte nonce → ciphertext ‖ 16-byte tag. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array;
  /** null when anything is not as sealed. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}

export type SealCrypto = Crypto & Aead;

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
export const DAY_MS = 86_400_000;

/** Days since 1970 by this clock. */
export const dayOf = (wallMs: number): number => Math.floor(wallMs / DAY_MS);

/** Own day first: clocks may be a day apart. */
export const daysAround = (wallMs: number): number[] => {
  const day = dayOf(wallMs);
  return [day, day - 1, day + 1];
};

/** Zero bytes up to a fixed length, so that sizes tell nothing. */
export function padTo(bytes: Uint8Array, length: number): Uint8Array | null {
  if (bytes.length > length) return null;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  return padded;
}
