// The control messages between two members. Layouts and limits: docs/gossip.md; vectors: test/golden/messages/.
import { Reader, Writer } from './buffer.ts';
import { hex, unhex } from './hex.ts';
import { PRESENCE_BYTES_MAX, readEndpoint, writeEndpoint, type Origin } from './presence.ts';

export const MESSAGE_VERSION = 1;
/** The data plane carries no larger control message. */
export const CONTROL_BYTES_MAX = 60_000;
export const PRESENCES_PER_MESSAGE_MAX = 64;
export const ORIGINS_PER_MESSAGE_MAX = 2_048;
export const DIGEST_CHUNKS_MAX = 64;
export const MEET_ENDPOINTS_MAX = 16;
export const RECORDS_PER_MESSAGE_MAX = 256;
export const HASHES_PER_MESSAGE_MAX = 1_024;
export const RECORD_BYTES_MAX = 4_096;
export const CODE_CHARS_MAX = 32;
export const JOIN_REQUEST_BYTES_MAX = 8_192;
export const SIGNAL_BYTES_MAX = 8_192;
const HASH_BYTES = 32;
const ORIGIN_BYTES = 8;
/** Of the length of a statement: it comes as what changed. */
const DELTA_BIT = 0x8000;

/** A member's newest known statement, by number. */
export interface Known {
  origin: Origin;
  seq: number;
}

export interface Aged {
  ageSeconds: number;
  bytes: Uint8Array;
}

/** What leads from an earlier statement of its author to this one (presence-delta.ts). */
export interface AgedDelta {
  ageSeconds: number;
  delta: Uint8Array;
}

export type Told = Aged | AgedDelta;

export type Message =
  /** First on every session between members. `ledger` and `presences` are digests (8 bytes): equal ones need no exchange. */
  | { type: 'greet'; versionMax: number; wallMs: number; features: number; ledger: Uint8Array; presences: Uint8Array }
  /** Lasting neighbours: `ask` wants the other to be one (`needy`: has fewer than two), `keep` agrees, `drop` ends or declines. */
  | { type: 'link'; what: 'ask' | 'keep' | 'drop'; needy: boolean }
  /** Statements of presence, each with its signature, whole or as what changed. `ageSeconds`: how long it has been under way, as its carriers measured. */
  | { type: 'presences'; statements: Told[] }
  /** A hash (u32) per chunk of the statements known; the number of chunks is a power of two. */
  | { type: 'digest'; chunks: number[] }
  /** All statements known in the named chunks of a digest with `chunkCount` chunks. */
  | { type: 'summary'; chunkCount: number; chunks: number[]; known: Known[] }
  | { type: 'pull'; origins: Origin[] }
  /** Only to make the data plane prove that the path works. */
  | { type: 'probe' }
  /** What the receiver passes on, the sender hears from others too: calm news need only be named to it. */
  | { type: 'spare' }
  /** The sender's session with a member fell silent, when this was its newest statement. */
  | { type: 'doubt'; origin: Origin; seq: number }
  /** The session goes through others: both ends try each other's addresses now. `endpoints`: what the sender knows of itself. */
  | { type: 'meet'; again: boolean; endpoints: string[] }
  /**
   * What one end of a WebRTC dial has to tell the other; whoever has sessions with both may pass it on, once. `call`: the initiator's
   * number of the dial; `number`: of this piece among those of its end, so that none is taken twice.
   */
  | { type: 'signal'; to: Origin; from: Origin; call: number; initiator: boolean; number: number; bytes: Uint8Array }
  /** Where members that lost each other meet (docs/discovery.md): the higher epoch counts, at equal ones the larger bytes. */
  | { type: 'secret'; epoch: number; secret: Uint8Array }
  /** Heads of the record ledger: the hashes that no known record names as seen. */
  | { type: 'heads'; hashes: Uint8Array[] }
  /** Records, each after those that it builds on. `more`: others follow. */
  | { type: 'records'; more: boolean; records: Uint8Array[] }
  | { type: 'wantRecords'; hashes: Uint8Array[] }
  /** From a stranger to a sponsor. */
  | { type: 'joinRequest'; request: Uint8Array }
  /** Accepted: the whole ledger follows in `records`, the last with `more` false. */
  | { type: 'joinAccepted' }
  /** To a stranger or to a member that is none any more: a code of the error table. */
  | { type: 'refused'; code: string };

