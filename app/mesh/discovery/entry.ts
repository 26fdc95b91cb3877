// What beacons and rendezvous records both say: a member, when, and where it answers, signed by its member key.
import { type Reader, WireError, Writer } from '../../wire/bytes.ts';
import { normalEndpoint } from '../../wire/messages/address.ts';
import type { Crypto } from '../../wire/crypto.ts';

export const ENTRY_ENDPOINTS_MAX = 6;
/** "[xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:xxxx]:65535/udp" has 51. */
const ENDPOINT_BYTES_MAX = 56;
const ID_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** member, time, count, endpoints with their lengths, signature. */
export const ENTRY_BYTES_MAX = ID_BYTES + 8 + 1 + ENTRY_ENDPOINTS_MAX * (ENDPOINT_BYTES_MAX + 1) + SIGNATURE_BYTES;

export interface Entry {
  /** 32 bytes. */
  member: Uint8Array;
  /** Wall ms of the member's clock. */
  issuedMs: number;
  endpoints: string[];
}

export interface SignedEntry extends Entry {
  /** What the signature covers, without the context. */
  signed: Uint8Array;
  signature: Uint8Array;
}

const writeEntry = (entry: Entry): Uint8Array =>
  new Writer(ENTRY_BYTES_MAX)
    .raw(entry.member)
    .u64(entry.issuedMs)
    .list8(entry.endpoints.slice(0, ENTRY_ENDPOINTS_MAX), (endpoint, out) => out.text8(endpoint))
    .done();

/** `context` names the use, the network and the day, so that a signature serves nowhere else. */
export function signEntry(crypto: Crypto, seed: Uint8Array, context: Uint8Array, entry: Entry): Uint8Array {
  const signed = writeEntry(entry);
  const signature = crypto.sign(seed, new Writer().bytes16(context).raw(signed).done());
  return new Writer(signed.length + SIGNATURE_BYTES).raw(signed).raw(signature).done();
}

/** Throws WireError, as readers do. */
export function readEntry(reader: Reader): SignedEntry {
  const member = reader.raw(ID_BYTES);
  const issuedMs = reader.u64();
  const endpoints = reader.list8(ENTRY_ENDPOINTS_MAX, (inner) => inner.text8(ENDPOINT_BYTES_MAX));
  if (endpoints.some((endpoint) => normalEndpoint(endpoint) !== endpoint)) throw new WireError('endpoint');
  const signed = writeEntry({ member, issuedMs, endpoints });
  return { member, issuedMs, endpoints, signed, signature: reader.raw(SIGNATURE_BYTES) };
}

/** Padding behind an entry is zero to the end, so that one content has one encoding. */
export function readPadding(reader: Reader): void {
  for (const byte of reader.raw(reader.rest)) if (byte !== 0) throw new WireError('padding');
}

export const entryIsSigned = (crypto: Crypto, key: Uint8Array, context: Uint8Array, entry: SignedEntry): boolean =>
  crypto.verify(key, new Writer().bytes16(context).raw(entry.signed).done(), entry.signature);
