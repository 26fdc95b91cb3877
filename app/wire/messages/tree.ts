// What engines say about multicast trees: offers, keys, acknowledgements, the end. Layouts and limits: docs/trees.md.
import { formatIp, isMulticast, parseIp } from './address.ts';
import { Reader, Writer } from './buffer.ts';
import { hex, unhex } from './hex.ts';
import { CONTROL_BYTES_MAX, MESSAGE_VERSION } from './message.ts';
import type { Origin } from './presence.ts';

export const TREE_VERSION = 1;
/** Of a tree whose casts its origin signs: who knows only the other one has no part in it. */
export const TREE_VERSION_SIGNED = 2;
/** The same two with the sender key of another tree of their cast. */
export const TREE_VERSION_SHARED = 3;
export const TREE_VERSION_SHARED_SIGNED = 4;
export const TREE_NODES_MAX = 16_384;
export const TREE_GROUPS_MAX = 32;
/** A description of all nodes is longer than one message may be. */
export const OFFER_PART_BYTES_MAX = 48_000;
export const OFFER_PARTS_MAX = 8;
export const KEYS_PER_MESSAGE_MAX = 1_000;
export const ACK_FAILED_MAX = 255;
/** Names the origin as a parent. */
export const ROOT = 0xffff;
const ORIGIN_BYTES = 8;
const SIGNATURE_BYTES = 64;
const HASH_BYTES = 32;
const KEY_BYTES = 32;
const SIGNER_BYTES = 32;
/** A 32-byte key and its tag; the ephemeral key is the whole message's. */
export const SEALED_KEY_BYTES = 48;
const REPAIRS = ['off', 'nack', 'fec'] as const;
const asciiBytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const DOMAIN = asciiBytes('weft tree 1\0');
const KEY_DOMAIN = asciiBytes('weft cast key 1\0');
const END_DOMAIN = asciiBytes('weft tree end 1\0');

/** Bits of a node's flags. It wants the packets itself. */
export const NODE_SUBSCRIBES = 1;
/** It can take on others whose parent fell silent. */
export const NODE_ADOPTS = 2;
const NODE_FLAGS = NODE_SUBSCRIBES | NODE_ADOPTS;

export interface TreeNode {
  origin: Origin;
  /** Place of the parent in the list; `ROOT`: the origin. */
  parent: number;
  flags: number;
}

export interface TreeHead {
  origin: Origin;
  /** Of the origin's engine; grows with every start of it. What an earlier start said counts no more. */
  start: number;
  tree: number;
  epoch: number;
  repair: (typeof REPAIRS)[number];
  /** Bytes/s that it was planned for; 0: not known. */
  rate: number;
  /** Of the sender key of this epoch. */
  keyId: number;
  /** The sender key is that of this tree of the same origin and start, from which the own one is derived; absent: its own. */
  keyTree?: number;
  /** The Ed25519 key that all casts of this tree are signed with, 32 bytes; absent: none is. */
  signer?: Uint8Array;
  /** What travels here; for people to see. */
  groups: string[];
}

export interface TreeDescription extends TreeHead {
  /** Rising by origin; the tree's own origin is not listed. */
  nodes: TreeNode[];
}

export interface NodeChange {
  origin: Origin;
  /** The tree's origin stands for itself. */
  parent: Origin;
  flags: number;
}

/** The signature is over the description, also where only differences travel. */
export type Offer =
  | { form: 'full'; description: TreeDescription; signature: Uint8Array }
  | { form: 'delta'; head: TreeHead; base: number; gone: number[]; set: NodeChange[]; signature: Uint8Array };

export interface SealedKey {
  origin: Origin;
  sealed: Uint8Array;
}

/** `unreachable`: no session came about. `refused`: it does not pass on. `noKey`: it cannot read. `lost`: its parent fell silent. */
export const FAILURES = ['unreachable', 'refused', 'noKey', 'lost'] as const;

export interface TreeFailure {
  origin: Origin;
  code: (typeof FAILURES)[number];
}

export interface TreeName {
  origin: Origin;
  start: number;
  tree: number;
  epoch: number;
}

