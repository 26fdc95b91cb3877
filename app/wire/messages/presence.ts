// What a member says of itself, signed: where it can be reached, who its neighbours are, which groups its host joined.
// Layout and meaning: docs/gossip.md. The newest sequence of an origin replaces all earlier ones.
import { formatEndpoint, formatIp, isMulticast, parseEndpoint, parseIp, type Carriers } from './address.ts';
import { Reader, Writer } from './buffer.ts';
import { hex, unhex } from './hex.ts';

export const PRESENCE_VERSION = 3;
export const PRESENCE_BYTES_MAX = 12_288;
export const PRESENCE_ENDPOINTS_MAX = 12;
export const PRESENCE_NEIGHBOURS_MAX = 16;
/** Other members to whom round trips are told. */
export const PRESENCE_MEASURED_MAX = 12;
export const PRESENCE_GROUPS_MAX = 256;
export const PRESENCE_SOURCES_MAX = 32;
const ORIGIN_BYTES = 8;
/** Of a name, where a mistake costs little. */
const SHORT_BYTES = 4;
export const PRESENCE_SIGNATURE_BYTES = 64;
/** Version, name and sequence. */
export const PRESENCE_HEAD_BYTES = 1 + ORIGIN_BYTES + 6;
const BOX_KEY_BYTES = 32;
const DOMAIN = asciiBytes('weft presence 1\0');
const FLAG_OFF = 1;
const GROUP_EXCLUDE = 0x80;
const CARRIERS = ['both', 'udp', 'tcp'] as const satisfies readonly Carriers[];

/** Bits of `features`. */
export const FEATURE_RELAYS = 1;
/** Every byte costs: relays only when nobody else can, never a tree's inner node. */
export const FEATURE_METERED = 2;
/** A router forwards a port to the member: it can be called though it is behind a NAT. */
export const FEATURE_MAPPED = 4;
/** Programs on it send more broadcast or multicast than its share: it drops what is beyond. */
export const FEATURE_LIMITED = 8;

/** First 8 bytes of a member id, as 16 hex digits: the name of a member in gossip and in cast stamps. */
export type Origin = string;

export interface GroupWish {
  /** "239.1.2.3" or "ff15::1". */
  group: string;
  mode: 'include' | 'exclude';
  /** Sorted. */
  sources: string[];
}

/** A round trip measured lately to a member that is no lasting neighbour. */
export interface Measured {
  /** Of its name, the first 4 bytes as 8 hex digits. */
  short: string;
  ms: number;
}

export const shortOf = (origin: Origin): string => origin.slice(0, 2 * SHORT_BYTES);

export interface PresenceBody {
  origin: Origin;
  /** Grows with every statement of this origin, also over restarts; about its wall clock in ms. */
  seq: number;
  /** Minutes after which the statement is forgotten unless renewed. */
  ttlMinutes: number;
  /** The member switched the network off. */
  off: boolean;
  features: number;
  /** What it passes on for others, in kB/s; 0: as much as comes. Counts only with `FEATURE_RELAYS`. */
  relayKBps: number;
  /** What it can send altogether, in kB/s, declared or measured; 0: not known. */
  uplinkKBps: number;
  /** Network coordinates in 0.1 ms: x, y, z (signed), height; all zero: not known yet. */
  place: readonly [number, number, number, number];
  /** X25519 key of this start of its engine: keys of casts are sealed to it. 32 bytes. */
  boxKey: Uint8Array;
  /** Members with whom a lasting session is up, sorted. */
  neighbours: Origin[];
  /** Those of them that are reached through others: no way for relaying. */
  relayed: Origin[];
  /** Round trips to the neighbours, in their order, in ms; 0: not known. Told in steps of a twentieth. */
  rtts: number[];
  /** Others measured. Sorted. */
  measured: Measured[];
  /** Best first. */
  endpoints: string[];
  /** Sorted by group. */
  groups: GroupWish[];
}

