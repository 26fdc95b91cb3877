// What was known in the causal past of a record, or would be of one made now.
import type { Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import { applyAuthority, type Authority } from './authority.ts';
import type { Entry, EntryOf, Past, Standing } from './entry.ts';
import { idOf, standingOf, type Index } from './index-of.ts';
import { strongest, winners } from './settle.ts';

export class Hindsight {
  private authority: Authority | null = null;

  constructor(
    private readonly index: Index,
    private readonly past: Past,
  ) {}

  knows(entry: Entry): boolean {
    return this.past.has(entry);
  }

  private seen<T extends Entry>(list: readonly T[] | undefined): T[] {
    return (list ?? []).filter((entry) => this.past.has(entry));
  }

  /** Removals and roles as they stood: of those that contradict each other only what prevails. */
  private get acts(): Authority {
    this.authority ??= applyAuthority(this.index, { seen: (entry) => this.past.has(entry) });
    return this.authority;
  }

  memberKey(id: string): Uint8Array | null {
    const { genesis, firstOwner } = this.index;
    if (id === firstOwner && genesis && this.past.has(genesis)) return genesis.body.memberKey;
    return this.seen(this.index.memberships.get(id))[0]?.body.memberKey ?? null;
  }

  /** Another member has this key. */
  noiseKeyTaken(noiseKey: Uint8Array, by: string): boolean {
    const { genesis, firstOwner, membershipsByNoiseKey } = this.index;
    const key = hex(noiseKey);
    if (by !== firstOwner && genesis && hex(genesis.body.noiseKey) === key) return true;
    return this.seen(membershipsByNoiseKey.get(key)).some((entry) => idOf(entry) !== by);
  }

  removed(id: string): boolean {
    return this.seen(this.index.removals.get(id)).length > 0 && this.acts.removed.has(id);
  }

  /** Came in by an invite that others had used up, and it was known. */
  private lost(id: string, memberships: EntryOf<'membership'>[]): boolean {
    if (id === this.index.firstOwner || memberships.length === 0) return false;
    return memberships.every((entry) => {
      const { key, body } = this.index.certificateOf(entry);
      const rivals = this.seen(this.index.membershipsByCertificate.get(key));
      if (rivals.length <= body.uses) return false;
      const claims = strongest(this.index, rivals, (witness) => this.past.has(witness));
      return !winners(claims, body.uses).some((claim) => claim.id === id);
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
  standing(id: string): Standing | null {
    const memberships = this.seen(this.index.memberships.get(id));
    if (this.memberKey(id) === null || this.removed(id) || this.lost(id, memberships)) return null;
    if (this.seen(this.index.roles.get(id)).length > 0) return this.acts.standing(id);
    return standingOf(this.index, id, [], memberships);
  }

  role(id: string): Role | null {
    return this.standing(id)?.role ?? null;
  }

  owners(): string[] {
    const ids = new Set([this.index.firstOwner, ...this.index.roles.keys()]);
    return [...ids].filter((id) => this.role(id) === 'owner');
  }

  revoked(certificate: string): boolean {
    return this.seen(this.index.revocations.get(certificate)).length > 0;
  }

  /** Members other than `id` have all of its places. */
  usedUp({ key, body }: EntryOf<'certificate'>, id: string): boolean {
    const all = this.index.membershipsByCertificate.get(key) ?? [];
    if (all.length < body.uses) return false;
    const ids = new Set(this.seen(all).map(idOf));
    ids.delete(id);
    return ids.size >= body.uses;
  }

  /** Its issuer, or somebody who came in by it, was removed. */
  voided(certificate: EntryOf<'certificate'>): boolean {
    if (this.index.removals.size === 0) return false;
    const ids = this.seen(this.index.membershipsByCertificate.get(certificate.key)).map(idOf);
    return [hex(certificate.body.author), ...ids].some((id) => this.expelled(id));
  }
}
