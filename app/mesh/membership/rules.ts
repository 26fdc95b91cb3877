// What a record may do, judged by its causal past alone: so the answer never changes and is the same on every replica.
import type { Crypto } from '../../wire/crypto.ts';
import {
  genesisStatement,
  joinStatement,
  recordStatement,
  type OfKind,
  type RecordBody,
  type Role,
} from '../../wire/record.ts';
import { hex, sameBytes } from '../../wire/text.ts';
import { memberIdOf, networkIdOf } from '../identity/identity.ts';
import { applyAuthority, type Authority } from './authority.ts';
import type { Entry, EntryOf } from './entry.ts';
import { memberIds, roleOf, type Index } from './index-of.ts';
import { strongest, winners } from './settle.ts';

export type Refusal =
  | 'malformed'
  | 'bad-signature'
  | 'other-network'
  | 'not-allowed'
  | 'removed'
  | 'last-owner'
  | 'no-such-member'
  | 'no-such-invite'
  | 'invite-expired'
  | 'invite-used'
  | 'invite-revoked'
  | 'invite-void'
  | 'clock-wrong';

export const INVITE_USES_MAX = 1000;
/** A sponsor's clock may be this far behind the inviter's. */
export const CLOCK_SKEW_MS_MAX = 5 * 60_000;

type WithPast = Pick<Entry, 'past'>;

/** What was known in the causal past of a record. */
export class Hindsight {
  constructor(
    private readonly index: Index,
    private readonly at: WithPast,
  ) {}

  private authority: Authority | null = null;

  private seen<T extends Entry>(list: readonly T[] | undefined): T[] {
    return (list ?? []).filter((entry) => this.at.past.has(entry));
  }

  /** Removals and roles as they stood: of those that contradict each other only what prevails. */
  private get acts(): Authority {
    this.authority ??= applyAuthority(this.index, (entry) => this.at.past.has(entry));
    return this.authority;
  }

  knows(entry: Entry): boolean {
    return this.at.past.has(entry);
  }

  memberKey(id: string): Uint8Array | null {
    const { genesis, firstOwner } = this.index;
    if (id === firstOwner && genesis && this.at.past.has(genesis)) return genesis.body.memberKey;
    return this.seen(this.index.memberships.get(id))[0]?.body.memberKey ?? null;
  }

  removed(id: string): boolean {
    return this.seen(this.index.removals.get(id)).length > 0 && this.acts.removed.has(id);
  }

  /** Came in by an invite that others had used up, and it was known. */
  private lost(id: string): boolean {
    const memberships = this.seen(this.index.memberships.get(id));
    if (id === this.index.firstOwner || memberships.length === 0) return false;
    return memberships.every(({ body }) => {
      const certificate = this.index.certificates.get(hex(body.certificate));
      const rivals = this.seen(this.index.membershipsByCertificate.get(certificate?.key ?? ''));
      const ids = new Set(rivals.map((entry) => this.idOf(entry)));
      if (!certificate || ids.size <= certificate.body.uses) return false;
      const claims = strongest(this.index, rivals, (witness) => this.at.past.has(witness));
      return !winners(claims, certificate.body.uses).some((claim) => claim.id === id);
    });
  }

  /** Removed by somebody else: who leaves by itself spoils no invite. */
  private expelled(id: string): boolean {
    return (
      this.removed(id) &&
      this.seen(this.index.removals.get(id)).some(({ body }) => hex(body.author) !== hex(body.target))
    );
  }

  /** null: nobody, or removed. */
  role(id: string): Role | null {
    if (this.memberKey(id) === null || this.removed(id) || this.lost(id)) return null;
    if (this.seen(this.index.roles.get(id)).length > 0) return this.acts.role(id);
    return roleOf(this.index, id, [], this.seen(this.index.memberships.get(id)));
  }

  owners(): string[] {
    const ids = new Set([this.index.firstOwner, ...this.index.roles.keys()]);
    return [...ids].filter((id) => this.role(id) === 'owner');
  }

  revoked(certificate: string): boolean {
    return this.seen(this.index.revocations.get(certificate)).length > 0;
  }

  /** Members, other than `id`, who came by this certificate. */
  users(certificate: string, except: string): Set<string> {
    const ids = this.seen(this.index.membershipsByCertificate.get(certificate)).map((entry) => this.idOf(entry));
    return new Set(ids.filter((id) => id !== except));
  }

  /** Its issuer, or somebody who came in by it, was removed. */
  voided(certificate: EntryOf<'certificate'>): boolean {
    if (this.expelled(hex(certificate.body.author))) return true;
    return this.seen(this.index.membershipsByCertificate.get(certificate.key)).some((entry) =>
      this.expelled(this.idOf(entry)),
    );
  }

  private idOf(entry: EntryOf<'membership'>): string {
    return memberIds.get(entry) ?? '';
  }
}

export const mayInvite = (own: Role, role: Role): boolean =>
  own === 'owner' ? role !== 'owner' : own === 'admin' && (role === 'member' || role === 'guest');
export const mayRemove = (own: Role, target: Role): boolean =>
  own === 'owner' || (own === 'admin' && (target === 'member' || target === 'guest'));