export type TreeMessage =
  /** From parent to child. `waitMs`: the word about the whole subtree is expected within. `bytes`: a part of an `Offer`. */
  | ({ type: 'treeOffer'; waitMs: number; part: number; parts: number; bytes: Uint8Array } & TreeName)
  /** From parent to child, after the offer: keys of the child's subtree. */
  | ({ type: 'treeKeys' } & TreeName & KeyHead & { ephemeral: Uint8Array; keys: SealedKey[] })
  /**
   * From child to parent. `stands`: all of the subtree but those below `failed`. `want`: the base of a delta is not known here.
   * `lost`: passed up to the origin.
   */
  | ({ type: 'treeAck'; what: (typeof ACKS)[number]; failed: TreeFailure[] } & TreeName)
  /** From parent to child: it is not part of the tree any more. */
  | ({ type: 'treeDrop' } & TreeName)
  /** The tree has ended, for good: its number is not used again. The origin's word, passed down by all. */
  | ({ type: 'treeEnd'; signature: Uint8Array } & TreeName);

export interface KeyHead {
  keyId: number;
  /** Sequences below are not accepted under this key. */
  lowest: number;
  keyHash: Uint8Array;
  /** The origin's, over all of these. */
  signature: Uint8Array;
}

const ACKS = ['stands', 'want', 'lost'] as const;

/** Among the types of `message.ts`. */
export const TREE_TYPES = { treeOffer: 10, treeKeys: 11, treeAck: 12, treeDrop: 14, treeEnd: 19 } as const;

// ---- descriptions ------------------------------------------------------------------------------------------------------------

const versionOf = ({ keyTree, signer }: TreeHead): number => {
  if (keyTree !== undefined) return signer ? TREE_VERSION_SHARED_SIGNED : TREE_VERSION_SHARED;
  return signer ? TREE_VERSION_SIGNED : TREE_VERSION;
};

function writeHead(writer: Writer, head: TreeHead): void {
  writer.u8(versionOf(head)).bytes(unhex(head.origin));
  writer.u48(head.start).u16(head.tree).u16(head.epoch);
  writer.u8(REPAIRS.indexOf(head.repair)).u32(head.rate).u32(head.keyId);
  if (head.keyTree !== undefined) writer.u16(head.keyTree);
  if (head.signer) writer.bytes(head.signer);
  writer.u8(head.groups.length);
  for (const group of head.groups) {
    const address = parseIp(group);
    if (!address) throw new Error('not an address');
    writer.u8(address.length === 4 ? 4 : 6).bytes(address);
  }
}

function readHead(reader: Reader): TreeHead {
  const version = reader.u8();
  if (version < TREE_VERSION || version > TREE_VERSION_SHARED_SIGNED) reader.fail();
  const origin = hex(reader.bytes(ORIGIN_BYTES));
  const start = reader.u48();
  const tree = reader.u16();
  const epoch = reader.u16();
  const repair = REPAIRS[reader.u8()];
  if (!repair || tree === 0) reader.fail();
  const rate = reader.u32();
  const keyId = reader.u32();
  const isShared = version === TREE_VERSION_SHARED || version === TREE_VERSION_SHARED_SIGNED;
  const shared = isShared ? { keyTree: reader.u16() } : {};
  // Its own would be no other tree's.
  if (shared.keyTree === 0 || shared.keyTree === tree) reader.fail();
  const isSigned = version === TREE_VERSION_SIGNED || version === TREE_VERSION_SHARED_SIGNED;
  const signed = isSigned ? { signer: reader.bytes(SIGNER_BYTES) } : {};
  const groups: string[] = [];
  for (let left = reader.count(reader.u8(), TREE_GROUPS_MAX); left > 0; left--) groups.push(readGroup(reader));
  return { origin, start, tree, epoch, repair: repair ?? 'off', rate, keyId, ...shared, ...signed, groups };
}

function readGroup(reader: Reader): string {
  const kind = reader.u8();
  if (kind !== 4 && kind !== 6) reader.fail();
  const address = reader.bytes(kind === 4 ? 4 : 16);
  // Limited broadcast goes to all members, too.
  if (reader.good && !isMulticast(address) && address.some((byte) => byte !== 255)) reader.fail();
  return reader.good ? formatIp(address) : '';
}

export function encodeDescription(description: TreeDescription): Uint8Array {
  const writer = new Writer();
  writeHead(writer, description);
  writer.u16(description.nodes.length);
  for (const { origin, parent, flags } of description.nodes) writer.bytes(unhex(origin)).u16(parent).u8(flags);
  return writer.done();
}

