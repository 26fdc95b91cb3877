// Removals, role changes and revocations among each other. A removal also undoes what the removed did without knowing of it; of members
// who removed each other at the same time the higher role stands, of equal ones the senior, who was in the network first.
import type { Role } from '../../wire/record.ts';
import { ROLES, compareBytes } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import type { Entry, EntryOf } from './entry.ts';
import { memberIds, push, roleOf, type Index } from './index-of.ts';

export interface Authority {
  /** Ids (hex). */
  removed: Set<string>;
  role(id: string): Role;
  /** Done by somebody removed by a removal that it did not know. */
  void(entry: Entry): boolean;
  revoked(certificate: EntryOf<'certificate'>): boolean;
  /** Its issuer was removed, or somebody who came in by it. */
  spoiled(certificate: EntryOf<'certificate'>): boolean;
  voidMembership(
    entry: EntryOf<'membership'>,
    certificate: EntryOf<'certificate'>,
  ): 'removed' | 'invite-void' | 'invite-revoked' | null;
}

type Act = EntryOf<'removal'> | EntryOf<'role'>;

/** Higher role first, then the longer in the network, then by a hash nobody chose. */
function bySeniority(index: Index): (a: Act, b: Act) => number {
  const cache = new Map<string, { depth: number; hash: Uint8Array }>();
  const joined = (id: string): { depth: number; hash: Uint8Array } => {
    const known = cache.get(id);
    if (known) return known;
    const all: Entry[] = id === index.firstOwner && index.genesis ? [index.genesis] : (index.memberships.get(id) ?? []);
    const first = [...all].sort((a, b) => a.depth - b.depth || compareBytes(a.hash, b.hash))[0];
    const value = { depth: first?.depth ?? Infinity, hash: first?.hash ?? new Uint8Array(0) };
    cache.set(id, value);
    return value;
  };
  const rank = (act: Act): number => ROLES.indexOf(act.authorRole ?? 'guest');
  return (a, b) => {
    const [first, second] = [joined(hex(a.body.author)), joined(hex(b.body.author))];
    return (
      rank(a) - rank(b) ||
      first.depth - second.depth ||
      compareBytes(first.hash, second.hash) ||
      a.depth - b.depth ||
      compareBytes(a.hash, b.hash)
    );
  };
}

const everything = (): boolean => true;
const nobody: ReadonlySet<string> = new Set();

/** Of the records for which `seen` holds. What members of `uncounted` (ids, hex) did has no effect, but for joins they sponsored in good faith. */
export function applyAuthority(
  index: Index,
  seen: (entry: Entry) => boolean = everything,
  uncounted: ReadonlySet<string> = nobody,
): Authority {
  const removals = new Map<string, EntryOf<'removal'>[]>();
  const roles = new Map<string, EntryOf<'role'>[]>();
  const removed = new Set<string>();
  const isVoid = (entry: Entry): boolean => {
    if (entry.body.kind === 'genesis') return false;
    if (entry.body.kind !== 'membership' && uncounted.has(hex(entry.body.author))) return true;
    return (removals.get(hex(entry.body.author)) ?? []).some(
      (removal) => removal !== entry && !removal.past.has(entry),
    );
  };
  const role = (id: string): Role => roleOf(index, id, roles.get(id) ?? [], index.memberships.get(id) ?? []);
  const owners = (): number => {
    const ids = new Set([index.firstOwner, ...roles.keys()]);
    return [...ids].filter((id) => !removed.has(id) && role(id) === 'owner').length;
  };
  const acts: Act[] = [...[...index.removals.values()].flat(), ...[...index.roles.values()].flat()].filter(seen);
  // Promotions first: an owner named at the same time as another one leaves is an owner.
  const promotions = acts.filter(
    (act): act is EntryOf<'role'> => act.body.kind === 'role' && act.body.role === 'owner',
  );
  for (const act of promotions) push(roles, hex(act.body.target), act);
  for (const act of acts.filter((one) => !promotions.includes(one as EntryOf<'role'>)).sort(bySeniority(index))) {
    if (isVoid(act)) continue;
    const target = hex(act.body.target);
    const lastOwner = !removed.has(target) && role(target) === 'owner' && owners() < 2;
    if (lastOwner) continue;
    if (act.body.kind === 'role') push(roles, target, act as EntryOf<'role'>);
    else {
      removed.add(target);
      push(removals, target, act as EntryOf<'removal'>);
    }
  }
  for (const [id, list] of roles)
    roles.set(
      id,
      list.filter((entry) => !isVoid(entry)),
    );
  return { removed, role, void: isVoid, ...certificates(index, removals, isVoid) };
}

function certificates(index: Index, removals: Map<string, EntryOf<'removal'>[]>, isVoid: (entry: Entry) => boolean) {
  /** Removals that spoil an invite: of its issuer, or of somebody who came in by it. */
  const spoilers = (certificate: EntryOf<'certificate'>): EntryOf<'removal'>[] => {
    const users = (index.membershipsByCertificate.get(certificate.key) ?? []).map(
      (entry) => memberIds.get(entry) ?? '',
    );
    // Who leaves by itself spoils nothing.
    return [hex(certificate.body.author), ...users].flatMap((id) =>
      (removals.get(id) ?? []).filter(({ body }) => hex(body.author) !== hex(body.target)),
    );
  };
  const revocations = (certificate: EntryOf<'certificate'>) =>
    (index.revocations.get(certificate.key) ?? []).filter((entry) => !isVoid(entry));
  return {
    revoked: (certificate: EntryOf<'certificate'>) => revocations(certificate).length > 0,
    spoiled: (certificate: EntryOf<'certificate'>) => spoilers(certificate).length > 0,
    voidMembership(entry: EntryOf<'membership'>, certificate: EntryOf<'certificate'>) {
      const id = memberIds.get(entry) ?? '';
      if (isVoid(entry) || isVoid(certificate)) return 'invite-void' as const;
      if (revocations(certificate).some((one) => !one.past.has(entry))) return 'invite-revoked' as const;
      const unknowing = spoilers(certificate).filter(
        (removal) => !removal.past.has(entry) && hex(removal.body.target) !== id,
      );
      return unknowing.length > 0 ? ('invite-void' as const) : null;
    },
  };
}
