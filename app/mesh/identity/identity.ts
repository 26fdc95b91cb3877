// Who a device is in one network. Everything derives from the device seed and the network's id, so networks cannot be linked by keys.
import type { Crypto } from '../../wire/crypto.ts';
import { base32, concat } from '../../wire/text.ts';

export interface MemberKeys {
  /** Ed25519. */
  signSeed: Uint8Array;
  memberKey: Uint8Array;
  /** X25519. */
  noiseSecret: Uint8Array;
  noiseKey: Uint8Array;
  id: Uint8Array;
}

/** `generation` counts up when this device was removed and is invited again: a removal names a key for ever. */
export function deriveKeys(
  crypto: Crypto,
  deviceSeed: Uint8Array,
  networkId: Uint8Array,
  generation: number,
): MemberKeys {
  const base = concat(deviceSeed, networkId, Uint8Array.of(generation >>> 8, generation & 0xff));
  const signSeed = crypto.hkdf(base, 'weft member 1', 32);
  const noiseSecret = crypto.hkdf(base, 'weft noise 1', 32);
  const memberKey = crypto.signPublicKey(signSeed);
  return {
    signSeed,
    memberKey,
    noiseSecret,
    noiseKey: crypto.dhPublicKey(noiseSecret),
    id: memberIdOf(crypto, memberKey),
  };
}

const label = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

export const memberIdOf = (crypto: Crypto, memberKey: Uint8Array): Uint8Array =>
  crypto.hash(label('weft id 1'), memberKey);
export const networkIdOf = (crypto: Crypto, rootKey: Uint8Array): Uint8Array =>
  crypto.hash(label('weft network 1'), rootKey);

/** 52 characters of base32. */
export const idText = (id: Uint8Array): string => base32(id);
/** What names a member in cast stamps. */
export const originOf = (id: Uint8Array): Uint8Array => id.slice(0, 8);

/** Locally administered unicast. */
export function macOf(id: Uint8Array): string {
  const bytes = id.slice(8, 14);
  bytes[0] = ((bytes[0] as number) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

const group = (bytes: Uint8Array, at: number): string =>
  (((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16);

/** Interface identifier: 64 bits of the id, never all zero in the first group so that no text form needs a second "::". */
function suffixGroups(id: Uint8Array): string[] {
  const bytes = id.slice(14, 22);
  for (let at = 0; at < 8; at += 2) if (bytes[at] === 0 && bytes[at + 1] === 0) bytes[at + 1] = 1;
  return [0, 2, 4, 6].map((at) => group(bytes, at));
}

export const linkLocalOf = (id: Uint8Array): string => `fe80::${suffixGroups(id).join(':')}`;

/** fd + 40 bits of the network, subnet 0. */
export function ulaPrefixOf(networkId: Uint8Array): string {
  const global = Uint8Array.of(0xfd, ...networkId.slice(0, 5));
  return [0, 2, 4].map((at) => group(global, at)).join(':');
}
export const ulaOf = (networkId: Uint8Array, id: Uint8Array): string =>
  `${ulaPrefixOf(networkId)}:0:${suffixGroups(id).join(':')}`;

/** Host part of the IPv4 address that this member asks for first: 256 … 65279, so neither the ends nor the first and last 256. */
export const ipv4Wish = (id: Uint8Array): number =>
  IPV4_FIRST + ((((id[22] as number) << 16) | ((id[23] as number) << 8) | (id[24] as number)) % IPV4_COUNT);
export const IPV4_FIRST = 256;
export const IPV4_COUNT = 65_536 - 512;

/** A /16 of 10/8 that none of the local prefixes ("10.3.0.0/16", "10.0.0.0/8") touches if there is one. */
export function choosePrefix(random: { bytes(length: number): Uint8Array }, localPrefixes: string[]): [number, number] {
  const taken = new Set<number>();
  for (const prefix of localPrefixes) {
    const match = /^10\.(\d+)\.\d+\.\d+\/(\d+)$/.exec(prefix);
    if (!match) continue;
    const bits = Number(match[2]);
    const span = bits >= 16 ? 1 : 2 ** (16 - Math.max(8, bits));
    const first = Math.floor(Number(match[1]) / span) * span;
    for (let i = 0; i < span; i++) taken.add(first + i);
  }
  const start = random.bytes(1)[0] as number;
  for (let i = 0; i < 256; i++) {
    // 0 and 1 are what home routers like best.
    const second = (start + i) % 256;
    if (second > 9 && !taken.has(second)) return [10, second];
  }
  return [10, Math.max(10, start)];
}
