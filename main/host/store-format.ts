// Bytes of the store's files, version 1. Big-endian. Golden files: test/golden/store/.
//
//   file    "WEFT" 46 01 00 00 | length u32 | crc32 of what follows u32 | bytes
//   log     "WEFT" 4C 01 00 00 | batch*
//   batch   length u32 | crc32 of the payload u32 | crc32 of these 8 bytes u32 | payload
//   payload (length u32 | entry)*          the entries of one append: all or none
//
// The batch's head has a checksum of its own, so that a damaged length is not mistaken for a write that a crash cut short.

export const FORMAT_VERSION = 1;
const MAGIC = Buffer.from('WEFT');
export const KIND_FILE = 0x46;
export const KIND_LOG = 0x4c;
const HEADER_BYTES = 8;
const BATCH_HEAD_BYTES = 12;
/** Content of one file, or payload of one append. */
export const STORE_BYTES_MAX = 64 * 1024 * 1024;
/** Smallest unit in which a disk loses what was not yet written. */
const SECTOR_BYTES = 512;

const table = new Uint32Array(256).map((_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 (IEEE), as in zlib. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
};

export const header = (kind: number): Buffer => Buffer.concat([MAGIC, Buffer.from([kind, FORMAT_VERSION, 0, 0])]);

/** `newer`: written by a later Weft. `damaged`: not what this version writes. */
export type Parsed<T> = { kind: 'ok'; value: T } | { kind: 'newer' } | { kind: 'damaged' };

function checkHeader(bytes: Buffer, kind: number): 'ok' | 'newer' | 'damaged' {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 4).equals(MAGIC) || bytes[4] !== kind) return 'damaged';
  if ((bytes[5] as number) > FORMAT_VERSION) return 'newer';
  return bytes.subarray(0, HEADER_BYTES).equals(header(kind)) ? 'ok' : 'damaged';
}

export const encodeFile = (content: Uint8Array): Buffer =>
  Buffer.concat([header(KIND_FILE), u32(content.length, crc32(content)), content]);

export function decodeFile(bytes: Buffer): Parsed<Uint8Array> {
  const head = checkHeader(bytes, KIND_FILE);
  if (head !== 'ok') return { kind: head };
  if (bytes.length < HEADER_BYTES + 8) return { kind: 'damaged' };
  const content = bytes.subarray(HEADER_BYTES + 8);
  const fits =
    bytes.readUInt32BE(HEADER_BYTES) === content.length && bytes.readUInt32BE(HEADER_BYTES + 4) === crc32(content);
  return fits ? { kind: 'ok', value: new Uint8Array(content) } : { kind: 'damaged' };
}

export function encodeBatch(entries: Uint8Array[]): Buffer {
  const payload = Buffer.concat(entries.flatMap((entry) => [u32(entry.length), entry]));
  const head = u32(payload.length, crc32(payload));
  return Buffer.concat([head, u32(crc32(head)), payload]);
}

export interface LogContent {
  entries: Uint8Array[];
  /** Bytes up to the end of the last whole batch; what follows is a torn tail. */
  goodBytes: number;
}

export function decodeLog(bytes: Buffer): Parsed<LogContent> {
  // A crash while the file was made: nothing in it was ever acknowledged.
  if (bytes.length < HEADER_BYTES && header(KIND_LOG).subarray(0, bytes.length).equals(bytes))
    return { kind: 'ok', value: { entries: [], goodBytes: 0 } };
  const head = checkHeader(bytes, KIND_LOG);
  if (head !== 'ok') return { kind: head };
  const entries: Uint8Array[] = [];
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    const next = readBatch(bytes, at);
    if (next === 'torn') break;
    if (next === 'damaged') return { kind: 'damaged' };
    entries.push(...next.entries);
    at = next.end;
  }
  return { kind: 'ok', value: { entries, goodBytes: at } };
}

/**
 * Torn is only what a crash in the last append explains: a head or payload that ends early, or whose last sectors never
 * reached the disk and read as zeros. Anything else is damage, and cutting it would lose acknowledged entries.
 */
function readBatch(bytes: Buffer, at: number): { entries: Uint8Array[]; end: number } | 'torn' | 'damaged' {
  if (bytes.length - at < BATCH_HEAD_BYTES) return 'torn';
  const head = bytes.subarray(at, at + BATCH_HEAD_BYTES);
  if (head.readUInt32BE(8) !== crc32(head.subarray(0, 8))) return zeros(bytes, at) ? 'torn' : 'damaged';
  const end = at + BATCH_HEAD_BYTES + head.readUInt32BE(0);
  if (end > bytes.length) return 'torn';
  const payload = bytes.subarray(at + BATCH_HEAD_BYTES, end);
  if (head.readUInt32BE(4) !== crc32(payload))
    return end === bytes.length && lostSectors(bytes, at + BATCH_HEAD_BYTES) ? 'torn' : 'damaged';
  const entries = splitPayload(payload);
  return entries ? { entries, end } : 'damaged';
}

const zeros = (bytes: Buffer, from: number): boolean => bytes.subarray(from).every((byte) => byte === 0);

/** Whether the file's last sector, as far as it belongs to the batch, is all zeros. */
function lostSectors(bytes: Buffer, from: number): boolean {
  const sector = Math.floor((bytes.length - 1) / SECTOR_BYTES) * SECTOR_BYTES;
  return zeros(bytes, Math.max(from, sector));
}

function splitPayload(payload: Buffer): Uint8Array[] | null {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < payload.length;) {
    if (payload.length - at < 4) return null;
    const end = at + 4 + payload.readUInt32BE(at);
    if (end > payload.length) return null;
    entries.push(new Uint8Array(payload.subarray(at + 4, end)));
    at = end;
  }
  return entries;
}
