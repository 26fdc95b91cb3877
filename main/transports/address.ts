// Texts of addresses as transports meet them.
import { isIP } from 'node:net';
import type { ProxyServer } from './transport.ts';

/** "192.0.2.1:443" or "[2001:db8::1]:443"; a v4-mapped address is shown as the IPv4 address that it is. */
export function endpointText(host: string, port: number): string {
  const plain = plainAddress(host);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Without brackets, zone and v4 mapping. */
export const plainAddress = (host: string): string =>
  host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

/** "host:port", "[v6]:port" → parts without brackets; null when it is none. */
export function splitEndpoint(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && port <= 65_535 ? { host, port } : null;
}

/** A proxy as shown to users: without name and password. */
export const proxyText = ({ scheme, host, port }: ProxyServer): string => `${scheme}://${endpointText(host, port)}`;

/** Whom limits count as one source: an IPv4 address, an IPv6 /64. */
export function sourceOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = plain.split('::') as [string, string?];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return groups.slice(0, 4).join(':');
}
