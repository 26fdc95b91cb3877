// STUN binding (RFC 5389), client side: twenty bytes out, the reflexive address back.
import { decode, Writer } from '../../wire/bytes.ts';
import { formatSocket } from '../../wire/messages/address.ts';
import { sameBytes } from '../../wire/text.ts';

const MAGIC = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAPPED_ADDRESS = 0x0001;
const XOR_MAPPED_ADDRESS = 0x0020;
export const STUN_ID_BYTES = 12;
const STUN_BYTES_MAX = 548;

export const encodeBinding = (id: Uint8Array): Uint8Array =>
  new Writer(20).u16(BINDING_REQUEST).u16(0).u32(MAGIC).raw(id).done();

/** "192.0.2.1:4000" as the server saw it; null when it is no success answer to this id. */
export function decodeBinding(bytes: Uint8Array, id: Uint8Array): string | null {
  if (bytes.length > STUN_BYTES_MAX) return null;
  return decode(bytes, (reader) => {
    const head = { type: reader.u16(), length: reader.u16(), magic: reader.u32(), id: reader.raw(STUN_ID_BYTES) };
    if (head.type !== BINDING_SUCCESS || head.magic !== MAGIC || !sameBytes(head.id, id)) return end(reader, null);
    if (head.length !== reader.rest) return end(reader, null);
    let plain: string | null = null;
    let masked: string | null = null;
    while (reader.rest > 0) {
      const type = reader.u16();
      const value = reader.bytes16();
      reader.raw((4 - (value.length % 4)) % 4);
      if (type === XOR_MAPPED_ADDRESS) masked ??= readAddress(value, head.id);
      if (type === MAPPED_ADDRESS) plain ??= readAddress(value, null);
    }
    return masked ?? plain;
  });
}

function end<T>(reader: { rest: number; raw(length: number): Uint8Array }, value: T): T {
  reader.raw(reader.rest);
  return value;
}

/** `id`: masked by the magic and the id (XOR-MAPPED-ADDRESS). */
function readAddress(value: Uint8Array, id: Uint8Array | null): string | null {
  const length = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0;
  if (length === 0 || value.length !== 4 + length) return null;
  const mask = id ? new Writer(16).u32(MAGIC).raw(id).done() : new Uint8Array(16);
  const unmasked = (at: number, by: number): number => (value[at] as number) ^ (mask[by] as number);
  const port = (unmasked(2, 0) << 8) | unmasked(3, 1);
  const address = Uint8Array.from({ length }, (_, index) => unmasked(4 + index, index));
  return port === 0 ? null : formatSocket({ address, port });
}