function readDescription(reader: Reader): TreeDescription {
  const head = readHead(reader);
  const nodes: TreeNode[] = [];
  const count = reader.count(reader.u16(), TREE_NODES_MAX);
  let before = '';
  for (let place = 0; place < count && reader.good; place++) {
    const origin = hex(reader.bytes(ORIGIN_BYTES));
    const parent = reader.u16();
    const flags = readFlags(reader);
    if (origin <= before || origin === head.origin || parent === place || (parent !== ROOT && parent >= count))
      reader.fail();
    before = origin;
    nodes.push({ origin, parent, flags });
  }
  return { ...head, nodes };
}

function readFlags(reader: Reader): number {
  const flags = reader.u8();
  if ((flags & ~NODE_FLAGS) !== 0) reader.fail();
  return flags;
}

/** What the origin signs: bound to the network. */
export const treeSigned = (networkId: Uint8Array, description: Uint8Array): Uint8Array =>
  new Writer().bytes(DOMAIN).bytes(networkId).bytes(description).done();

/** What the origin signs of a sender key. */
export function castKeySigned(
  networkId: Uint8Array,
  name: { origin: Origin; start: number; tree: number },
  key: Omit<KeyHead, 'signature'>,
): Uint8Array {
  const writer = new Writer().bytes(KEY_DOMAIN).bytes(networkId);
  writer.bytes(unhex(name.origin)).u48(name.start).u16(name.tree);
  return writer.u32(key.keyId).u48(key.lowest).bytes(key.keyHash).done();
}

/** What the origin signs when a tree has ended. */
export function treeEndSigned(networkId: Uint8Array, { origin, start, tree, epoch }: TreeName): Uint8Array {
  const writer = new Writer().bytes(END_DOMAIN).bytes(networkId).bytes(unhex(origin));
  return writer.u48(start).u16(tree).u16(epoch).done();
}

/** What a sealed key is bound to besides its receiver's box: the tree and the receiver. */
export function castKeyAad(
  networkId: Uint8Array,
  name: { origin: Origin; start: number; tree: number },
  keyId: number,
  receiver: Origin,
): Uint8Array {
  const writer = new Writer().bytes(KEY_DOMAIN).bytes(networkId).bytes(unhex(name.origin)).u48(name.start);
  return writer.u16(name.tree).u32(keyId).bytes(unhex(receiver)).done();
}

const FULL = 0;
const DELTA = 1;

export function encodeOffer(offer: Offer): Uint8Array {
  const writer = new Writer();
  if (offer.form === 'full') {
    return writer.u8(FULL).bytes(encodeDescription(offer.description)).bytes(offer.signature).done();
  }
  writer.u8(DELTA);
  writeHead(writer, offer.head);
  writer.u16(offer.base).u16(offer.gone.length);
  for (const place of offer.gone) writer.u16(place);
  writer.u16(offer.set.length);
  for (const { origin, parent, flags } of offer.set) writer.bytes(unhex(origin)).bytes(unhex(parent)).u8(flags);
  return writer.bytes(offer.signature).done();
}

/** The signature is the caller's to check. */
export function decodeOffer(bytes: Uint8Array): Offer | null {
  const reader = new Reader(bytes);
  const form = reader.u8();
  if (form === FULL) {
    const description = readDescription(reader);
    const signature = reader.bytes(SIGNATURE_BYTES);
    return reader.finished() ? { form: 'full', description, signature } : null;
  }
  if (form !== DELTA) return null;
  const head = readHead(reader);
  const base = reader.u16();
  const gone: number[] = [];
  for (let left = reader.count(reader.u16(), TREE_NODES_MAX); left > 0 && reader.good; left--) {
    const place = reader.u16();
    if (gone.length > 0 && place <= (gone.at(-1) as number)) reader.fail();
    gone.push(place);
  }
  const set: NodeChange[] = [];
  for (let left = reader.count(reader.u16(), TREE_NODES_MAX); left > 0 && reader.good; left--) {
    const origin = hex(reader.bytes(ORIGIN_BYTES));
    const parent = hex(reader.bytes(ORIGIN_BYTES));
    if (set.length > 0 && origin <= (set.at(-1) as NodeChange).origin) reader.fail();
    set.push({ origin, parent, flags: readFlags(reader) });
  }
  const signature = reader.bytes(SIGNATURE_BYTES);
  return reader.finished() ? { form: 'delta', head, base, gone, set, signature } : null;
}