/** A statement with the bytes that were signed, as it travels. */
export interface Presence extends PresenceBody {
  bytes: Uint8Array;
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** What the signature covers: bound to the network, so that no statement can move to another. */
export function presenceSigned(networkId: Uint8Array, body: Uint8Array): Uint8Array {
  return new Writer().bytes(DOMAIN).bytes(networkId).bytes(body).done();
}

/** The statement without its signature. Lists beyond their limits are a bug of the caller. */
export function encodePresenceBody(body: PresenceBody): Uint8Array {
  const writer = new Writer().u8(PRESENCE_VERSION).bytes(unhex(body.origin)).u48(body.seq).u16(body.ttlMinutes);
  writer
    .u8(body.off ? FLAG_OFF : 0)
    .u16(body.features)
    .u32(body.relayKBps)
    .u32(body.uplinkKBps);
  for (const part of body.place) writer.u16(part & 0xffff);
  writer.bytes(body.boxKey);
  writer.u8(body.neighbours.length);
  for (const neighbour of body.neighbours) writer.bytes(unhex(neighbour));
  writer.u16(relayedMask(body));
  for (const place of body.neighbours.keys()) writer.u8(rttCode(body.rtts[place] ?? 0));
  writer.u8(body.measured.length);
  for (const { short, ms } of body.measured) writer.bytes(unhex(short)).u8(rttCode(ms));
  writer.u8(body.endpoints.length);
  for (const endpoint of body.endpoints) writeEndpoint(writer, endpoint);
  writer.u16(body.groups.length);
  for (const wish of body.groups) writeGroup(writer, wish);
  return writer.done();
}

/** Shortest round trip that is told from others, ms, and the steps above it. */
const RTT_LEAST_MS = 0.1;
const RTT_STEP = 1.05;
const rttCode = (ms: number): number =>
  ms > 0 ? Math.min(255, 1 + Math.max(0, Math.round(Math.log(ms / RTT_LEAST_MS) / Math.log(RTT_STEP)))) : 0;
const rttOf = (code: number): number => (code === 0 ? 0 : RTT_LEAST_MS * RTT_STEP ** (code - 1));

const signed = (value: number): number => (value << 16) >> 16;

/** Bit n stands for the neighbour at place n. */
const relayedMask = ({ neighbours, relayed }: PresenceBody): number =>
  neighbours.reduce((mask, origin, place) => (relayed.includes(origin) ? mask | (1 << place) : mask), 0);

export function writeEndpoint(writer: Writer, text: string): void {
  const endpoint = parseEndpoint(text);
  if (!endpoint) throw new Error('not an endpoint');
  writer
    .u8((endpoint.address.length === 4 ? 4 : 6) | (CARRIERS.indexOf(endpoint.carriers) << 4))
    .bytes(endpoint.address)
    .u16(endpoint.port);
}

export function readEndpoint(reader: Reader): string {
  const byte = reader.u8();
  const kind = byte & 0x0f;
  const carriers = CARRIERS[byte >> 4];
  if ((kind !== 4 && kind !== 6) || !carriers) reader.fail();
  const address = reader.bytes(kind === 4 ? 4 : 16);
  const port = reader.u16();
  if (port === 0) reader.fail();
  return reader.good && carriers ? formatEndpoint({ address, port, carriers }) : '';
}

function writeGroup(writer: Writer, wish: GroupWish): void {
  const address = parseIp(wish.group);
  if (!address) throw new Error('not an address');
  writer.u8((address.length === 4 ? 4 : 6) | (wish.mode === 'exclude' ? GROUP_EXCLUDE : 0)).bytes(address);
  writer.u8(wish.sources.length);
  for (const source of wish.sources) {
    const bytes = parseIp(source);
    if (bytes?.length !== address.length) throw new Error('source of another family');
    writer.bytes(bytes);
  }
}

function readGroup(reader: Reader): GroupWish {
  const kind = reader.u8();
  const family = kind & ~GROUP_EXCLUDE;
  if (family !== 4 && family !== 6) reader.fail();
  const length = family === 4 ? 4 : 16;
  const address = reader.bytes(length);
  if (reader.good && !isMulticast(address)) reader.fail();
  const sources: string[] = [];
  const count = reader.count(reader.u8(), PRESENCE_SOURCES_MAX);
  for (let i = 0; i < count; i++) {
    const source = reader.bytes(length);
    if (reader.good) sources.push(formatIp(source));
  }
  const mode = kind & GROUP_EXCLUDE ? 'exclude' : 'include';
  return { group: reader.good ? formatIp(address) : '', mode, sources };
}

/** Bytes of statements never change: what they say is read once for each array, whoever keeps it. */
const decoded = new WeakMap<Uint8Array, Presence>();

/** A statement as it travels: body and signature. Null when malformed; the signature is the caller's to check. */
export function decodePresence(bytes: Uint8Array): Presence | null {
  const known = decoded.get(bytes);
  if (known) return known;
  const presence = readPresence(bytes);
  if (presence) decoded.set(bytes, presence);
  return presence;
}

function readPresence(bytes: Uint8Array): Presence | null {
  if (bytes.length > PRESENCE_BYTES_MAX) return null;
  const reader = new Reader(bytes);
  if (reader.u8() !== PRESENCE_VERSION) return null;
  const origin = hex(reader.bytes(ORIGIN_BYTES));
  const seq = reader.u48();
  const ttlMinutes = reader.u16();
  const off = (reader.u8() & FLAG_OFF) !== 0;
  const features = reader.u16();
  const relayKBps = reader.u32();
  const uplinkKBps = reader.u32();
  const place = [signed(reader.u16()), signed(reader.u16()), signed(reader.u16()), reader.u16()] as const;
  const boxKey = reader.bytes(BOX_KEY_BYTES);
  const neighbours: Origin[] = [];
  for (let i = reader.count(reader.u8(), PRESENCE_NEIGHBOURS_MAX); i > 0; i--) {
    neighbours.push(hex(reader.bytes(ORIGIN_BYTES)));
  }
  const mask = reader.u16();
  if (mask >= 2 ** neighbours.length) reader.fail();
  const relayed = neighbours.filter((_, place) => (mask & (1 << place)) !== 0);
  const rtts = neighbours.map(() => rttOf(reader.u8()));
  const measured: Measured[] = [];
  for (let i = reader.count(reader.u8(), PRESENCE_MEASURED_MAX); i > 0; i--)
    measured.push({ short: hex(reader.bytes(SHORT_BYTES)), ms: rttOf(reader.u8()) });
  const endpoints: string[] = [];
  for (let i = reader.count(reader.u8(), PRESENCE_ENDPOINTS_MAX); i > 0; i--) endpoints.push(readEndpoint(reader));
  const groups: GroupWish[] = [];
  for (let i = reader.count(reader.u16(), PRESENCE_GROUPS_MAX); i > 0; i--) groups.push(readGroup(reader));
  if (!reader.good || reader.left !== PRESENCE_SIGNATURE_BYTES) return null;
  const service = { features, relayKBps, uplinkKBps, place, boxKey };
  return { origin, seq, ttlMinutes, off, ...service, neighbours, relayed, rtts, measured, endpoints, groups, bytes };
}

/** Whose statement it is, and which; the rest may be anything. Null: too short, or of another version. */
export function presenceHead(bytes: Uint8Array): { origin: Origin; seq: number } | null {
  const reader = new Reader(bytes);
  if (reader.u8() !== PRESENCE_VERSION) return null;
  const origin = hex(reader.bytes(ORIGIN_BYTES));
  const seq = reader.u48();
  return reader.good ? { origin, seq } : null;
}

/** The signed part and the signature of a statement that `decodePresence` accepted. */
export function presenceParts(bytes: Uint8Array): { body: Uint8Array; signature: Uint8Array } {
  const cut = bytes.length - PRESENCE_SIGNATURE_BYTES;
  return { body: bytes.subarray(0, cut), signature: bytes.subarray(cut) };
}
