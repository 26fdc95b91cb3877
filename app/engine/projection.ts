// What the data plane, the adapter and the resolver are told of a network: computed from records and presence, sent as differences.
import { GroupDiff, groupTable, publisherTable, type MemberWishes } from '../mesh/multicast/receivers.ts';
import { dnsDomain, dnsName, mdnsName } from '../mesh/names/names.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { AdapterAddresses } from './adapter.ts';
import { channelRights, repairedGroups } from './channels.ts';
import { memberConfig, type Peer, type Peers } from './peers.ts';
import type { HostEntry, NetworkConfig, Now, PeerConfig, Ports } from './ports.ts';
import type { Roll, RollMember } from './roll.ts';

export const IPV6_PREFIX = 64;

export interface ProjectionIo {
  net: number;
  ports: Ports;
  roll: Roll;
  peers: Peers;
  paths: Paths;
  self: Origin;
}

const sameAddresses = (a: RollMember, b: RollMember): boolean =>
  a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6 && a.mac === b.mac;

const sameName = (a: RollMember, b: RollMember | undefined): boolean =>
  a === b || (b !== undefined && a.label === b.label && a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6);

const addressesOf = ({ ipv4, ipv6 }: RollMember): string[] => (ipv4 === null ? [ipv6] : [ipv4, ipv6]);

export class Projection {
  readonly #io: ProjectionIo;
  readonly #groups = new GroupDiff();
  /** Names that the resolver was told, each with its addresses, and in which network. */
  #named: readonly RollMember[] = [];
  #network = '';
  #own: RollMember | undefined;
  /** Addresses of the own member as the data plane knows them. */
  ownIpv4: string | null = null;

  constructor(io: ProjectionIo) {
    this.#io = io;
    this.#own = this.#self();
    this.ownIpv4 = this.#own?.ipv4 ?? null;
  }

  #self(): RollMember | undefined {
    return this.#io.roll.members().find((member) => member.origin === this.#io.self);
  }

  config(dhSecret: Uint8Array, originBytes: Uint8Array, mtu: number): NetworkConfig {
    const { net, roll } = this.#io;
    const own = this.#own as RollMember;
    const config: NetworkConfig = {
      net,
      networkId: roll.networkId,
      secretKey: dhSecret,
      origin: originBytes,
      ipv6: own.ipv6,
      ipv6Prefix: IPV6_PREFIX,
      linkLocal: own.linkLocal,
      mac: own.mac,
      mtu,
    };
    if (own.ipv4 !== null) {
      config.ipv4 = own.ipv4;
      config.ipv4Prefix = roll.ipv4Prefix;
    }
    return config;
  }

  addresses(mtu: number): AdapterAddresses {
    const own = this.#own as RollMember;
    const addresses: AdapterAddresses = {
      mac: own.mac,
      mtu,
      ipv6: [`${own.ipv6}/${IPV6_PREFIX}`, `${own.linkLocal}/${IPV6_PREFIX}`],
    };
    if (own.ipv4 !== null) addresses.ipv4 = `${own.ipv4}/${this.#io.roll.ipv4Prefix}`;
    return addresses;
  }

  /** Brings the data plane's members up to date. `fresh`: were unknown or strangers before; `gone`: are no members any more. */
  peers(now: Now): { gone: Peer[]; fresh: Peer[] } {
    const { net, ports, roll, peers, paths, self } = this.#io;
    const configs: PeerConfig[] = [];
    const fresh: Peer[] = [];
    const left = new Set<Peer>(peers.members());
    for (const member of roll.members()) {
      if (member.origin === self) continue;
      const peer = peers.member(member);
      left.delete(peer);
      const before = peer.told;
      peer.told = member;
      if (before && sameAddresses(before, member)) continue;
      if (!before) fresh.push(peer);
      configs.push(memberConfig(peer, member));
    }
    this.#own = this.#self();
    this.ownIpv4 = this.#own?.ipv4 ?? null;
    if (configs.length > 0) ports.dataplane.setPeers(net, configs);
    // Those who left are dropped by the caller before paths forgets them.
    const gone = [...left];
    if (gone.length === 0) paths.setMembers(now, roll.members());
    this.names();
    return { gone, fresh };
  }

  groups(): void {
    const { net, ports, roll, peers, paths, self } = this.#io;
    const wishes: MemberWishes[] = [];
    const members: MemberWishes[] = [];
    for (const member of roll.members()) {
      const peer = member.origin === self ? undefined : peers.of(member.origin);
      if (!peer) continue;
      const presence = paths.presence(member.origin);
      const [guest, groups] = [member.role === 'guest', presence?.groups ?? []];
      const one: MemberWishes = { peer: peer.handle, origin: member.origin, guest, wishes: groups };
      members.push(one);
      if (!presence?.off) wishes.push(one);
    }
    const rights = channelRights(roll);
    const repaired = repairedGroups(roll);
    const signed = new Set([...rights].flatMap(([group, { signed: isSigned }]) => (isSigned ? [group] : [])));
    const changes = this.#groups.next(groupTable(wishes, rights), publisherTable(members, rights), repaired, signed);
    if (changes.length > 0) ports.dataplane.setGroups(net, changes);
  }

  /** Names into the machine's resolver, when they differ from last time. */
  names(): void {
    const { net, ports, roll, self } = this.#io;
    const members = roll.members();
    const network = roll.label;
    const same = members.length === this.#named.length && members.every((one, at) => sameName(one, this.#named[at]));
    if (same && network === this.#network) return;
    [this.#named, this.#network] = [members, network];
    const hosts = members.map((member): HostEntry => ({
      name: dnsName(member.label, network),
      addresses: addressesOf(member),
    }));
    const own = members.find(({ origin }) => origin === self);
    const ownEntry = own
      ? { name: mdnsName(own.label, network), addresses: addressesOf(own) }
      : { name: '', addresses: [] };
    ports.adapters.setNames(net, dnsDomain(network), ownEntry, hosts);
  }

  /** The data plane knows nothing of the network any more. */
  forget(): void {
    for (const peer of this.#io.peers.members()) peer.told = null;
    [this.#named, this.#network] = [[], ''];
    this.#groups.reset();
  }

  /** The network goes off: nobody is a peer any more, no name resolves; the adapter keeps its memberships. */
  withdraw(): void {
    const { net, ports, peers } = this.#io;
    ports.dataplane.removePeers(
      net,
      [...peers.members()].map(({ handle }) => handle),
    );
    this.forget();
    ports.adapters.setNames(net, '', { name: '', addresses: [] }, []);
  }
}
