// The contract's view of a network, from what the engine knows.
import type { Finding, Group, Limited, Member, Network as NetworkView, Problem } from '../contract/state.ts';
import { dnsName } from '../mesh/names/names.ts';
import { channelsView } from './channels.ts';
import { withoutCarrier } from '../mesh/paths/contacts.ts';
import { isPrivatePlace } from '../mesh/paths/nat-kind.ts';
import type { TreesView } from '../mesh/multicast/trees.ts';
import { FEATURE_LIMITED, FEATURE_MAPPED, type Origin } from '../wire/messages/presence.ts';
import type { Engine } from './engine.ts';
import type { FoundBy } from './found.ts';
import type { Network } from './network.ts';
import type { Now } from './ports.ts';
import type { RollMember } from './roll.ts';
import { sendingView, treesView } from './trees-view.ts';

/** Problems that mean: it works, but not as it should. */
const DEGRADING = ['no-rights', 'no-tun', 'helper-missing', 'helper-refused', 'name-taken', 'adapter-lost', 'internal'];

/** Networks may know more or less of the same NAT: what says most comes first. */
const NATS_TELLING: Finding['nat'][] = ['mapped', 'symmetric', 'cone', 'nat', 'open'];
const OBSERVED_SHOWN_MAX = 8;

export function networkView(network: Network, now: Now): NetworkView {
  const { roll, local } = network;
  const self = roll.self();
  const members = roll.members().map((member) => memberView(network, member, now));
  const ids = new Map(roll.members().map((member) => [member.origin, member.id]));
  const trees = network.casting.view();
  const shown = treesView(trees, roll.selfId, (origin) => ids.get(origin));
  const limited = network.casting.offences.view(ids, confessed(network));
  return {
    id: roll.id,
    name: roll.name,
    state: stateOf(network, members),
    on: local.on,
    addresses: self ? ownAddresses(network, self) : [],
    adapter: network.adapter?.ready ? network.adapter.name : null,
    mtu: local.mtu,
    selfId: roll.selfId,
    selfRole: self?.role ?? 'member',
    members,
    groups: groupsView(network, ids, trees),
    invites: roll.invites(now),
    channels: channelsView(network),
    ...(shown.length > 0 && { trees: shown }),
    ...(limited.length > 0 && { limited }),
    problems: [...network.problems.list(), ...floodProblems(limited, members)],
    createdMs: roll.createdMs,
  };
}

/** Members online whose own devices hold their programs back, since when by their clocks. */
function confessed({ roll, paths }: Network): Map<Origin, number> {
  const said = new Map<Origin, number>();
  for (const { origin } of roll.members()) {
    const presence = origin !== roll.selfOrigin && paths.isOnline(origin) ? paths.presence(origin) : undefined;
    if (presence && (presence.features & FEATURE_LIMITED) !== 0) said.set(origin, presence.seq);
  }
  return said;
}

/** One row for each member that floods, however many its groups are. */
function floodProblems(limited: readonly Limited[], members: readonly Member[]): Problem[] {
  const names = new Set(limited.map(({ member }) => members.find(({ id }) => id === member)?.name ?? member));
  return [...names].map((name): Problem => ({ code: 'member-limited', data: { name } }));
}

function stateOf(network: Network, members: readonly Member[]): NetworkView['state'] {
  if (!network.running) return 'off';
  if (DEGRADING.some((code) => network.problems.has(code))) return 'degraded';
  const alone = members.length <= 1;
  return alone || network.paths.contacts.upCount > 0 ? 'connected' : 'connecting';
}

function ownAddresses(network: Network, self: RollMember): string[] {
  const ipv6 = `${self.ipv6}/64`;
  const usable = self.ipv4 !== null && network.adapter?.ipv4Usable !== false;
  return usable ? [`${self.ipv4}/${network.roll.ipv4Prefix}`, ipv6] : [ipv6];
}

