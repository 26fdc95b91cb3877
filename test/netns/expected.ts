// What theory says about each pair of sites: the yardstick of the grid. Nothing here is measured; nothing measured may change it.
import { siteKinds } from './support/site.ts';

/** How a kind stands towards the internet. */
interface Standing {
  /** What its users would call it. */
  shown: string;
  family: 'both' | 'ipv4' | 'ipv6';
  /** Anybody may call it there. */
  callable: boolean;
  /** Outgoing UDP: none at all, or the mapping and filtering of what is in between. */
  udp: 'none' | 'plain' | 'easy' | 'address' | 'port' | 'symmetric';
  /** Ways to an open member on 443 when UDP is no way. */
  streams: string[];
}

const anyStream = ['tcp', 'tls', 'wss', 'ws', 'https', 'http'];
const inTls = ['tls', 'wss', 'https'];
const inHttps = ['wss', 'https'];

export const standings = {
  open: { shown: 'open', family: 'both', callable: true, udp: 'plain', streams: anyStream },
  'easy-nat': { shown: 'easy NAT', family: 'ipv4', callable: false, udp: 'easy', streams: anyStream },
  'address-restricted': {
    shown: 'address-restricted',
    family: 'ipv4',
    callable: false,
    udp: 'address',
    streams: anyStream,
  },
  symmetric: { shown: 'symmetric', family: 'ipv4', callable: false, udp: 'symmetric', streams: anyStream },
  // Independent mapping twice; the stricter filter of the two counts.
  'two-nats': { shown: 'two NATs deep', family: 'ipv4', callable: false, udp: 'port', streams: anyStream },
  'udp-blocked': { shown: 'UDP blocked', family: 'ipv4', callable: false, udp: 'none', streams: anyStream },
  'tls-only': { shown: 'only 443/TLS', family: 'ipv4', callable: false, udp: 'none', streams: inTls },
  'http-proxy': { shown: 'only HTTP proxy with auth', family: 'ipv4', callable: false, udp: 'none', streams: inTls },
  'tls-intercepting': {
    shown: 'TLS-intercepting proxy',
    family: 'ipv4',
    callable: false,
    udp: 'none',
    streams: inHttps,
  },
  'ipv6-only': { shown: 'IPv6-only', family: 'ipv6', callable: true, udp: 'plain', streams: anyStream },
  'same-nat': { shown: 'same NAT', family: 'ipv4', callable: false, udp: 'port', streams: anyStream },
} as const satisfies Record<(typeof siteKinds)[number], Standing>;

export type GridKind = (typeof siteKinds)[number];

export interface Expectation {
  path: 'direct' | 'relay' | 'impossible';
  /** Transports that are right for a direct path. */
  transports: readonly string[];
  /** Why it is not direct. */
  reason: string;
  /** Seconds from the join to the first packet. */
  secondsMax: number;
}

const SECONDS_MAX = 15;
const SECONDS_UDP_BLOCKED_MAX = 10;

/** One cell; `third`: an open member on 443 is in the network. Order does not matter. */
export function expectation(one: GridKind, other: GridKind, third: boolean): Expectation {
  const [a, b] = [standings[one] as Standing, standings[other] as Standing];
  const noUdp = a.udp === 'none' || b.udp === 'none';
  const secondsMax = noUdp ? SECONDS_UDP_BLOCKED_MAX : SECONDS_MAX;
  const direct = directly(one, other, a, b, third);
  if (direct.transports.length) return { path: 'direct', reason: '', secondsMax, transports: direct.transports };
  return { path: third ? 'relay' : 'impossible', reason: direct.reason, secondsMax, transports: [] };
}

function directly(
  one: GridKind,
  other: GridKind,
  a: Standing,
  b: Standing,
  third: boolean,
): { transports: readonly string[]; reason: string } {
  const no = (reason: string) => ({ transports: [], reason });
  const udp = { transports: ['udp'], reason: '' };
  if (one === 'same-nat' && other === 'same-nat') return udp;
  if (a.family !== 'both' && b.family !== 'both' && a.family !== b.family)
    return no('one has IPv4 only, the other IPv6 only');
  if (a.callable || b.callable) {
    if (a.udp !== 'none' && b.udp !== 'none') return udp;
    const caller = a.callable ? b : a;
    return { transports: caller.streams, reason: '' };
  }
  if (a.udp === 'none' || b.udp === 'none') return no('neither can be called, and UDP passes at most one of the two');
  if (!third) return no('neither can be called, and nobody tells them how they look from outside');
  const kinds = [a.udp, b.udp];
  if (!kinds.includes('symmetric')) return udp;
  if (kinds.includes('easy') || kinds.includes('address')) return udp;
  return no(
    'a symmetric NAT draws a port at random for each peer, and the other side lets in only a port that it wrote to',
  );
}

/** All pairs, each once. */
export const pairs: [GridKind, GridKind][] = siteKinds.flatMap((one, index) =>
  siteKinds.slice(index).map((other): [GridKind, GridKind] => [one, other]),
);

/** The twelve cells that `npm test` runs: each NAT rule, each way out, each reason once. */
export const telling: { pair: [GridKind, GridKind]; third: boolean }[] = [
  { pair: ['open', 'open'], third: false },
  { pair: ['open', 'symmetric'], third: false },
  { pair: ['same-nat', 'same-nat'], third: false },
  { pair: ['ipv6-only', 'ipv6-only'], third: false },
  { pair: ['two-nats', 'same-nat'], third: true },
  { pair: ['address-restricted', 'symmetric'], third: true },
  { pair: ['symmetric', 'symmetric'], third: true },
  { pair: ['easy-nat', 'ipv6-only'], third: true },
  { pair: ['udp-blocked', 'easy-nat'], third: true },
  { pair: ['open', 'tls-only'], third: false },
  { pair: ['http-proxy', 'two-nats'], third: true },
  { pair: ['tls-intercepting', 'ipv6-only'], third: true },
];

/**
 * Telling cells that the product does not pass yet, with what is missing: left to `npm run lab`, which shows them as they are.
 * Empty is the aim.
 */
export const notYet: { pair: [GridKind, GridKind]; third: boolean; missing: string }[] = [];
