// Valid records, found by what they are about.
import type { Crypto } from '../../wire/crypto.ts';
import { compareBytes, ROLES, type RecordBody, type Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import { memberIdOf } from '../identity/identity.ts';
import { nameOf } from './identified.ts';
import type { Entry, EntryOf, Standing } from './entry.ts';

/** Member ids (hex) by what membership records say: computed once. */
const memberIds = new WeakMap<RecordBody, string>();

export function memberIdIn(crypto: Crypto, body: EntryOf<'membership'>['body']): string {
  let id = memberIds.get(body);
  if (id === undefined) memberIds.set(body, (id = hex(memberIdOf(crypto, body.memberKey))));
  return id;
}

/** Of a record that was taken. */
export const idOf = (entry: EntryOf<'membership'>): string => memberIds.get(entry.body) ?? '';

/** 0 is the highest. */
export const rank = (role: Role): number => ROLES.indexOf(role);

/** The same order on every replica; ancestors come first. */
export const byDepth = (a: Entry, b: Entry): number => a.depth - b.depth || compareBytes(a.hash, b.hash);

/** Those that none of the others follows. */
export const lastWords = <E extends Entry>(entries: readonly E[]): E[] =>
  entries.filter((one) => !entries.some((other) => other !== one && other.past.has(one)));

/** Valid records by what they are about. All ids are hex. */
export class Index {
  genesis: EntryOf<'genesis'> | null = null;
  readonly memberships = new Map<string, EntryOf<'membership'>[]>();
  readonly membershipsByCertificate = new Map<string, EntryOf<'membership'>[]>();
  readonly membershipsByNoiseKey = new Map<string, EntryOf<'membership'>[]>();
  readonly certificates = new Map<string, EntryOf<'certificate'>>();
  readonly removals = new Map<string, EntryOf<'removal'>[]>();
  readonly roles = new Map<string, EntryOf<'role'>[]>();
  readonly renames = new Map<string, EntryOf<'rename'>[]>();
  readonly networkNames: EntryOf<'networkName'>[] = [];
  readonly revocations = new Map<string, EntryOf<'revocation'>[]>();
  readonly channels = new Map<string, EntryOf<'channel'>[]>();
  readonly witnesses = new Map<string, EntryOf<'witness'>[]>();
  firstOwner = '';
  private readonly byKey = new Map<string, EntryOf<'membership'>>();

  constructor(private readonly crypto: Crypto) {}

  membershipOf(key: string): EntryOf<'membership'> | undefined {
    return this.byKey.get(key);
  }

  certificateOf(membership: EntryOf<'membership'>): EntryOf<'certificate'> {
    // A membership is taken only when its certificate is in its past.
    return this.certificates.get(hex(membership.body.certificate)) as EntryOf<'certificate'>;
  }

  /** Hash of what the sponsor drew: decides between equals. */
  draw(entry: EntryOf<'membership'>): Uint8Array {
    return this.crypto.hash(entry.body.nonce);
  }

  add(entry: Entry): void {
    const { body } = entry;
    switch (body.kind) {
      case 'genesis':
        this.genesis = entry as EntryOf<'genesis'>;
        this.firstOwner = hex(memberIdOf(this.crypto, body.memberKey));
        return;
      case 'certificate':
        this.certificates.set(entry.key, entry as EntryOf<'certificate'>);
        return;
      case 'membership':
        return this.addMembership(entry as EntryOf<'membership'>);
      case 'witness':
        return push(this.witnesses, hex(body.membership), entry as EntryOf<'witness'>);
      case 'removal':
        return push(this.removals, hex(body.target), entry as EntryOf<'removal'>);
      case 'role':
        return push(this.roles, hex(body.target), entry as EntryOf<'role'>);
      case 'rename':
        return push(this.renames, hex(body.target), entry as EntryOf<'rename'>);
      case 'networkName':
        this.networkNames.push(entry as EntryOf<'networkName'>);
        return;
      case 'revocation':
        return push(this.revocations, hex(body.certificate), entry as EntryOf<'revocation'>);
      case 'channel':
        push(this.channels, hex(body.channel), entry as EntryOf<'channel'>);
    }
  }

  private addMembership(entry: EntryOf<'membership'>): void {
    const { body } = entry;
    this.byKey.set(entry.key, entry);
    push(this.memberships, memberIdIn(this.crypto, body), entry);
    push(this.membershipsByCertificate, hex(body.certificate), entry);
    push(this.membershipsByNoiseKey, nameOf(body.noiseKey), entry);
  }
}

/**
 * What these records make of a member: the last word said about its role (of concurrent ones the weakest), else its strongest invite.
 * null: no membership among them.
 */
export function standingOf(
  index: Index,
  id: string,
  roles: readonly EntryOf<'role'>[],
  memberships: readonly EntryOf<'membership'>[],
): Standing | null {
  const isFirst = id === index.firstOwner && index.genesis !== null;
  if (!isFirst && memberships.length === 0) return null;
  const said = lastWords(roles).map((since) => ({ role: since.body.role, since }));
  if (said.length > 0)
    return said.reduce<Standing>(
      (a, b) => ((rank(b.role) - rank(a.role) || byDepth(a.since, b.since)) > 0 ? b : a),
      said[0] as Standing,
    );
  if (isFirst) return { role: 'owner', since: index.genesis as Entry };
  return memberships
    .map((since): Standing => ({ role: index.certificateOf(since).body.role, since }))
    .reduce((a, b) => ((rank(a.role) - rank(b.role) || byDepth(a.since, b.since)) > 0 ? b : a));
}

export function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
}
