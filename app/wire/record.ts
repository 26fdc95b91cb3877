// Records of the ledger: signed, canonical, versioned. Layouts are in docs/records.md.
import { decode, WireError, Writer, type Reader } from './bytes.ts';
import { utf8Encode } from './text.ts';

export const RECORD_VERSION = 1;
export const RECORD_BYTES_MAX = 2048;
export const RECORD_HEADS_MAX = 16;
export const RECORD_NAME_BYTES_MAX = 160;

export const ROLES = ['owner', 'admin', 'member', 'guest'] as const;
export type Role = (typeof ROLES)[number];

export type RecordBody =
  | {
      kind: 'genesis';
      rootKey: Uint8Array;
      name: string;
      /** First two bytes of the IPv4 /16. */
      prefix: [number, number];
      mtu: number;
      createdMs: number;
      memberKey: Uint8Array;
      noiseKey: Uint8Array;
      ownerName: string;
      ownerSignature: Uint8Array;
    }
  | {
      kind: 'certificate';
      author: Uint8Array;
      heads: Uint8Array[];
      inviteKey: Uint8Array;
      role: Role;
      uses: number;
      notBeforeMs: number;
      expiresMs: number;
    }
  | {
      kind: 'membership';
      /** The sponsor. */
      author: Uint8Array;
      heads: Uint8Array[];
      certificate: Uint8Array;
      memberKey: Uint8Array;
      noiseKey: Uint8Array;
      name: string;
      inviteSignature: Uint8Array;
      memberSignature: Uint8Array;
      nonce: Uint8Array;
      acceptedMs: number;
    }
  | { kind: 'witness'; author: Uint8Array; membership: Uint8Array }
  | { kind: 'removal'; author: Uint8Array; heads: Uint8Array[]; target: Uint8Array; atMs: number }
  | { kind: 'role'; author: Uint8Array; heads: Uint8Array[]; target: Uint8Array; role: Role; atMs: number }
  | { kind: 'rename'; author: Uint8Array; heads: Uint8Array[]; target: Uint8Array; name: string }
  | { kind: 'networkName'; author: Uint8Array; heads: Uint8Array[]; name: string }
  | { kind: 'revocation'; author: Uint8Array; heads: Uint8Array[]; certificate: Uint8Array }
  | {
      /** Makes a channel, or replaces what was said of it before. */
      kind: 'channel';
      author: Uint8Array;
      heads: Uint8Array[];
      /** First 8 bytes of its maker's member id, then 8 random ones. */
      channel: Uint8Array;
      name: string;
      /** Multicast address, 4 or 16 bytes. */
      group: Uint8Array;
      port: number;
      repair: Repair;
      /** Origins (8 bytes, rising) that may send; null: every member. */
      publishers: Uint8Array[] | null;
      /** Origins that may receive; null: every member. Never guests that are not listed. */
      subscribers: Uint8Array[] | null;
      closed: boolean;
    };

export const REPAIRS = ['off', 'nack', 'fec'] as const;
export type Repair = (typeof REPAIRS)[number];

export type RecordKind = RecordBody['kind'];
const KINDS: RecordKind[] = [
  'genesis',
  'certificate',
  'membership',
  'witness',
  'removal',
  'role',
  'rename',
  'networkName',
  'revocation',
  'channel',
];

export type OfKind<K extends RecordKind> = Extract<RecordBody, { kind: K }>;

const ID = 32;
export const CHANNEL_ID_BYTES = 16;
const ORIGIN_BYTES = 8;
/** Publishers or subscribers that one record names. */
export const CHANNEL_ORIGINS_MAX = 64;
const FLAG_CLOSED = 1;
const FLAG_PUBLISHERS = 2;
const FLAG_SUBSCRIBERS = 4;
const SIGNATURE = 64;

function writeHeads(writer: Writer, heads: Uint8Array[]): void {
  writer.list8(heads, (head, out) => out.raw(head));
}

function readHeads(reader: Reader): Uint8Array[] {
  const heads = reader.list8(RECORD_HEADS_MAX, (inner) => inner.raw(ID));
  if (heads.length === 0 || !rising(heads)) throw notCanonical();
  return heads;
}

const notCanonical = () => new WireError('not canonical');
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** What is signed: everything but the signature. */
export function encodeBody(body: RecordBody): Uint8Array {
  const writer = new Writer(512).u8(RECORD_VERSION).u8(KINDS.indexOf(body.kind));
  switch (body.kind) {
    case 'genesis':
      writeGenesisHead(writer, body).raw(body.ownerSignature);
      break;
    case 'certificate':
      writer.raw(body.author);
      writeHeads(writer, body.heads);
      writer.raw(body.inviteKey).u8(ROLES.indexOf(body.role)).u16(body.uses).u64(body.notBeforeMs).u64(body.expiresMs);
      break;
    case 'membership':
      writer.raw(body.author);
      writeHeads(writer, body.heads);
      writer.raw(body.certificate).raw(body.memberKey).raw(body.noiseKey).text8(body.name);
      writer.raw(body.inviteSignature).raw(body.memberSignature).raw(body.nonce).u64(body.acceptedMs);
      break;
    case 'witness':
      writer.raw(body.author).raw(body.membership);
      break;
    default:
      writer.raw(body.author);
      writeHeads(writer, body.heads);
      writeRest(writer, body);
  }
  return writer.done();
}

