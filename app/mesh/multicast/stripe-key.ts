// The key of a stripe, from the one key of its cast: each tree has its own, for each counts its sequences by itself.
import { stripeKeyInfo } from '../../wire/messages/tree.ts';
import type { TreesIo } from './io.ts';

const BLOCK_BYTES = 64;
const INNER = 0x36;
const OUTER = 0x5c;

/** HKDF-SHA256's expansion, its first block: the key is random, so there is nothing to extract. */
export function stripeKey(io: Pick<TreesIo, 'hash'>, key: Uint8Array, tree: number): Uint8Array {
  const pad = (byte: number): Uint8Array => Uint8Array.from({ length: BLOCK_BYTES }, (_, at) => (key[at] ?? 0) ^ byte);
  const inner = io.hash(pad(INNER), stripeKeyInfo(tree), Uint8Array.of(1));
  return io.hash(pad(OUTER), inner);
}
