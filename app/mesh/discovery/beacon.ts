// LAN beacons: version | day's tag 16 | nonce 12 | sealed { kind, entry, zeros } — always BEACON_BYTES long. Tag and key derive from
// the network id and the day; whoever does not know the id sees random bytes. Layout: docs/discovery.md.
import { decode, Writer } from '../../wire/bytes.ts';
import { concat, hex } from '../../wire/text.ts';
import { type Entry, entryIsSigned, readEntry, readPadding, signEntry, type SignedEntry } from './entry.ts';
import { daysAround, NONCE_BYTES, padTo, type SealCrypto, TAG_BYTES } from './seal.ts';

export const BEACON_VERSION = 1;
/** All of them: an answer is never longer than what asked for it. */
export const BEACON_BYTES = 576;
const LAN_TAG_BYTES = 16;
const PLAIN_BYTES = BEACON_BYTES - 1 - LAN_TAG_BYTES - NONCE_BYTES - TAG_BYTES;
/** A beacon this far from the own clock is refused: a day's skew and a little. */
export const BEACON_AGE_MAX_MS = 26 * 3_600_000;

/** Ask: members answer it. Answer: nobody does. */
export type BeaconKind = 'ask' | 'answer';
const KINDS: BeaconKind[] = ['ask', 'answer'];

export interface Beacon extends Entry {
  kind: BeaconKind;
}
export type SignedBeacon = SignedEntry & { kind: BeaconKind; day: number };

export interface BeaconKeys {
  networkId: Uint8Array;
  day: number;
  tag: Uint8Array;
  key: Uint8Array;
}

export function beaconKeys(crypto: SealCrypto, networkId: Uint8Array, day: number): BeaconKeys {
  const bytes = crypto.hkdf(networkId, `weft lan 1 ${day}`, LAN_TAG_BYTES + 32);
  return { networkId, day, tag: bytes.slice(0, LAN_TAG_BYTES), key: bytes.slice(LAN_TAG_BYTES) };
}

const contextOf = (keys: BeaconKeys): Uint8Array =>
  new Writer(64).text8('weft lan 1').raw(keys.networkId).u32(keys.day).done();

/** null when the endpoints do not fit; never with at most 6 normal ones. `nonce`: 12 random bytes. */
export function encodeBeacon(
  crypto: SealCrypto,
  keys: BeaconKeys,
  seed: Uint8Array,
  nonce: Uint8Array,
  beacon: Beacon,
): Uint8Array | null {
  const kind = Uint8Array.of(KINDS.indexOf(beacon.kind));
  const plain = padTo(concat(kind, signEntry(crypto, seed, contextOf(keys), beacon)), PLAIN_BYTES);
  if (!plain) return null;
  const head = concat(Uint8Array.of(BEACON_VERSION), keys.tag);
  return concat(head, nonce, crypto.seal(keys.key, nonce, head, plain));
}

/** The tags of all own networks for the days around now: one look per datagram, however many networks there are. */
export class BeaconTags {
  readonly #keys = new Map<string, BeaconKeys>();

  constructor(crypto: SealCrypto, networkIds: Uint8Array[], wallMs: number) {
    for (const networkId of networkIds)
      for (const day of daysAround(wallMs)) {
        const keys = beaconKeys(crypto, networkId, day);
        this.#keys.set(hex(keys.tag), keys);
      }
  }

  /** null for whatever is not a beacon of an own network. */
  find(datagram: Uint8Array): BeaconKeys | null {
    if (datagram.length !== BEACON_BYTES || datagram[0] !== BEACON_VERSION) return null;
    return this.#keys.get(hex(datagram.subarray(1, 1 + LAN_TAG_BYTES))) ?? null;
  }
}

/** null when it is not sealed by a holder of the network id, or too old. The signature is for `beaconIsSigned`. */
export function openBeacon(
  crypto: SealCrypto,
  keys: BeaconKeys,
  datagram: Uint8Array,
  wallMs: number,
): SignedBeacon | null {
  const nonceAt = 1 + LAN_TAG_BYTES;
  const head = datagram.subarray(0, nonceAt);
  const nonce = datagram.subarray(nonceAt, nonceAt + NONCE_BYTES);
  const plain = crypto.open(keys.key, nonce, head, datagram.subarray(nonceAt + NONCE_BYTES));
  if (!plain) return null;
  const beacon = decode(plain, (reader) => {
    const kind = KINDS[reader.u8()];
    const entry = readEntry(reader);
    readPadding(reader);
    return kind && { ...entry, kind, day: keys.day };
  });
  return beacon && Math.abs(wallMs - beacon.issuedMs) <= BEACON_AGE_MAX_MS ? beacon : null;
}

export const beaconIsSigned = (
  crypto: SealCrypto,
  keys: BeaconKeys,
  memberKey: Uint8Array,
  beacon: SignedBeacon,
): boolean => entryIsSigned(crypto, memberKey, contextOf(keys), beacon);
