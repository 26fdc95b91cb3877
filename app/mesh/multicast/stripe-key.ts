// The key of a stripe, from the one key of its cast: each tree has its own, for each counts its sequences by itself.
import type { TreesIo } from './io.ts';

export const stripeKey = (io: Pick<TreesIo, 'hkdf'>, key: Uint8Array, tree: number): Uint8Array =>
  io.hkdf(key, `weft stripe key 1 ${tree}`, 32);