// ---- messages ----------------------------------------------------------------------------------------------------------------

const writeName = (writer: Writer, { origin, start, tree, epoch }: TreeName): Writer =>
  writer.bytes(unhex(origin)).u48(start).u16(tree).u16(epoch);

export function encodeTreeMessage(message: TreeMessage): Uint8Array {
  const writer = writeName(new Writer().u8(MESSAGE_VERSION).u8(TREE_TYPES[message.type]), message);
  switch (message.type) {
    case 'treeOffer':
      writer.u16(message.waitMs).u8(message.part).u8(message.parts).blob(message.bytes);
      break;
    case 'treeKeys':
      writer.u32(message.keyId).u48(message.lowest).bytes(message.keyHash).bytes(message.signature);
      writer.bytes(message.ephemeral).u16(message.keys.length);
      for (const { origin, sealed } of message.keys) writer.bytes(unhex(origin)).bytes(sealed);
      break;
    case 'treeAck':
      writer.u8(ACKS.indexOf(message.what)).u8(message.failed.length);
      for (const { origin, code } of message.failed) writer.bytes(unhex(origin)).u8(FAILURES.indexOf(code));
      break;
    case 'treeEnd':
      writer.bytes(message.signature);
      break;
    case 'treeDrop':
      break;
  }
  return writer.done();
}

/** `other`: not about trees, for `decodeMessage`. `bad`: malformed, the sender is at fault. */
export function decodeTreeMessage(bytes: Uint8Array): TreeMessage | 'other' | 'bad' {
  const reader = new Reader(bytes);
  const version = reader.u8();
  const type = reader.u8();
  if (version !== MESSAGE_VERSION || !isTreeType(type)) return 'other';
  const message = bytes.length > CONTROL_BYTES_MAX ? null : readTreeMessage(type, reader);
  return message && reader.finished() ? message : 'bad';
}

const isTreeType = (type: number): boolean => (Object.values(TREE_TYPES) as number[]).includes(type);

function readTreeMessage(type: number, reader: Reader): TreeMessage {
  const name = {
    origin: hex(reader.bytes(ORIGIN_BYTES)),
    start: reader.u48(),
    tree: reader.u16(),
    epoch: reader.u16(),
  };
  if (name.tree === 0) reader.fail();
  if (type === TREE_TYPES.treeDrop) return { type: 'treeDrop', ...name };
  if (type === TREE_TYPES.treeEnd) return { type: 'treeEnd', ...name, signature: reader.bytes(SIGNATURE_BYTES) };
  if (type === TREE_TYPES.treeAck) return readAck(reader, name);
  if (type === TREE_TYPES.treeKeys) return readKeys(reader, name);
  const waitMs = reader.u16();
  const part = reader.u8();
  const parts = reader.u8();
  if (part >= parts || parts > OFFER_PARTS_MAX) reader.fail();
  return { type: 'treeOffer', ...name, waitMs, part, parts, bytes: reader.blob(OFFER_PART_BYTES_MAX) };
}

function readAck(reader: Reader, name: TreeName): TreeMessage {
  const what = ACKS[reader.u8()];
  if (!what) reader.fail();
  const failed: TreeFailure[] = [];
  for (let left = reader.u8(); left > 0 && reader.good; left--) {
    const origin = hex(reader.bytes(ORIGIN_BYTES));
    const code = FAILURES[reader.u8()];
    if (!code) reader.fail();
    else failed.push({ origin, code });
  }
  return { type: 'treeAck', ...name, what: what ?? 'stands', failed };
}

function readKeys(reader: Reader, name: TreeName): TreeMessage {
  const keyId = reader.u32();
  const lowest = reader.u48();
  const keyHash = reader.bytes(HASH_BYTES);
  const signature = reader.bytes(SIGNATURE_BYTES);
  const ephemeral = reader.bytes(KEY_BYTES);
  const keys: SealedKey[] = [];
  for (let left = reader.count(reader.u16(), KEYS_PER_MESSAGE_MAX); left > 0 && reader.good; left--)
    keys.push({ origin: hex(reader.bytes(ORIGIN_BYTES)), sealed: reader.bytes(SEALED_KEY_BYTES) });
  return { type: 'treeKeys', ...name, keyId, lowest, keyHash, signature, ephemeral, keys };
}