const TYPES = {
  greet: 1,
  link: 2,
  presences: 3,
  digest: 4,
  summary: 5,
  pull: 6,
  probe: 7,
  doubt: 8,
  meet: 9,
  secret: 13,
  signal: 15,
  heads: 16,
  records: 17,
  wantRecords: 18,
  spare: 20,
  joinRequest: 32,
  joinAccepted: 33,
  refused: 34,
} as const satisfies Record<Message['type'], number>;
/** Byte 1 of each message. */
export { TYPES as MESSAGE_TYPES };
const LINKS = ['drop', 'keep', 'ask'] as const;

export function encodeMessage(message: Message): Uint8Array {
  const writer = new Writer().u8(MESSAGE_VERSION).u8(TYPES[message.type]);
  switch (message.type) {
    case 'greet':
      writer.u8(message.versionMax).u48(message.wallMs).u16(message.features);
      writer.bytes(message.ledger).bytes(message.presences);
      break;
    case 'link':
      writer.u8(LINKS.indexOf(message.what) | (message.needy ? 0x80 : 0));
      break;
    case 'presences':
      writer.u8(message.statements.length);
      for (const told of message.statements) writeTold(writer, told);
      break;
    case 'digest':
      writer.u8(message.chunks.length);
      for (const chunk of message.chunks) writer.u32(chunk);
      break;
    case 'summary':
      writer.u8(message.chunkCount).u8(message.chunks.length);
      for (const chunk of message.chunks) writer.u8(chunk);
      writer.u16(message.known.length);
      for (const known of message.known) writer.bytes(unhex(known.origin)).u48(known.seq);
      break;
    case 'pull':
      writer.u16(message.origins.length);
      for (const origin of message.origins) writer.bytes(unhex(origin));
      break;
    case 'doubt':
      writer.bytes(unhex(message.origin)).u48(message.seq);
      break;
    case 'meet':
      writer.u8(message.again ? 1 : 0).u8(message.endpoints.length);
      for (const endpoint of message.endpoints) writeEndpoint(writer, endpoint);
      break;
    case 'signal':
      writer.bytes(unhex(message.to)).bytes(unhex(message.from)).u32(message.call);
      writer
        .u8(message.initiator ? 1 : 0)
        .u8(message.number)
        .blob(message.bytes);
      break;
    case 'secret':
      writer.u32(message.epoch).bytes(message.secret);
      break;
    case 'heads':
    case 'wantRecords':
      writer.u16(message.hashes.length);
      for (const hash of message.hashes) writer.bytes(hash);
      break;
    case 'records':
      writer.u8(message.more ? 1 : 0).u16(message.records.length);
      for (const record of message.records) writer.blob(record);
      break;
    case 'joinRequest':
      writer.blob(message.request);
      break;
    case 'refused':
      writer.blob(Uint8Array.from(message.code, (char) => char.charCodeAt(0)));
      break;
  }
  return writer.done();
}

/** `unknown`: of a later version or type, to be ignored. `bad`: malformed, the sender is at fault. */
export type Decoded = Message | 'unknown' | 'bad';

export function decodeMessage(bytes: Uint8Array): Decoded {
  if (bytes.length > CONTROL_BYTES_MAX) return 'bad';
  const reader = new Reader(bytes);
  const version = reader.u8();
  const type = reader.u8();
  if (!reader.good) return 'bad';
  if (version !== MESSAGE_VERSION) return 'unknown';
  const message = read(type, reader);
  if (message === null) return 'unknown';
  return reader.finished() ? message : 'bad';
}

function list<T>(reader: Reader, count: number, max: number, item: () => T): T[] {
  const items: T[] = [];
  for (let left = reader.count(count, max); left > 0 && reader.good; left--) items.push(item());
  return items;
}

