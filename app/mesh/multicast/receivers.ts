// From the members' wishes to the data plane's table: which members receive which group, and what changed since last time.
import type { GroupWish, Origin } from '../../wire/messages/presence.ts';
import { formatIp, parseIp } from '../../wire/messages/address.ts';

/** Groups that every member receives, whether or not its host says so: limited broadcast, and all nodes. */
export const ALL_MEMBERS_GROUPS = ['224.0.0.1', '255.255.255.255', 'ff02::1'] as const;
/** Groups in the data plane's table per network; beyond, groups with the highest addresses are left out. */
export const GROUPS_MAX = 4_096;

export interface GroupReceiver {
  peer: number;
  mode: 'include' | 'exclude';
  sources: string[];
}

export interface GroupReceivers {
  group: string;
  receivers: GroupReceiver[];
  /** Who may send to it; absent: every member. */
  publishers?: number[];
  /** What is sent to it is repaired, however few receive it. */
  repaired?: boolean;
  /** What comes to it by trees is believed only where its origin signed it. */
  signed?: boolean;
  /** These receive it beside those named before; nothing else has changed. */
  more?: true;
}

/** A member as multicast sees it. */
export interface MemberWishes {
  peer: number;
  origin: Origin;
  /** Guests receive named channels only: not what is for all members, nor open groups. */
  guest: boolean;
  wishes: readonly GroupWish[];
}

/** Who may send and receive a group that belongs to channels. */
export interface ChannelRights {
  /** This member may send to it. */
  publishes: boolean;
  /** Only some may send to it: that it was one of them is proven by signatures, where others pass it on. */
  signed: boolean;
  mayPublish(member: Pick<MemberWishes, 'origin' | 'guest'>): boolean;
  receives(member: MemberWishes): boolean;
}

/**
 * Receivers on other hosts per group. `everyone`: those who receive what is for all members; the array is kept. `channels`: rights by group
 * address; groups without are open to all but guests.
 */
export function groupTable(
  members: Iterable<MemberWishes>,
  everyone: GroupReceiver[],
  channels: ReadonlyMap<string, ChannelRights> = new Map(),
): Map<string, GroupReceiver[]> {
  const table = new Map<string, GroupReceiver[]>();
  const add = (group: string, receiver: GroupReceiver): void => {
    const receivers = table.get(group);
    if (receivers) receivers.push(receiver);
    else if (table.size < GROUPS_MAX) table.set(group, [receiver]);
  };
  for (const group of ALL_MEMBERS_GROUPS) table.set(group, everyone);
  for (const member of members) {
    const { peer, guest, wishes } = member;
    for (const { group, mode, sources } of wishes) {
      const rights = channels.get(group);
      const entitled = rights ? rights.publishes && rights.receives(member) : !guest;
      if (entitled && isShared(group)) add(group, { peer, mode, sources });
    }
  }
  return table;
}

/** Groups that not every member may send to, with those who may. */
export function publisherTable(
  members: readonly MemberWishes[],
  channels: ReadonlyMap<string, ChannelRights>,
): Map<string, number[]> {
  const table = new Map<string, number[]>();
  for (const [group, rights] of channels) {
    const may = members.filter((member) => rights.mayPublish(member));
    if (may.length < members.length)
      table.set(
        group,
        may.map(({ peer }) => peer).sort((a, b) => a - b),
      );
  }
  return table;
}

const sameList = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((text, index) => text === b[index]);

const same = (a: readonly GroupReceiver[], b: readonly GroupReceiver[]): boolean =>
  a.length === b.length &&
  a.every((one, index) => {
    const other = b[index] as GroupReceiver;
    return (
      one === other || (one.peer === other.peer && one.mode === other.mode && sameList(one.sources, other.sources))
    );
  });

/** Those behind what was told before; null: it is no more of the same. */
function added(told: readonly GroupReceiver[], now: readonly GroupReceiver[]): GroupReceiver[] | null {
  const isMore = told.length > 0 && now.length > told.length && told.every((one, index) => one === now[index]);
  return isMore ? now.slice(told.length) : null;
}

const sameRights = (a: readonly number[] | undefined, b: readonly number[] | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && sameList(a, b));

/** Keeps what the data plane was told, and names only the groups that differ now. */
export class GroupDiff {
  #told = new Map<string, Omit<GroupReceivers, 'group'>>();

  /** A group of which nothing is said is to be forgotten. The tables are kept: they must not change any more. */
  next(
    table: Map<string, GroupReceiver[]>,
    mayPublish: Map<string, number[]> = new Map(),
    repaired: ReadonlySet<string> = new Set(),
    signed: ReadonlySet<string> = new Set(),
  ): GroupReceivers[] {
    const changes: GroupReceivers[] = [];
    const now = new Map<string, Omit<GroupReceivers, 'group'>>();
    for (const group of new Set([...table.keys(), ...mayPublish.keys(), ...signed])) {
      const [receivers, publishers] = [table.get(group) ?? [], mayPublish.get(group)];
      const isSigned = signed.has(group);
      if (receivers.length === 0 && !publishers && !isSigned) continue;
      const told = this.#told.get(group);
      const how = { ...(repaired.has(group) && { repaired: true }), ...(isSigned && { signed: true }) };
      const next = { receivers, ...(publishers && { publishers }), ...how };
      now.set(group, next);
      const sameHow = told?.repaired === next.repaired && told?.signed === next.signed;
      const more = told && sameHow && sameRights(told.publishers, publishers) ? added(told.receivers, receivers) : null;
      if (more) {
        changes.push({ group, receivers: more, more: true });
        continue;
      }
      const unchanged = told && same(told.receivers, receivers) && sameHow;
      if (!unchanged || !sameRights(told.publishers, publishers)) changes.push({ group, ...next });
    }
    for (const group of this.#told.keys()) if (!now.has(group)) changes.push({ group, receivers: [] });
    this.#told = now;
    return changes;
  }

  /** The data plane forgot everything. */
  reset(): void {
    this.#told = new Map();
  }
}

/**
 * Whether a host's membership of this group concerns other members: not those that everybody receives, nor solicited-node groups
 * (neighbour discovery is answered on the spot), nor groups of the host itself (ff01::/16).
 */
export function isShared(group: string): boolean {
  if ((ALL_MEMBERS_GROUPS as readonly string[]).includes(group)) return false;
  return !group.startsWith('ff02::1:ff') && !group.startsWith('ff01:');
}

/** The host's list from the data plane, in the spelling of statements, without what is not shared or no address. */
export function sharedWishes(groups: readonly GroupWish[]): GroupWish[] {
  const wishes = new Map<string, GroupWish>();
  for (const { group, mode, sources } of groups) {
    const address = parseIp(group);
    if (!address) continue;
    const name = formatIp(address);
    if (!isShared(name)) continue;
    const same = sources.map(parseIp).filter((source) => source?.length === address.length) as Uint8Array[];
    // Include nothing: not a member.
    if (mode === 'include' && same.length === 0) continue;
    wishes.set(name, { group: name, mode, sources: same.map(formatIp) });
  }
  return [...wishes.values()];
}
