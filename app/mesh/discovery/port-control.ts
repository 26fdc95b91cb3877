// NAT-PMP (RFC 6886) and PCP's MAP (RFC 6887), client side: both ask the gateway at UDP 5351 for a mapping.
import { decode, type Reader, Writer } from '../../wire/bytes.ts';
import { formatIp } from '../../wire/messages/address.ts';
import { sameBytes } from '../../wire/text.ts';

export const PORT_CONTROL_PORT = 5351;
export const PCP_NONCE_BYTES = 12;
const PCP_VERSION = 2;
const PCP_MAP = 1;
const PMP_VERSION = 0;
const PMP_EXTERNAL = 0;
const ANSWER = 0x80;
const PROTOCOLS = { udp: 17, tcp: 6 } as const;
const PMP_OPCODES = { udp: 1, tcp: 2 } as const;

export interface MapRequest {
  protocol: 'udp' | 'tcp';
  internal: number;
  /** Asked for; 0: any. */
  external: number;
  /** 0 withdraws. */
  lifetimeS: number;
}

export interface MapAnswer {
  /** 0: granted; else the protocol's own result code. */
  result: number;
  external: number;
  lifetimeS: number;
  /** PCP only. */
  address: string | null;
}

const mapped = (ipv4: Uint8Array): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ipv4);

/** `client`: 4 bytes, the address that the request is sent from. `nonce`: the same for all requests of one mapping. */
export function encodePcpMap(request: MapRequest, client: Uint8Array, nonce: Uint8Array): Uint8Array {
  const out = new Writer(60).u8(PCP_VERSION).u8(PCP_MAP).u16(0).u32(request.lifetimeS).raw(mapped(client));
  out.raw(nonce).u8(PROTOCOLS[request.protocol]).u8(0).u16(0).u16(request.internal);
  return out
    .u16(request.external)
    .raw(mapped(new Uint8Array(4)))
    .done();
}

/** null when it is no answer to this request. A gateway that only knows NAT-PMP answers with its version: a result of 1. */
export function decodePcpMap(bytes: Uint8Array, request: MapRequest, nonce: Uint8Array): MapAnswer | null {
  const refused = (result: number): MapAnswer => ({ result, external: 0, lifetimeS: 0, address: null });
  return decode(bytes, (reader) => {
    const version = reader.u8();
    if (version === PMP_VERSION) return skip(reader, refused(1));
    if (version !== PCP_VERSION || reader.u8() !== (ANSWER | PCP_MAP)) return skip(reader, null);
    reader.u8();
    const result = reader.u8();
    const lifetimeS = reader.u32();
    reader.raw(16);
    if (reader.rest === 0) return result === 0 ? null : refused(result);
    const same = sameBytes(reader.raw(PCP_NONCE_BYTES), nonce) && reader.u8() === PROTOCOLS[request.protocol];
    reader.raw(same ? 3 : 4);
    if (!same || reader.u16() !== request.internal) return skip(reader, null);
    const external = reader.u16();
    const address = reader.raw(16);
    reader.raw(reader.rest);
    if (result !== 0) return refused(result);
    const isIpv4 = sameBytes(address.subarray(0, 12), mapped(new Uint8Array(4)).subarray(0, 12));
    return { result, external, lifetimeS, address: formatIp(isIpv4 ? address.slice(12) : address) };
  });
}

export const encodePmpExternal = (): Uint8Array => Uint8Array.of(PMP_VERSION, PMP_EXTERNAL);

/** "203.0.113.5", or the result code; null when it is no answer to that. */
export function decodePmpExternal(bytes: Uint8Array): string | number | null {
  return decode(bytes, (reader) => {
    if (reader.u8() !== PMP_VERSION || reader.u8() !== (ANSWER | PMP_EXTERNAL)) return skip(reader, null);
    const result = reader.u16();
    reader.u32();
    if (result !== 0) return skip(reader, result);
    return formatIp(reader.raw(4));
  });
}

export const encodePmpMap = (request: MapRequest): Uint8Array =>
  new Writer(12)
    .u8(PMP_VERSION)
    .u8(PMP_OPCODES[request.protocol])
    .u16(0)
    .u16(request.internal)
    .u16(request.lifetimeS === 0 ? 0 : request.external)
    .u32(request.lifetimeS)
    .done();

export function decodePmpMap(bytes: Uint8Array, request: MapRequest): MapAnswer | null {
  return decode(bytes, (reader) => {
    if (reader.u8() !== PMP_VERSION || reader.u8() !== (ANSWER | PMP_OPCODES[request.protocol]))
      return skip(reader, null);
    const result = reader.u16();
    reader.u32();
    if (result !== 0) return skip(reader, { result, external: 0, lifetimeS: 0, address: null });
    if (reader.u16() !== request.internal) return skip(reader, null);
    return { result, external: reader.u16(), lifetimeS: reader.u32(), address: null };
  });
}

function skip<T>(reader: Reader, value: T): T {
  reader.raw(reader.rest);
  return value;
}