type Rest = OfKind<'removal' | 'role' | 'rename' | 'networkName' | 'revocation' | 'channel'>;

function writeRest(writer: Writer, body: Rest): void {
  if (body.kind === 'removal') writer.raw(body.target).u64(body.atMs);
  else if (body.kind === 'role') writer.raw(body.target).u8(ROLES.indexOf(body.role)).u64(body.atMs);
  else if (body.kind === 'rename') writer.raw(body.target).text8(body.name);
  else if (body.kind === 'networkName') writer.text8(body.name);
  else if (body.kind === 'channel') writeChannel(writer, body);
  else writer.raw(body.certificate);
}

function writeChannel(writer: Writer, body: OfKind<'channel'>): void {
  const { publishers, subscribers } = body;
  const flags = (publishers ? FLAG_PUBLISHERS : 0) | (subscribers ? FLAG_SUBSCRIBERS : 0);
  writer.raw(body.channel).text8(body.name).u8(body.group.length).raw(body.group).u16(body.port);
  writer.u8(REPAIRS.indexOf(body.repair)).u8(flags | (body.closed ? FLAG_CLOSED : 0));
  for (const origins of [publishers, subscribers]) if (origins) writer.list8(origins, (origin, out) => out.raw(origin));
}

function readChannel(reader: Reader): Omit<OfKind<'channel'>, 'kind' | 'author' | 'heads'> {
  const channel = reader.raw(CHANNEL_ID_BYTES);
  const name = reader.text8(RECORD_NAME_BYTES_MAX);
  const length = reader.u8();
  if (length !== 4 && length !== 16) throw notCanonical();
  const group = reader.raw(length);
  const port = reader.u16();
  const repair = REPAIRS[reader.u8()];
  const flags = reader.u8();
  const known = FLAG_CLOSED | FLAG_PUBLISHERS | FLAG_SUBSCRIBERS;
  if (repair === undefined || (flags & ~known) !== 0 || port === 0) throw notCanonical();
  const publishers = flags & FLAG_PUBLISHERS ? readOrigins(reader) : null;
  const subscribers = flags & FLAG_SUBSCRIBERS ? readOrigins(reader) : null;
  return { channel, name, group, port, repair, publishers, subscribers, closed: (flags & FLAG_CLOSED) !== 0 };
}

function readOrigins(reader: Reader): Uint8Array[] {
  const origins = reader.list8(CHANNEL_ORIGINS_MAX, (inner) => inner.raw(ORIGIN_BYTES));
  if (!rising(origins)) throw notCanonical();
  return origins;
}

/** Strictly, so that one set has one encoding. */
const rising = (items: readonly Uint8Array[]): boolean =>
  items.every((item, at) => at === 0 || compareBytes(items[at - 1] as Uint8Array, item) < 0);

type GenesisHead = Omit<OfKind<'genesis'>, 'ownerSignature' | 'kind'>;

function writeGenesisHead(writer: Writer, body: GenesisHead): Writer {
  return writer
    .raw(body.rootKey)
    .text8(body.name)
    .u8(body.prefix[0])
    .u8(body.prefix[1])
    .u16(body.mtu)
    .u64(body.createdMs)
    .raw(body.memberKey)
    .raw(body.noiseKey)
    .text8(body.ownerName);
}

/** What the first owner signs with its member key. */
export const genesisStatement = (body: GenesisHead): Uint8Array =>
  writeGenesisHead(new Writer().text8('weft owner 1'), body).done();

/** What the invite's key and the member's key both sign. */
export function joinStatement(
  networkId: Uint8Array,
  memberKey: Uint8Array,
  noiseKey: Uint8Array,
  name: string,
): Uint8Array {
  return new Writer().text8('weft join 1').raw(networkId).raw(memberKey).raw(noiseKey).text8(name).done();
}

