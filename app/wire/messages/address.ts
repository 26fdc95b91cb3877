// IP addresses and endpoints between their text and their bytes, one spelling per address (RFC 5952 without the IPv4 tail).

/** What answers at an endpoint: UDP and the stream port of the same number, or one of them. */
export type Carriers = 'both' | 'udp' | 'tcp';

export interface Endpoint {
  /** 4 or 16 bytes. */
  address: Uint8Array;
  port: number;
  carriers: Carriers;
}

/** 4 or 16 bytes, null when the text is no address. Zones ("%eth0") are not addresses. */
export function parseIp(text: string): Uint8Array | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | null {
  if (text.length > 45) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = words(halves[0] as string);
  const tail = halves.length === 2 ? words(halves[1] as string) : [];
  if (!head || !tail) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...head, ...new Array<number>(Math.max(missing, 0)).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  for (const [index, word] of all.entries()) {
    bytes[index * 2] = word >>> 8;
    bytes[index * 2 + 1] = word & 0xff;
  }
  return bytes;
}

function words(text: string): number[] | null {
  if (text === '') return [];
  const result: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      result.push(parseInt(part, 16));
      continue;
    }
    const tail = index === parts.length - 1 ? parseIpv4(part) : null;
    if (!tail) return null;
    result.push(((tail[0] as number) << 8) | (tail[1] as number), ((tail[2] as number) << 8) | (tail[3] as number));
  }
  return result;
}

export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const parts: number[] = [];
  for (let i = 0; i < 16; i += 2) parts.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  const { start, length } = longestZeroRun(parts);
  const hex = (list: number[]): string => list.map((part) => part.toString(16)).join(':');
  if (length < 2) return hex(parts);
  return `${hex(parts.slice(0, start))}::${hex(parts.slice(start + length))}`;
}

function longestZeroRun(parts: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= parts.length; i++) {
    if (i < parts.length && parts[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

/** "192.0.2.1:4000" or "[2001:db8::1]:4000"; with "/udp" or "/tcp" behind it when only that answers there. */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})(?:\/(udp|tcp))?$/.exec(text);
  if (!match) return null;
  const address = match[1] !== undefined ? parseIpv6(match[1]) : parseIpv4(match[2] as string);
  const port = Number(match[3]);
  const carriers = (match[4] as Carriers | undefined) ?? 'both';
  return address && port > 0 && port < 65536 ? { address, port, carriers } : null;
}

/** Address and port as programs write them. */
export function formatSocket(endpoint: Pick<Endpoint, 'address' | 'port'>): string {
  const ip = formatIp(endpoint.address);
  return endpoint.address.length === 16 ? `[${ip}]:${endpoint.port}` : `${ip}:${endpoint.port}`;
}

export function formatEndpoint(endpoint: Endpoint): string {
  const socket = formatSocket(endpoint);
  return endpoint.carriers === 'both' ? socket : `${socket}/${endpoint.carriers}`;
}

/** Equal spelling for equal endpoints; null when it is none. */
export function normalEndpoint(text: string): string | null {
  const endpoint = parseEndpoint(text);
  return endpoint && formatEndpoint(endpoint);
}

export const isMulticast = (ip: Uint8Array): boolean =>
  ip.length === 4 ? ((ip[0] as number) & 0xf0) === 0xe0 : ip[0] === 0xff;
