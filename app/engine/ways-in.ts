// Who a link names as ways in: this device, and a few others that are online, with where they can be reached.
import { ENDPOINTS_PER_WAY_MAX, WAYS_IN_MAX, type WayIn } from '../wire/link.ts';
import type { Network } from './network.ts';
import type { RollMember } from './roll.ts';

/** The own device first; then neighbours, then others that are online. Guests cannot sponsor. */
export function waysIn(network: Network): WayIn[] {
  const { roll, paths } = network;
  const ways: WayIn[] = [];
  const add = (member: RollMember, endpoints: readonly string[]): void => {
    if (ways.length < WAYS_IN_MAX && endpoints.length > 0 && member.role !== 'guest') {
      ways.push({ member: member.idBytes, noiseKey: member.dhKey, endpoints: spread(endpoints) });
    }
  };
  const self = roll.self();
  if (self) add(self, paths.ownEndpoints());
  const others = roll.members().filter((member) => member !== self && paths.isOnline(member.origin));
  const rank = (member: RollMember): number => (paths.isNeighbour(member.origin) ? 0 : 1);
  others.sort((a, b) => rank(a) - rank(b));
  for (const member of others) {
    const known = paths.presence(member.origin)?.endpoints ?? [];
    const session = paths.contacts.isUp(member.origin) ? paths.contacts.get(member.origin)?.lastEndpoint : undefined;
    add(member, session !== undefined ? [...new Set([...known, session])] : known);
  }
  return ways;
}

/** The first of the list (local), and the last (as others saw it): a joiner may be here or elsewhere. */
function spread(endpoints: readonly string[]): string[] {
  if (endpoints.length <= ENDPOINTS_PER_WAY_MAX) return [...endpoints];
  const tail = 2;
  return [...endpoints.slice(0, ENDPOINTS_PER_WAY_MAX - tail), ...endpoints.slice(-tail)];
}
