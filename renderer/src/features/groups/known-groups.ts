// Group addresses that people meet every day (IANA's multicast registries), so that a row says "mDNS" and not only 224.0.0.251.
import type { Key } from '../../i18n/i18n.ts';

const KNOWN: [pattern: RegExp, key: Key][] = [
  [/^224\.0\.0\.251$|^ff0[0-9a-f]::fb$/, 'groups.known.mdns'],
  // WS-Discovery uses the same group and another port; SSDP is the more common.
  [/^239\.255\.255\.250$|^ff0[0-9a-f]::c$/, 'groups.known.ssdp'],
  [/^224\.0\.0\.252$|^ff02::1:3$/, 'groups.known.llmnr'],
  [/^239\.255\.0\.1$/, 'groups.known.dds'],
  [/^224\.0\.1\.(129|13[0-2])$|^224\.0\.0\.107$/, 'groups.known.ptp'],
  [/^239\.255\.\d+\.\d+$/, 'groups.known.sacn'],
];

export const knownGroup = (address: string): Key | null =>
  KNOWN.find(([pattern]) => pattern.test(address))?.[1] ?? null;