function read(type: number, reader: Reader): Message | null {
  const origin = (): Origin => hex(reader.bytes(ORIGIN_BYTES));
  const hash = (): Uint8Array => reader.bytes(HASH_BYTES);
  switch (type) {
    case TYPES.greet:
      return {
        type: 'greet',
        versionMax: reader.u8(),
        wallMs: reader.u48(),
        features: reader.u16(),
        ledger: reader.bytes(8),
        presences: reader.bytes(8),
      };
    case TYPES.link:
      return readLink(reader);
    case TYPES.presences: {
      const told = (): Told => readTold(reader);
      return { type: 'presences', statements: list(reader, reader.u8(), PRESENCES_PER_MESSAGE_MAX, told) };
    }
    case TYPES.digest:
      return { type: 'digest', chunks: list(reader, chunkCount(reader), DIGEST_CHUNKS_MAX, () => reader.u32()) };
    case TYPES.summary:
      return {
        type: 'summary',
        chunkCount: chunkCount(reader),
        chunks: list(reader, reader.u8(), DIGEST_CHUNKS_MAX, () => reader.u8()),
        known: list(reader, reader.u16(), ORIGINS_PER_MESSAGE_MAX, () => ({ origin: origin(), seq: reader.u48() })),
      };
    case TYPES.pull:
      return { type: 'pull', origins: list(reader, reader.u16(), ORIGINS_PER_MESSAGE_MAX, origin) };
    case TYPES.probe:
      return { type: 'probe' };
    case TYPES.spare:
      return { type: 'spare' };
    case TYPES.doubt:
      return { type: 'doubt', origin: origin(), seq: reader.u48() };
    case TYPES.meet: {
      const again = reader.u8() === 1;
      return {
        type: 'meet',
        again,
        endpoints: list(reader, reader.u8(), MEET_ENDPOINTS_MAX, () => readEndpoint(reader)),
      };
    }
    case TYPES.signal: {
      const [to, from, call] = [origin(), origin(), reader.u32()];
      const initiator = reader.u8() === 1;
      return { type: 'signal', to, from, call, initiator, number: reader.u8(), bytes: reader.blob(SIGNAL_BYTES_MAX) };
    }
    case TYPES.secret:
      return { type: 'secret', epoch: reader.u32(), secret: hash() };
    case TYPES.heads:
      return { type: 'heads', hashes: list(reader, reader.u16(), HASHES_PER_MESSAGE_MAX, hash) };
    case TYPES.wantRecords:
      return { type: 'wantRecords', hashes: list(reader, reader.u16(), HASHES_PER_MESSAGE_MAX, hash) };
    case TYPES.records: {
      const more = reader.u8() === 1;
      const records = list(reader, reader.u16(), RECORDS_PER_MESSAGE_MAX, () => reader.blob(RECORD_BYTES_MAX));
      return { type: 'records', more, records };
    }
    case TYPES.joinRequest:
      return { type: 'joinRequest', request: reader.blob(JOIN_REQUEST_BYTES_MAX) };
    case TYPES.joinAccepted:
      return { type: 'joinAccepted' };
    case TYPES.refused:
      return { type: 'refused', code: readCode(reader) };
    default:
      return null;
  }
}

function writeTold(writer: Writer, told: Told): void {
  writer.u16(told.ageSeconds);
  if ('delta' in told) writer.u16(told.delta.length | DELTA_BIT).bytes(told.delta);
  else writer.blob(told.bytes);
}

function readTold(reader: Reader): Told {
  const ageSeconds = reader.u16();
  const field = reader.u16();
  const bytes = reader.bytes(reader.count(field & ~DELTA_BIT, PRESENCE_BYTES_MAX));
  return (field & DELTA_BIT) === 0 ? { ageSeconds, bytes } : { ageSeconds, delta: bytes };
}

function readLink(reader: Reader): Message {
  const byte = reader.u8();
  const what = LINKS[byte & 0x7f];
  if (!what) reader.fail();
  return { type: 'link', what: what ?? 'drop', needy: (byte & 0x80) !== 0 };
}

function chunkCount(reader: Reader): number {
  const count = reader.u8();
  if (count === 0 || count > DIGEST_CHUNKS_MAX || (count & (count - 1)) !== 0) reader.fail();
  return reader.good ? count : 0;
}

function readCode(reader: Reader): string {
  const code = String.fromCharCode(...reader.blob(CODE_CHARS_MAX));
  if (!/^[a-z-]+$/.test(code)) reader.fail();
  return code;
}

/** What a hello's hint says to the other engine: why the caller calls. */
export type Hint = { purpose: 'join'; inviteId: Uint8Array } | { purpose: 'member'; origin: Origin };

const PURPOSES = { join: 1, member: 2 } as const;
const INVITE_ID_BYTES_MAX = 32;

export function encodeHint(hint: Hint): Uint8Array {
  const writer = new Writer().u8(MESSAGE_VERSION).u8(PURPOSES[hint.purpose]);
  if (hint.purpose === 'join') writer.blob(hint.inviteId);
  else writer.bytes(unhex(hint.origin));
  return writer.done();
}

export function decodeHint(bytes: Uint8Array): Hint | null {
  const reader = new Reader(bytes);
  if (reader.u8() !== MESSAGE_VERSION) return null;
  const purpose = reader.u8();
  let hint: Hint | null = null;
  if (purpose === PURPOSES.join) hint = { purpose: 'join', inviteId: reader.blob(INVITE_ID_BYTES_MAX) };
  if (purpose === PURPOSES.member) hint = { purpose: 'member', origin: hex(reader.bytes(ORIGIN_BYTES)) };
  return reader.finished() ? hint : null;
}