/** null when the record is right. `entry` is not in the index yet. */
export function judge(
  crypto: Crypto,
  networkId: Uint8Array,
  index: Index,
  entry: Entry,
  signed: Uint8Array,
  signature: Uint8Array,
): Refusal | null {
  const { body } = entry;
  if (body.kind === 'genesis') return judgeGenesis(crypto, networkId, body, signed, signature);
  const past = new Hindsight(index, entry);
  const author = hex(body.author);
  const role = past.role(author);
  if (role === null) return past.removed(author) ? 'removed' : 'no-such-member';
  entry.authorRole = role;
  const refusal = judgeAct(
    crypto,
    networkId,
    index,
    past,
    entry as Entry<Exclude<RecordBody, OfKind<'genesis'>>>,
    role,
  );
  if (refusal) return refusal;
  const key = past.memberKey(author) as Uint8Array;
  return crypto.verify(key, recordStatement(networkId, signed), signature) ? null : 'bad-signature';
}

function judgeGenesis(
  crypto: Crypto,
  networkId: Uint8Array,
  body: OfKind<'genesis'>,
  signed: Uint8Array,
  signature: Uint8Array,
): Refusal | null {
  if (!sameBytes(networkIdOf(crypto, body.rootKey), networkId)) return 'other-network';
  if (body.prefix[0] !== 10 || body.mtu < 1280 || body.mtu > 9000) return 'malformed';
  if (!crypto.verify(body.memberKey, genesisStatement(body), body.ownerSignature)) return 'bad-signature';
  return crypto.verify(body.rootKey, recordStatement(networkId, signed), signature) ? null : 'bad-signature';
}

function judgeAct(
  crypto: Crypto,
  networkId: Uint8Array,
  index: Index,
  past: Hindsight,
  { body }: Entry<Exclude<RecordBody, OfKind<'genesis'>>>,
  role: Role,
): Refusal | null {
  const author = hex(body.author);
  switch (body.kind) {
    case 'certificate':
      if (!mayInvite(role, body.role)) return 'not-allowed';
      return body.uses < 1 || body.uses > INVITE_USES_MAX || body.expiresMs < body.notBeforeMs ? 'malformed' : null;
    case 'membership':
      return judgeMembership(crypto, networkId, index, past, body, role);
    case 'witness': {
      const seen = index.membershipOf(hex(body.membership));
      if (!seen) return 'malformed';
      const isParty = author === hex(seen.body.author) || author === memberIds.get(seen);
      return isParty || role === 'guest' ? 'not-allowed' : null;
    }
    case 'removal': {
      const target = past.role(hex(body.target));
      if (target === null) return 'no-such-member';
      if (author !== hex(body.target) && !mayRemove(role, target)) return 'not-allowed';
      return target === 'owner' && past.owners().length < 2 ? 'last-owner' : null;
    }
    case 'role': {
      const target = past.role(hex(body.target));
      if (target === null) return 'no-such-member';
      if (role !== 'owner') return 'not-allowed';
      return target === 'owner' && body.role !== 'owner' && past.owners().length < 2 ? 'last-owner' : null;
    }
    case 'rename': {
      const target = past.role(hex(body.target));
      if (target === null) return 'no-such-member';
      return author === hex(body.target) || mayRemove(role, target) ? null : 'not-allowed';
    }
    case 'networkName':
      return role === 'owner' ? null : 'not-allowed';
    case 'revocation': {
      const certificate = index.certificates.get(hex(body.certificate));
      if (!certificate || !past.knows(certificate)) return 'no-such-invite';
      const own = hex(certificate.body.author) === author;
      return own || role === 'owner' || role === 'admin' ? null : 'not-allowed';
    }
  }
}

function judgeMembership(
  crypto: Crypto,
  networkId: Uint8Array,
  index: Index,
  past: Hindsight,
  body: OfKind<'membership'>,
  sponsor: Role,
): Refusal | null {
  if (sponsor === 'guest') return 'not-allowed';
  const certificate = index.certificates.get(hex(body.certificate));
  if (!certificate || !past.knows(certificate)) return 'no-such-invite';
  const id = hex(memberIdOf(crypto, body.memberKey));
  if (past.removed(id)) return 'removed';
  const refusal = judgeCertificate(past, certificate, id, body.acceptedMs);
  if (refusal) return refusal;
  const statement = joinStatement(networkId, body.memberKey, body.noiseKey, body.name);
  if (!crypto.verify(certificate.body.inviteKey, statement, body.inviteSignature)) return 'bad-signature';
  return crypto.verify(body.memberKey, statement, body.memberSignature) ? null : 'bad-signature';
}

/** Whether an invite can still be used by `id` at this time, as far as this past knows. */
export function judgeCertificate(
  past: Hindsight,
  certificate: EntryOf<'certificate'>,
  id: string,
  nowMs: number,
): Refusal | null {
  const { body } = certificate;
  if (past.revoked(certificate.key)) return 'invite-revoked';
  if (past.voided(certificate)) return 'invite-void';
  if (past.users(certificate.key, id).size >= body.uses) return 'invite-used';
  if (nowMs < body.notBeforeMs - CLOCK_SKEW_MS_MAX) return 'clock-wrong';
  return nowMs > body.expiresMs ? 'invite-expired' : null;
}
