// The invite link: weft://join/#<base64url>. The fragment never reaches a server. Layout in docs/records.md.
import { decode, Writer } from './bytes.ts';
import { base64url, concat, fromBase64url, sameBytes } from './text.ts';
import type { Crypto } from './crypto.ts';

export const LINK_VERSION = 1;
export const LINK_CHARS_MAX = 4096;
/** Of what is pasted, with spaces and line breaks. */
const PASTED_CHARS_MAX = 2 * LINK_CHARS_MAX;
export const WAYS_IN_MAX = 4;
export const ENDPOINTS_PER_WAY_MAX = 6;
const CHAIN_RECORDS_MAX = 12;
const CHECKSUM_BYTES = 6;
const PREFIX = 'weft://join/#';

export interface WayIn {
  /** Member id. */
  member: Uint8Array;
  noiseKey: Uint8Array;
  /** "192.0.2.1:4000", "[2001:db8::1]:4000" */
  endpoints: string[];
}

export interface InviteLink {
  networkId: Uint8Array;
  networkName: string;
  /** Name of who invites, for the preview only; the certificate tells who it is. */
  inviter: string;
  /** Seed of the one-time key. */
  seed: Uint8Array;
  /** Genesis first, then what proves the issuer's authority, the certificate last. */
  chain: Uint8Array[];
  waysIn: WayIn[];
}

export type LinkFailure = 'link-not-weft' | 'link-damaged' | 'link-version' | 'link-too-long';

export function encodeLink(crypto: Crypto, link: InviteLink): string {
  const writer = new Writer(1024)
    .u8(LINK_VERSION)
    .raw(link.networkId)
    .text8(link.networkName)
    .text8(link.inviter)
    .raw(link.seed);
  writer.list8(link.chain, (record, out) => out.bytes16(record));
  writer.list8(link.waysIn, (way, out) => {
    out.raw(way.member).raw(way.noiseKey);
    out.list8(way.endpoints, (endpoint, inner) => inner.text8(endpoint));
  });
  const body = writer.done();
  return PREFIX + base64url(concat(body, crypto.hash(body).subarray(0, CHECKSUM_BYTES)));
}

/** What programs between two people put around a link, or write for its signs. Nothing of it is in the alphabet of the rest. */
const unwrapped = (text: string): string =>
  text
    .replace(/\s+/g, '')
    .replace(/%(?:3a|2f|23)/gi, (escape) => decodeURIComponent(escape))
    .replace(/^[<("'`[{“„«]+|[>)"'`\]}”».,;:!?]+$/g, '');

/** Takes what people paste: whitespace around or inside, quotes, brackets and a full stop around, `weft:join#…`, percent-encoded signs. */
export function decodeLink(crypto: Crypto, text: string): InviteLink | LinkFailure {
  if (text.length > PASTED_CHARS_MAX) return 'link-too-long';
  const tidy = unwrapped(text);
  if (tidy.length > LINK_CHARS_MAX) return 'link-too-long';
  const match = /^weft:(?:\/\/)?join\/?#([^#]*)$/i.exec(tidy);
  if (!match) return /^weft:/i.test(tidy) && !tidy.includes('#') ? 'link-damaged' : 'link-not-weft';
  const bytes = fromBase64url(match[1] ?? '');
  if (!bytes || bytes.length < CHECKSUM_BYTES + 1) return 'link-damaged';
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  const sum = bytes.subarray(bytes.length - CHECKSUM_BYTES);
  if (!sameBytes(sum, crypto.hash(body).subarray(0, CHECKSUM_BYTES))) return 'link-damaged';
  if (body[0] !== LINK_VERSION) return 'link-version';
  const link = decode(body, (reader) => {
    reader.u8();
    return {
      networkId: reader.raw(32),
      networkName: reader.text8(),
      inviter: reader.text8(),
      seed: reader.raw(32),
      chain: reader.list8(CHAIN_RECORDS_MAX, (inner) => inner.bytes16(2048)),
      waysIn: reader.list8(WAYS_IN_MAX, (inner) => ({
        member: inner.raw(32),
        noiseKey: inner.raw(32),
        endpoints: inner.list8(ENDPOINTS_PER_WAY_MAX, (deep) => deep.text8(64)),
      })),
    };
  });
  return link ?? 'link-damaged';
}
