// What the data plane, the adapter and the resolver are told of a network: computed from records and presence, sent as differences.
import {
  GroupDiff,
  groupTable,
  publisherTable,
  type GroupReceiver,
  type MemberWishes,
} from '../mesh/multicast/receivers.ts';
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

const sameAddresses = (a: RollMember, b: RollMember): boolean => a.idHex === b.idHex && a.ipv4 === b.ipv4;

const sameName = (a: RollMember, b: RollMember | undefined): boolean =>
  a === b || (b !== undefined && a.label === b.label && sameAddresses(a, b));

const addressesOf = ({ ipv4, ipv6 }: RollMember): string[] => (ipv4 === null ? [ipv6] : [ipv4, ipv6]);

/** What nobody is kept from. */
const NOBODY: string[] = [];

const receiverOfAll = ({ handle }: Peer): GroupReceiver => ({ peer: handle, mode: 'exclude', sources: NOBODY });

/** Its texts are made when somebody reads them. */
class Host implements HostEntry {
  constructor(
    private readonly member: RollMember,
    private readonly network: string,
  ) {}

  get name(): string {
    return dnsName(this.member.label, this.network);
  }

  get addresses(): string[] {
    return addressesOf(this.member);
  }
}

export class Projection {
  readonly #io: ProjectionIo;
  readonly #groups = new GroupDiff();
  /** Names that the resolver was told, each with its addresses, and in which network. */
  #named: readonly RollMember[] = [];
  #network = '';
  #own: RollMember | undefined;
  /** The roll's list as the data plane was told of it, and how many of it. As long as it only grows, none of those is looked at again. */
  #told: readonly RollMember[] = [];
  #count = 0;
  /** Of those told, the ones that receive what is for all. */
  #everyone: GroupReceiver[] = [];
  /** Addresses of the own member as the data plane knows them. */
  ownIpv4: string | null = null;

  constructor(io: ProjectionIo) {
    this.#io = io;
    this.#own = this.#self();
    this.ownIpv4 = this.#own?.ipv4 ?? null;
  }

  #self(): RollMember | undefined {
    return this.#io.roll.member(this.#io.self);
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
    const members = roll.members();
    const grew = members === this.#told;
    const added = grew ? members.slice(this.#count) : members;
    if (!grew) this.#everyone = [];
    [this.#told, this.#count] = [members, members.length];
    const left = new Set<Peer>(grew ? [] : peers.members());
    for (const member of added) {
      if (member.origin === self) continue;
      const peer = peers.member(member);
      if (member.role !== 'guest') this.#everyone.push(receiverOfAll(peer));
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
    if (grew) paths.addMembers(now, added);
    else if (gone.length === 0) paths.setMembers(now, members);
    this.names();
    return { gone, fresh };
  }

  groups(): void {
    const { net, ports, roll, self } = this.#io;
    const rights = channelRights(roll);
    const repaired = repairedGroups(roll);
    const signed = new Set([...rights].flatMap(([group, { signed: isSigned }]) => (isSigned ? [group] : [])));
    const { wishes, everyone } = this.#wishes();
    const members =
      rights.size === 0 ? [] : roll.members().flatMap((one) => (one.origin === self ? [] : this.#wish(one)));
    const table = groupTable(wishes, everyone, rights);
    const changes = this.#groups.next(table, publisherTable(members, rights), repaired, signed);
    if (changes.length > 0) ports.dataplane.setGroups(net, changes);
  }

  /** Of one that the data plane knows. */
  #wish({ origin, role }: RollMember): MemberWishes[] {
    const { peers, paths } = this.#io;
    const peer = peers.of(origin);
    const wishes = paths.presence(origin)?.groups ?? [];
    return peer ? [{ peer: peer.handle, origin, guest: role === 'guest', wishes }] : [];
  }

  /** What members that are not off wish for, in the roll's order, and who receives what is for all. */
  #wishes(): { wishes: MemberWishes[]; everyone: GroupReceiver[] } {
    const { roll, peers, paths, self } = this.#io;
    const members = roll.members();
    const off = new Set<number>();
    const places: number[] = [];
    for (const { origin, off: isOff, groups } of paths.presences()) {
      if (isOff) off.add(peers.of(origin)?.handle ?? 0);
      else if (groups.length > 0 && origin !== self) places.push(roll.placeOf(origin));
    }
    const wishes = places
      .filter((place) => place >= 0)
      .sort((a, b) => a - b)
      .flatMap((place) => this.#wish(members[place] as RollMember));
    return { wishes, everyone: this.#everyone.filter(({ peer }) => !off.has(peer)) };
  }

  /** Names into the machine's resolver, when they differ from last time. */
  names(): void {
    const { net, ports, roll, self } = this.#io;
    const members = roll.members();
    const network = roll.label;
    const same = members.length === this.#named.length && members.every((one, at) => sameName(one, this.#named[at]));
    if (same && network === this.#network) return;
    [this.#named, this.#network] = [members.slice(), network];
    const hosts = members.map((member) => new Host(member, network));
    const own = roll.member(self);
    const ownEntry = own
      ? { name: mdnsName(own.label, network), addresses: addressesOf(own) }
      : { name: '', addresses: [] };
    ports.adapters.setNames(net, dnsDomain(network), ownEntry, hosts);
  }

  /** The data plane knows nothing of the network any more. */
  forget(): void {
    [this.#told, this.#count, this.#everyone] = [[], 0, []];
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