function readBody(reader: Reader): RecordBody {
  if (reader.u8() !== RECORD_VERSION) throw new WireError('version');
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw new WireError('kind');
  if (kind === 'genesis') return readGenesis(reader);
  const author = reader.raw(ID);
  if (kind === 'witness') return { kind, author, membership: reader.raw(ID) };
  const heads = readHeads(reader);
  switch (kind) {
    case 'certificate':
      return {
        kind,
        author,
        heads,
        inviteKey: reader.raw(ID),
        role: readRole(reader),
        uses: reader.u16(),
        notBeforeMs: reader.u64(),
        expiresMs: reader.u64(),
      };
    case 'membership':
      return {
        kind,
        author,
        heads,
        certificate: reader.raw(ID),
        memberKey: reader.raw(ID),
        noiseKey: reader.raw(ID),
        name: reader.text8(RECORD_NAME_BYTES_MAX),
        inviteSignature: reader.raw(SIGNATURE),
        memberSignature: reader.raw(SIGNATURE),
        nonce: reader.raw(16),
        acceptedMs: reader.u64(),
      };
    case 'removal':
      return { kind, author, heads, target: reader.raw(ID), atMs: reader.u64() };
    case 'role':
      return { kind, author, heads, target: reader.raw(ID), role: readRole(reader), atMs: reader.u64() };
    case 'rename':
      return { kind, author, heads, target: reader.raw(ID), name: reader.text8(RECORD_NAME_BYTES_MAX) };
    case 'networkName':
      return { kind, author, heads, name: reader.text8(RECORD_NAME_BYTES_MAX) };
    case 'revocation':
      return { kind, author, heads, certificate: reader.raw(ID) };
    case 'channel':
      return { kind, author, heads, ...readChannel(reader) };
  }
}

function readGenesis(reader: Reader): OfKind<'genesis'> {
  return {
    kind: 'genesis',
    rootKey: reader.raw(ID),
    name: reader.text8(RECORD_NAME_BYTES_MAX),
    prefix: [reader.u8(), reader.u8()],
    mtu: reader.u16(),
    createdMs: reader.u64(),
    memberKey: reader.raw(ID),
    noiseKey: reader.raw(ID),
    ownerName: reader.text8(RECORD_NAME_BYTES_MAX),
    ownerSignature: reader.raw(SIGNATURE),
  };
}

function readRole(reader: Reader): Role {
  const role = ROLES[reader.u8()];
  if (role === undefined) throw new WireError('role');
  return role;
}

/** null when the bytes are not exactly one record of this version. */
export function decodeRecord(
  bytes: Uint8Array,
): { body: RecordBody; signature: Uint8Array; signed: Uint8Array } | null {
  if (bytes.length > RECORD_BYTES_MAX) return null;
  return decode(bytes, (reader) => {
    const body = readBody(reader);
    const signed = bytes.subarray(0, reader.position);
    return { body, signed, signature: reader.raw(SIGNATURE) };
  });
}

/** Of a membership: where its heads and the parts behind its name are, from the front and from the end. */
const HEADS_AT = 2 + ID;
const SIGNATURES_FROM_END = 2 * SIGNATURE + 16 + 8 + SIGNATURE;

/**
 * The body of a membership that was read from these bytes, for who keeps thousands: what is asked for once or never is read again when it is
 * asked for, and keys are parts of the bytes.
 */
export class KeptMembership {
  readonly kind = 'membership';
  readonly memberKey: Uint8Array;
  readonly noiseKey: Uint8Array;
  readonly name: string;
  readonly acceptedMs: number;

  constructor(
    private readonly bytes: Uint8Array,
    { name, acceptedMs }: OfKind<'membership'>,
    readonly author: Uint8Array,
    readonly certificate: Uint8Array,
  ) {
    const memberKeyAt = HEADS_AT + 1 + ID * this.#headCount + ID;
    this.memberKey = bytes.subarray(memberKeyAt, memberKeyAt + ID);
    this.noiseKey = bytes.subarray(memberKeyAt + ID, memberKeyAt + 2 * ID);
    this.name = name;
    this.acceptedMs = acceptedMs;
  }

  get #headCount(): number {
    return this.bytes[HEADS_AT] as number;
  }

  #fromEnd(at: number, length: number): Uint8Array {
    const start = this.bytes.length - SIGNATURES_FROM_END + at;
    return this.bytes.slice(start, start + length);
  }

  get heads(): Uint8Array[] {
    const start = HEADS_AT + 1;
    return Array.from({ length: this.#headCount }, (_, n) => this.bytes.slice(start + n * ID, start + (n + 1) * ID));
  }

  get inviteSignature(): Uint8Array {
    return this.#fromEnd(0, SIGNATURE);
  }

  get memberSignature(): Uint8Array {
    return this.#fromEnd(SIGNATURE, SIGNATURE);
  }

  get nonce(): Uint8Array {
    return this.#fromEnd(2 * SIGNATURE, 16);
  }
}

/** What is signed, and the signature, of bytes that are a record. */
export const partsOf = (record: Uint8Array): { signed: Uint8Array; signature: Uint8Array } => ({
  signed: record.subarray(0, -SIGNATURE),
  signature: record.slice(-SIGNATURE),
});

/** What a record's author signs. */
const RECORD_TAG = new Writer().text8('weft record 1').done();

export const recordStatement = (networkId: Uint8Array, signed: Uint8Array): Uint8Array =>
  new Writer(RECORD_TAG.length + networkId.length + signed.length).raw(RECORD_TAG).raw(networkId).raw(signed).done();

export const nameBytes = (name: string): number => utf8Encode(name).length;
