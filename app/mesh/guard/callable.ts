// Where this machine lets others send it: endpoints come from members, links, beacons and the DHT, and any of them may lie.
import { formatSocket, isMulticast, parseEndpoint, type Endpoint } from '../../wire/messages/address.ts';

const startsWith = (ip: Uint8Array, ...bytes: number[]): boolean => bytes.every((byte, place) => ip[place] === byte);
const isZero = (ip: Uint8Array, from: number, to: number): boolean => ip.subarray(from, to).every((byte) => byte === 0);

export const isLoopback = (ip: Uint8Array): boolean =>
  ip.length === 4 ? ip[0] === 127 : isZero(ip, 0, 15) && ip[15] === 1;

/**
 * No single host of any network: unspecified, loopback, link-local (cloud machines keep their secrets there), groups, broadcast, reserved,
 * and IPv4 inside IPv6, which rules for IPv4 would not see. `ip`: 4 or 16 bytes.
 */
export function isNever(ip: Uint8Array): boolean {
  if (isMulticast(ip)) return true;
  if (ip.length === 4) return ip[0] === 0 || isLoopback(ip) || startsWith(ip, 169, 254) || (ip[0] as number) >= 240;
  const linkLocal = ip[0] === 0xfe && ((ip[1] as number) & 0xc0) === 0x80;
  const mapped = isZero(ip, 0, 10) && ip[10] === 0xff && ip[11] === 0xff;
  // ::/96 holds ::, ::1 and IPv4 as it was once written into IPv6.
  return linkLocal || mapped || isZero(ip, 0, 12);
}

/** Judges where a peer may be called. */
export type MayCall = (endpoint: Endpoint) => Endpoint | null;

/**
 * `own`: this machine's endpoints. Never itself. A machine that has nothing but loopback (no network at all, or told to listen there alone)
 * can only mean engines beside it: those it calls there by datagrams, and nothing else: what answers streams on loopback trusts whoever is
 * on the machine.
 */
export function callable(own: readonly string[]): MayCall {
  const mine = own.map(parseEndpoint).filter((endpoint) => endpoint !== null);
  const sockets = new Set(mine.map(formatSocket));
  const alone = mine.length > 0 && mine.every(({ address }) => isLoopback(address));
  return (endpoint) => {
    if (sockets.has(formatSocket(endpoint))) return null;
    if (alone && isLoopback(endpoint.address))
      return endpoint.carriers === 'tcp' ? null : { ...endpoint, carriers: 'udp' };
    return isNever(endpoint.address) ? null : endpoint;
  };
}
