// How the state follows new members without being settled anew: in a network of thousands somebody joins all the time.
import { hex, sameBytes } from '../../wire/text.ts';
import type { Entry, EntryOf } from './entry.ts';
import { isKind } from './entry.ts';
import { nameOf } from './identified.ts';
import { byDepth, idOf, type Index } from './index-of.ts';
import { dnsLabel } from './label.ts';
import { Counted, MemberView, named, openState, type Computed, type InviteView, type NetworkView } from './view.ts';

/**
 * What `computeView` would make of the records after these were added, or null where only it can tell: records other than memberships and
 * testimonies, and claims that move others. `computed` is used up.
 */
export function growView(computed: Computed, index: Index, added: readonly Entry[]): Computed | null {
  const growth = new Growth(computed, index);
  return added.every((entry) => growth.take(entry)) ? growth.computed() : null;
}

class Growth {
  readonly #computed: Computed;
  readonly #members: NetworkView['members'];
  readonly #used = new Set<EntryOf<'certificate'>>();
  #changed = false;

  constructor(
    computed: Computed,
    private readonly index: Index,
  ) {
    this.#computed = { ...computed };
    this.#members = computed.view.members;
  }

  take(entry: Entry): boolean {
    if (isKind(entry, 'witness')) return this.#testified(entry);
    return isKind(entry, 'membership') && this.#joined(entry);
  }

  computed(): Computed {
    const { view } = this.#computed;
    if (this.#changed)
      this.#computed.view = { ...view, members: this.#members, invites: view.invites.map((one) => this.#invite(one)) };
    return this.#computed;
  }

  /** One more testimony changes nothing where weights did not decide. */
  #testified({ body }: EntryOf<'witness'>): boolean {
    const entry = this.index.membershipOf(hex(body.membership));
    if (!entry || this.#computed.weighed.has(entry)) return false;
    const known = this.#members.get(idOf(entry))?.membership;
    return known !== undefined && known !== null && sameBytes(known, entry.hash);
  }

  #joined(entry: EntryOf<'membership'>): boolean {
    const { index } = this;
    const { genesis } = index;
    const { authority, used, hosts, names, weighed } = this.#computed;
    const id = idOf(entry);
    const certificate = index.certificateOf(entry);
    const places = used.get(certificate.key);
    if (!genesis || places === undefined || places >= certificate.body.uses) return false;
    if (!this.#isNew(id, entry) || authority.voidMembership(entry) !== null) return false;
    const one = new Counted(entry, this.#computed.ground);
    // The order of members is part of the state.
    if (weighed.has(entry) || byDepth(this.#computed.last.entry, entry) > 0) return false;
    const host = hosts.add(one);
    const label = host === null ? null : names.add(one);
    if (host === null || label === null) return false;
    const name = label === undefined ? { name: one.wished, label: dnsLabel(one.wished) } : named(one.wished, label);
    const role = authority.standing(id)?.role ?? 'guest';
    const member = new MemberView(one, role, name, host);
    this.#members.set(id, member);
    this.#computed.list.push(member);
    used.set(certificate.key, places + 1);
    this.#used.add(certificate);
    this.#computed.last = one;
    this.#changed = true;
    return true;
  }

  /** Nobody of this id or key was ever heard of. */
  #isNew(id: string, { body }: EntryOf<'membership'>): boolean {
    const { memberships, removals, roles, renames, membershipsByNoiseKey, genesis, firstOwner } = this.index;
    const alone = memberships.count(id) === 1 && membershipsByNoiseKey.count(nameOf(body.noiseKey)) === 1;
    const silent = !removals.has(id) && !roles.has(id) && !renames.has(id);
    return alone && silent && id !== firstOwner && genesis !== null && !sameBytes(genesis.body.noiseKey, body.noiseKey);
  }

  #invite(invite: InviteView): InviteView {
    const certificate = this.index.certificates.get(hex(invite.id));
    if (!certificate || !this.#used.has(certificate)) return invite;
    const used = this.#computed.used.get(certificate.key) ?? 0;
    return { ...invite, used, state: invite.state === 'open' ? openState(certificate, used) : invite.state };
  }
}
