// Who wants what one host sends: the question that an origin asks before it plans a tree.
import type { GroupWish } from '../../wire/messages/presence.ts';
import { formatIp, parseIp } from '../../wire/messages/address.ts';
import { ALL_MEMBERS_GROUPS, isShared, type ChannelRights, type MemberWishes } from './receivers.ts';

/**
 * Broadcast, what stays on one link, SSDP: a few packets now and then, by which hosts find each other. Until they go on for a while, a
 * tree costs more than it saves.
 */
export const isChatter = (group: string): boolean =>
  (ALL_MEMBERS_GROUPS as readonly string[]).includes(group) ||
  /^224\.0\.0\.|^ff02:|^239\.255\.255\.250$|^ff05::c$/.test(group);

/** A source filter over a host's own addresses, which have the spelling of statements. */
export const wantsFrom = ({ mode, sources }: Pick<GroupWish, 'mode' | 'sources'>, own: ReadonlySet<string>): boolean =>
  sources.some((source) => own.has(source)) === (mode === 'include');

/** A host's addresses in the spelling of statements. */
export function spelled(addresses: Iterable<string | null>): Set<string> {
  const found = new Set<string>();
  for (const text of addresses) {
    const bytes = text === null ? null : parseIp(text);
    if (bytes) found.add(formatIp(bytes));
  }
  return found;
}

/** Whether a member may read what is sent to the group, whatever it wishes at the moment. */
export function isEntitled(group: string, member: MemberWishes, rights: ChannelRights | undefined): boolean {
  if ((ALL_MEMBERS_GROUPS as readonly string[]).includes(group)) return !member.guest;
  return rights ? rights.receives(member) : !member.guest;
}

/** Whether a member receives what the host with these addresses sends to the group. */
export function receives(
  group: string,
  member: MemberWishes,
  rights: ChannelRights | undefined,
  own: ReadonlySet<string>,
): boolean {
  if (rights && !rights.publishes) return false;
  if (!isEntitled(group, member, rights)) return false;
  if (!isShared(group)) return (ALL_MEMBERS_GROUPS as readonly string[]).includes(group);
  const wish = member.wishes.find((one) => one.group === group);
  return wish !== undefined && wantsFrom(wish, own);
}
