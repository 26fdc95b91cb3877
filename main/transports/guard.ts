// Where transports lead: addresses come from other members, who may lie.
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isNever } from '../../app/mesh/guard/callable.ts';
import { parseIp } from '../../app/wire/messages/address.ts';

export type AddressFilter = (address: string) => boolean;

type Interfaces = ReturnType<typeof networkInterfaces>;

/** Judges addresses of WebRTC's candidates, own and others'. Made anew for each channel, as adapters come and go. */
export function candidateFilter(interfaces: Interfaces = networkInterfaces()): AddressFilter {
  const overlays = new BlockList();
  for (const [name, addresses] of Object.entries(interfaces)) {
    // Through the overlay would be through itself.
    if (!name.startsWith('weft')) continue;
    for (const { cidr, family } of addresses ?? []) {
      const [network = '', prefix] = (cidr ?? '').split('/');
      if (isIP(network)) overlays.addSubnet(network, Number(prefix), family === 'IPv6' ? 'ipv6' : 'ipv4');
    }
  }
  return (address) => {
    const ip = parseIp(address);
    return ip !== null && !isNever(ip) && !overlays.check(address, ip.length === 16 ? 'ipv6' : 'ipv4');
  };
}

/**
 * … and of byte streams' targets, straight or through a proxy: not this machine's own addresses either. Programs on it trust what comes from
 * itself, and an engine beside this one is reached by datagrams.
 */
export function streamFilter(interfaces: Interfaces = networkInterfaces()): AddressFilter {
  const allowed = candidateFilter(interfaces);
  const own = new BlockList();
  for (const { address, family } of Object.values(interfaces).flatMap((list) => list ?? []))
    if (isIP(address)) own.addAddress(address, family === 'IPv6' ? 'ipv6' : 'ipv4');
  return (address) => allowed(address) && !own.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
