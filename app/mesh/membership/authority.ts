// Removals and role changes among each other. Who loses its place or its rights loses also what it did without knowing of it; of members who
// removed each other at the same time the stronger stands: the higher role, then who has had that role for longer.
import type { Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import { isKind, type Entry, type EntryOf, type Past, type Standing } from './entry.ts';
import { byDepth, idOf, push, rank, standingOf, type Index } from './index-of.ts';
import { permits, type ActBody } from './rights.ts';

export interface Authority {
  /** Ids (hex). */
  removed: ReadonlySet<string>;
  /** Now, or as it was in that past; null for who is no member. Does not ask for removals. */
  standing(id: string, at?: Past): Standing | null;
  /** Done by somebody removed or demoted by a record that it did not know, or without the right to. */
  void(entry: Entry): boolean;
  revoked(certificate: EntryOf<'certificate'>): boolean;
  /** Its issuer was removed, or somebody who came in by it. */
  spoiled(certificate: EntryOf<'certificate'>): boolean;
  voidMembership(entry: EntryOf<'membership'>): 'invite-void' | 'invite-revoked' | null;
}

type Act = EntryOf<'removal'> | EntryOf<'role'>;

export interface Scope {
  /** Of these records only; all if absent. */
  seen?: (entry: Entry) => boolean;
  /** Memberships that do not count: they give no rights. */
  uncounted?: ReadonlySet<Entry>;
}

export function applyAuthority(index: Index, scope: Scope = {}): Authority {
  const skipped = new Set<Act>();
  for (;;) {
    const deciding = new Deciding(index, scope, skipped);
    if (deciding.hasOwner()) return deciding;
    // Only unknowing owners can leave none: the last of what cost the last owners their place is as if never done.
    const last = deciding.costly().sort(byDepth).pop();
    if (!last) return deciding;
    skipped.add(last);
  }
}

/** Stronger first. A right comes later than what gave it, so who gave it is heard before who got it. */
function byStrength(a: Act, b: Act): number {
  const [first, second] = [a.standing as Standing, b.standing as Standing];
  return rank(first.role) - rank(second.role) || byDepth(first.since, second.since) || byDepth(a, b);
}

class Deciding implements Authority {
  readonly removed: ReadonlySet<string>;
  private readonly removals = new Map<string, EntryOf<'removal'>[]>();
  private readonly roles = new Map<string, EntryOf<'role'>[]>();

  constructor(
    private readonly index: Index,
    private readonly scope: Scope,
    skipped: ReadonlySet<Act>,
  ) {
    const all: Act[] = [...[...index.removals.values()].flat(), ...[...index.roles.values()].flat()];
    const acts = scope.seen ? all.filter(scope.seen) : all;
    for (const act of acts.sort(byStrength)) {
      if (skipped.has(act) || this.void(act)) continue;
      if (isKind(act, 'removal')) push(this.removals, hex(act.body.target), act);
      else push(this.roles, hex(act.body.target), act as EntryOf<'role'>);
    }
    this.removed = new Set(this.removals.keys());
  }

  private memberships(id: string, at?: Past, uncounted = this.scope.uncounted): EntryOf<'membership'>[] {
    const { seen } = this.scope;
    return this.index.memberships
      .get(id)
      .filter((entry) => (!seen || seen(entry)) && !uncounted?.has(entry) && (!at || at.has(entry)));
  }

  standing(id: string, at?: Past): Standing | null {
    return this.standingAmong(id, this.memberships(id, at), at);
  }

  private standingAmong(id: string, memberships: EntryOf<'membership'>[], at?: Past): Standing | null {
    const roles = (this.roles.get(id) ?? []).filter((entry) => (!at || at.has(entry)) && !this.forfeit(entry));
    return standingOf(this.index, id, roles, memberships);
  }

  void(entry: Entry): boolean {
    if (isKind(entry, 'genesis')) return false;
    return this.forfeit(entry) || this.unentitled(entry, (id) => this.standing(id, entry.past)?.role ?? null);
  }

  private unentitled(entry: Entry, roleOf: (id: string) => Role | null): boolean {
    const body = entry.body as ActBody;
    if (!permits(this.index, body, roleOf)) return true;
    const author = hex(body.author);
    const unknown = (this.roles.get(author) ?? []).filter(
      (change) => change !== entry && !change.past.has(entry) && !entry.past.has(change),
    );
    return unknown.some(
      (change) => !permits(this.index, body, (id) => (id === author ? change.body.role : roleOf(id))),
    );
  }

  /** Its author was removed without having known it. */
  private forfeit(entry: Entry): boolean {
    const removals = this.removals.get(hex((entry.body as ActBody).author)) ?? [];
    return removals.some((removal) => removal !== entry && !removal.past.has(entry));
  }

  private everOwners(): Set<string> {
    const named = [...this.roles].filter(([, roles]) => roles.some(({ body }) => body.role === 'owner'));
    return new Set([this.index.firstOwner, ...named.map(([id]) => id)]);
  }

  hasOwner(): boolean {
    return [...this.everOwners()].some((id) => !this.removed.has(id) && this.standing(id)?.role === 'owner');
  }

  /** What took an owner's place or role. */
  costly(): Act[] {
    return [...this.everOwners()].flatMap((id): Act[] => [
      ...(this.removals.get(id) ?? []),
      ...(this.roles.get(id) ?? []).filter(({ body }) => body.role !== 'owner'),
    ]);
  }

  /** Removals that spoil an invite: of its issuer, or of somebody who came in by it. Who leaves by itself spoils nothing. */
  private spoilers(certificate: EntryOf<'certificate'>): EntryOf<'removal'>[] {
    const found: EntryOf<'removal'>[] = [];
    for (const [id, removals] of this.removals) {
      const concerned =
        id === hex(certificate.body.author) ||
        this.index.memberships.get(id).some((entry) => this.index.certificateOf(entry) === certificate);
      if (concerned) found.push(...removals.filter(({ body }) => hex(body.author) !== hex(body.target)));
    }
    return found;
  }

  private revocations(certificate: EntryOf<'certificate'>): EntryOf<'revocation'>[] {
    return (this.index.revocations.get(certificate.key) ?? []).filter((entry) => !this.void(entry));
  }

  revoked(certificate: EntryOf<'certificate'>): boolean {
    return this.revocations(certificate).length > 0;
  }

  spoiled(certificate: EntryOf<'certificate'>): boolean {
    return this.void(certificate) || this.spoilers(certificate).length > 0;
  }

  voidMembership(entry: EntryOf<'membership'>): 'invite-void' | 'invite-revoked' | null {
    const certificate = this.index.certificateOf(entry);
    if (this.unsponsored(entry) || this.void(certificate)) return 'invite-void';
    if (this.revocations(certificate).some((one) => !one.past.has(entry))) return 'invite-revoked';
    const unknowing = this.spoilers(certificate).some(
      (removal) => !removal.past.has(entry) && hex(removal.body.target) !== idOf(entry),
    );
    return unknowing ? 'invite-void' : null;
  }

  /**
   * Its sponsor may not have accepted it. Who lost its own place in a race may have sponsored others in good faith before that was known:
   * they stay if somebody who counts saw them come, which nobody honest testifies afterwards.
   */
  private unsponsored(entry: EntryOf<'membership'>): boolean {
    if (!this.void(entry)) return false;
    const roleOf = (id: string): Role | null =>
      this.standingAmong(id, this.memberships(id, entry.past, new Set()), entry.past)?.role ?? null;
    if (this.forfeit(entry) || this.unentitled(entry, roleOf)) return true;
    return !(this.index.witnesses.get(entry.key) ?? []).some((witness) => !this.void(witness));
  }
}
