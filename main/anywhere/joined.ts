// Groups that programs on this host joined, interface by interface, as Linux lists them.
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import type { Joined } from '../../app/engine/anywhere.ts';
import { formatIp } from '../../app/wire/messages/address.ts';

const read = (name: string): string => {
  try {
    return readFileSync(`/proc/net/${name}`, 'utf8');
  } catch {
    return '';
  }
};

/** Empty where the system keeps no such lists. */
export const joinedGroups = (): Joined[] => [...joinedIpv4(read('igmp')), ...joinedIpv6(read('igmp6'))];

/** Lines of interfaces ("2  eth0 : 1 V3"), each followed by its groups: address (one word of the machine's), users, timer. */
export function joinedIpv4(text: string, little = endianness() === 'LE'): Joined[] {
  const found: Joined[] = [];
  let name = '';
  for (const line of text.split('\n').slice(1)) {
    const words = line.trim().split(/\s+/);
    if (!/^\s/.test(line)) name = (words[1] ?? '').replace(/:.*$/, '');
    else if (/^[0-9A-F]{8}$/.test(words[0] ?? '')) {
      const bytes = Buffer.from(words[0] as string, 'hex');
      found.push({ interface: name, group: formatIp(little ? bytes.reverse() : bytes), users: Number(words[1]) });
    }
  }
  return found;
}

/** "2  eth0  ff0200000000000000000000000000fb  1 00000004 0". */
export function joinedIpv6(text: string): Joined[] {
  return text.split('\n').flatMap((line) => {
    const [, name, address, users] = line.trim().split(/\s+/);
    if (!name || !/^[0-9a-f]{32}$/.test(address ?? '')) return [];
    return [{ interface: name, group: formatIp(Buffer.from(address as string, 'hex')), users: Number(users) }];
  });
}
