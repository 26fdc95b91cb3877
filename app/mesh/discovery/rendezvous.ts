// Rendezvous in the Mainline DHT: where records lie (BEP 44 mutable items), what they say, which of them count.
// Place and seal derive from a secret that only present members hold and from the day; outsiders see a random key and random bytes.
import { decode, Writer } from '../../wire/bytes.ts';
import { compareBytes } from '../../wire/record.ts';
import { concat, hex, sameBytes } from '../../wire/text.ts';
import { type Entry, entryIsSigned, readEntry, readPadding, signEntry } from './entry.ts';
import { DAY_MS, NONCE_BYTES, padTo, type SealCrypto, TAG_BYTES } from './seal.ts';

export const RENDEZVOUS_VERSION = 1;
/** Under BEP 44's 1,000 with room for the bencoding. All records have it. */
export const RENDEZVOUS_BYTES = 576;
const PLAIN_BYTES = RENDEZVOUS_BYTES - 1 - NONCE_BYTES - TAG_BYTES;
/** Places for records: one more than publishers, so that two who choose at once can step aside. */
export const RENDEZVOUS_SLOTS = 4;
export const PUBLISHERS_MAX = 3;
export const PUBLISH_EVERY_MS = 3_600_000;
/** DHT nodes keep an item for 2 h; a day of skew on top. */
export const RENDEZVOUS_AGE_MAX_MS = DAY_MS + 2 * 3_600_000;

export interface RendezvousKeys {
  networkId: Uint8Array;
  day: number;
  /** Ed25519 seed of the BEP 44 key: all members can write. */
  seed: Uint8Array;
  publicKey: Uint8Array;
  key: Uint8Array;
  /** One a slot, 16 bytes. */
  salts: Uint8Array[];
}

/** `secret`: 32 bytes, new with every removal. */
export function rendezvousKeys(
  crypto: SealCrypto,
  networkId: Uint8Array,
  secret: Uint8Array,
  day: number,
): RendezvousKeys {
  const bytes = crypto.hkdf(concat(networkId, secret), `weft rendezvous 1 ${day}`, 64 + 16 * RENDEZVOUS_SLOTS);
  const seed = bytes.slice(0, 32);
  const salts = Array.from({ length: RENDEZVOUS_SLOTS }, (_, slot) => bytes.slice(64 + 16 * slot, 80 + 16 * slot));
  return { networkId, day, seed, publicKey: crypto.signPublicKey(seed), key: bytes.slice(32, 64), salts };
}

const contextOf = (keys: RendezvousKeys): Uint8Array =>
  new Writer(64).text8('weft rendezvous 1').raw(keys.networkId).u32(keys.day).done();

/** Bound to its slot's salt by the seal: a record copied to another slot or day does not open. */
const aadOf = (slotSalt: Uint8Array): Uint8Array => concat(Uint8Array.of(RENDEZVOUS_VERSION), slotSalt);

/** null when it does not fit; never with at most 6 normal endpoints. `nonce`: 12 random bytes. */
export function encodeRendezvous(
  crypto: SealCrypto,
  keys: RendezvousKeys,
  slot: number,
  memberSeed: Uint8Array,
  nonce: Uint8Array,
  entry: Entry,
): Uint8Array | null {
  const salt = keys.salts[slot];
  const plain = padTo(signEntry(crypto, memberSeed, contextOf(keys), entry), PLAIN_BYTES);
  if (!plain || !salt) return null;
  return concat(Uint8Array.of(RENDEZVOUS_VERSION), nonce, crypto.seal(keys.key, nonce, aadOf(salt), plain));
}

/**
 * null for anything but a fresh record that a member signed. `keyOf`: the Ed25519 key of a member that counts now, else null.
 */
export function openRendezvous(
  crypto: SealCrypto,
  keys: RendezvousKeys,
  slot: number,
  bytes: Uint8Array,
  wallMs: number,
  keyOf: (member: Uint8Array) => Uint8Array | null,
): Entry | null {
  const salt = keys.salts[slot];
  if (!salt || bytes.length !== RENDEZVOUS_BYTES || bytes[0] !== RENDEZVOUS_VERSION) return null;
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const plain = crypto.open(keys.key, nonce, aadOf(salt), bytes.subarray(1 + NONCE_BYTES));
  const entry =
    plain &&
    decode(plain, (reader) => {
      const read = readEntry(reader);
      readPadding(reader);
      return read;
    });
  if (!entry || Math.abs(wallMs - entry.issuedMs) > RENDEZVOUS_AGE_MAX_MS) return null;
  const memberKey = keyOf(entry.member);
  if (!memberKey || !entryIsSigned(crypto, memberKey, contextOf(keys), entry)) return null;
  return { member: entry.member, issuedMs: entry.issuedMs, endpoints: entry.endpoints };
}

/** The newest record of each member, newest first. */
export function mergeEntries(entries: Entry[]): Entry[] {
  const newest = new Map<string, Entry>();
  for (const entry of entries) {
    const name = hex(entry.member);
    if ((newest.get(name)?.issuedMs ?? -1) < entry.issuedMs) newest.set(name, entry);
  }
  return [...newest.values()].sort((a, b) => b.issuedMs - a.issuedMs);
}

/** Members' own order of the slots, so that they rarely want the same one. */
export function slotOrder(crypto: SealCrypto, keys: RendezvousKeys, member: Uint8Array): number[] {
  const rank = (slot: number): Uint8Array => crypto.hash(keys.salts[slot] as Uint8Array, member);
  return Array.from({ length: RENDEZVOUS_SLOTS }, (_, slot) => slot).sort((a, b) => compareBytes(rank(a), rank(b)));
}

/**
 * Where to publish, given today's records by slot (null: free, stale or not ours): the own slot, else the first free one of the
 * own order; null when enough others are there.
 */
export function chooseSlot(order: number[], slots: (Entry | null)[], member: Uint8Array): number | null {
  const own = slots.findIndex((entry) => entry && sameBytes(entry.member, member));
  if (own >= 0) return own;
  const others = new Set(slots.flatMap((entry) => (entry ? [hex(entry.member)] : [])));
  if (others.size >= PUBLISHERS_MAX) return null;
  return order.find((slot) => !slots[slot]) ?? null;
}

/**
 * Whether this member is one of those that publish: the first PUBLISHERS_MAX of the members it can see online, in an order that
 * changes daily. A member that sees nobody publishes.
 */
export function mayPublish(crypto: SealCrypto, keys: RendezvousKeys, self: Uint8Array, online: Uint8Array[]): boolean {
  const rank = (member: Uint8Array): Uint8Array => crypto.hash(keys.key, member);
  const own = rank(self);
  const before = online.filter((member) => !sameBytes(member, self) && compareBytes(rank(member), own) < 0);
  return before.length < PUBLISHERS_MAX;
}