function memberView(network: Network, member: RollMember, now: Now): Member {
  const { paths } = network;
  const self = member.origin === network.roll.selfOrigin;
  const stats = self ? undefined : network.statsOf(member.origin);
  const contact = paths.contacts.get(member.origin);
  const up = contact?.state === 'up';
  const online = paths.isOnline(member.origin);
  const view: Member = {
    id: member.id,
    name: member.name,
    role: member.role,
    self,
    addresses: member.ipv4 === null ? [member.ipv6] : [member.ipv4, member.ipv6],
    dnsName: dnsName(member.label, network.roll.label),
    online,
    path: self ? 'self' : !up ? 'none' : paths.contacts.isRelayed(member.origin) ? 'relay' : 'direct',
    rxBytes: stats?.rxBytes ?? 0,
    txBytes: stats?.txBytes ?? 0,
  };
  if (up && !self) {
    view.transport = stats?.transport ?? contact.transport ?? 'udp';
    const endpoint = stats?.endpoint ?? withoutCarrier(contact.lastEndpoint ?? '');
    if (contact.transport === 'relay') view.relays = relayNames(network, member);
    else if (endpoint) view.endpoint = endpoint;
    const proxy = network.reaching.proxyOf(stats?.link);
    if (proxy !== undefined) view.proxy = proxy;
    const by = contact.transport === 'relay' ? undefined : foundBy(network, member, endpoint);
    if (by) view.foundBy = by;
    const rtt = stats?.rttMs ?? contact.rttMs;
    if (rtt !== undefined) view.rttMs = rtt;
  }
  const tried = network.reaching.tried(member.origin);
  if (tried.length > 0) view.tried = tried;
  if (!online && !self) {
    const seen = lastSeen(network, member, now);
    if (seen !== undefined) view.lastSeenMs = seen;
  }
  if (!up && !self && contact && contact.failures > 0) view.cause = 'nobody-reached';
  return view;
}

/** What told the endpoint first; nothing when it is no endpoint that was told: the member called. */
function foundBy(network: Network, { origin }: RollMember, endpoint: string): FoundBy | undefined {
  const found = network.places.by(origin, endpoint);
  if (found) return found;
  const presence = network.paths.presence(origin);
  const told = (endpoints: readonly string[] = []): boolean =>
    endpoints.some((each) => withoutCarrier(each) === endpoint);
  // Behind a NAT a member that tells of a mapping is not called elsewhere: what is public is its router's.
  const isMapped = ((presence?.features ?? 0) & FEATURE_MAPPED) !== 0 && !isPrivatePlace(endpoint);
  if (isMapped && told(presence?.endpoints)) return 'mapping';
  if (told(network.local.ways.find((way) => way.origin === origin)?.endpoints)) return 'invite';
  return told(presence?.endpoints) ? 'gossip' : undefined;
}

/** What the program says of discovery, and what the networks saw. */
export function findingView(engine: Engine, finding: Omit<Finding, 'nat' | 'observed'>): Finding {
  const observed = new Set<string>();
  const kinds = new Set<Finding['nat']>();
  for (const { places, running } of engine.networks.values()) {
    if (!running) continue;
    for (const endpoint of places.observed()) observed.add(endpoint);
    kinds.add(places.nat(engine.endpoints, finding.mapping.endpoints));
  }
  const nat = NATS_TELLING.find((kind) => kinds.has(kind)) ?? 'unknown';
  return { ...finding, nat, observed: [...observed].slice(0, OBSERVED_SHOWN_MAX) };
}

function relayNames(network: Network, { origin }: RollMember): string[] {
  const names = new Map(network.roll.members().map((member) => [member.origin, member.name]));
  return network.paths.routes.relays(origin).flatMap((relay) => names.get(relay.origin) ?? []);
}

/** Of a member that is offline: the end of the last session, or its newest statement. */
function lastSeen(network: Network, member: RollMember, now: Now): number | undefined {
  const { paths } = network;
  const ended = paths.contacts.get(member.origin)?.lastUpMono ?? -Infinity;
  const seen = Math.max(ended, paths.bornMono(member.origin));
  return Number.isFinite(seen) ? Math.round(now.wall - (now.mono - seen)) : undefined;
}

function groupsView(network: Network, ids: ReadonlyMap<Origin, string>, { own }: TreesView): Group[] {
  const { paths, roll } = network;
  const groups = new Map<string, Group>();
  const add = (address: string, id: string): Group => {
    const known = groups.get(address);
    const group = known ?? { address, members: [], joined: false };
    if (!known) groups.set(address, group);
    group.members.push(id);
    return group;
  };
  for (const wish of paths.ownGroups()) {
    const group = add(wish.group, roll.selfId);
    group.joined = true;
    group.mode = wish.mode;
    group.sources = [...wish.sources];
  }
  for (const presence of paths.presences()) {
    const id = ids.get(presence.origin);
    if (presence.origin === roll.selfOrigin || presence.off || id === undefined) continue;
    for (const { group } of presence.groups) add(group, id);
  }
  for (const group of groups.values()) {
    const sending = sendingView(own, group);
    if (sending) group.sending = sending;
  }
  return [...groups.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}
