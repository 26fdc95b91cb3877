/** Ed25519, X25519, SHA-256 and HKDF-SHA256 on 32-byte keys. Deterministic; no randomness inside. */
export interface Crypto {
  /** 32-byte seed → 32-byte public key. */
  signPublicKey(seed: Uint8Array): Uint8Array;
  /** 64-byte signature. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** Strict: canonical encodings only. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  dhPublicKey(secret: Uint8Array): Uint8Array;
  /** 32 bytes. */
  hash(...parts: Uint8Array[]): Uint8Array;
  hkdf(key: Uint8Array, info: string, length: number): Uint8Array;
  /**
   * Seals to an X25519 key (docs/trees.md): ephemeral public key 32 ‖ ciphertext ‖ tag 16. An ephemeral secret seals at most once for each
   * pair of key and aad.
   */
  sealBox(publicKey: Uint8Array, ephemeralSecret: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** null: not for this key, or changed on the way. */
  openBox(secret: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | null;
}
