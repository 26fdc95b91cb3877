// Who counts: certificate by certificate, with what the authority voids left out.
import { hex } from '../../wire/text.ts';
import { applyAuthority, type Authority } from './authority.ts';
import type { Entry, EntryOf } from './entry.ts';
import { byDepth, idOf, type Index } from './index-of.ts';
import { inOrder, Places, strongest, winners, type MemberClaim, type Weighed } from './settle.ts';

export type VoidReason = 'removed' | 'invite-lost' | 'invite-void' | 'invite-revoked';

/** Rounds after which memberships that keep changing sides are left out for good. */
const ROUNDS_MAX = 8;

export interface Counted {
  authority: Authority;
  /** One claim for each member but the first owner, those removed later included; ancestors first. */
  claims: MemberClaim[];
  /** Ids (hex) whose memberships do not count. */
  voided: Map<string, VoidReason>;
  /** Places taken of each certificate (hex). */
  used: Map<string, number>;
}

/**
 * Authority says who counts, and who counts says whose acts have authority: repeated until nothing changes. Chains of invites settle
 * in as many rounds as they are long; what still swings after that stays out.
 */
export function countMembers(index: Index, weighed: Weighed): Counted {
  let uncounted: ReadonlySet<Entry> = new Set();
  for (let round = 0; ; round++) {
    const authority = applyAuthority(index, { uncounted });
    const { counting, ...result } = countOnce(index, authority, weighed);
    const next = new Set<Entry>(round < ROUNDS_MAX ? [] : uncounted);
    for (const entry of index.memberships.all()) if (!counting.has(entry)) next.add(entry);
    if (next.size === uncounted.size && [...next].every((entry) => uncounted.has(entry)))
      return { authority, ...result };
    uncounted = next;
  }
}

function countOnce(
  index: Index,
  authority: Authority,
  weighed: Weighed,
): Omit<Counted, 'authority'> & { counting: Set<Entry> } {
  const voided = new Map<string, VoidReason>();
  const used = new Map<string, number>();
  const counting = new Set<Entry>();
  const won: MemberClaim[] = [];
  for (const certificate of [...index.certificates.values()].sort(byDepth)) {
    const valid: EntryOf<'membership'>[] = [];
    for (const entry of [...(index.membershipsByCertificate.get(certificate.key) ?? [])].sort(byDepth)) {
      const reason = authority.voidMembership(entry);
      if (reason) voided.set(idOf(entry), reason);
      else valid.push(entry);
    }
    const single = strongest(index, valid, (witness) => !authority.void(witness), weighed);
    const taken = winners(single, certificate.body.uses, weighed);
    for (const { id } of single) voided.set(id, 'invite-lost');
    won.push(...taken);
    used.set(certificate.key, taken.length);
    const ids = new Set(taken.map(({ id }) => id));
    for (const entry of valid) if (ids.has(idOf(entry))) counting.add(entry);
  }
  const claims = oneKeyEach(index, won, weighed);
  const ids = new Set(claims.map(({ id }) => id));
  for (const id of ids) voided.delete(id);
  for (const entry of [...counting]) if (!ids.has(idOf(entry as EntryOf<'membership'>))) counting.delete(entry);
  return { claims, voided, used, counting };
}

/** One claim for each member, and one member for each Noise key (the first owner's is known to all): nobody passes for another one. */
function oneKeyEach(index: Index, won: readonly MemberClaim[], weighed: Weighed): MemberClaim[] {
  const byId = new Map<string, MemberClaim>();
  for (const claim of inOrder(won)) if (claim.id !== index.firstOwner && !byId.has(claim.id)) byId.set(claim.id, claim);
  const claims = [...byId.values()];
  const keys = new Places<MemberClaim>(({ entry }) => hex(entry.body.noiseKey), 1, weighed);
  const holders = keys.settle(claims).held();
  return claims.filter((claim) => holders.has(claim));
}
