// Valid records, found by what they are about.
import type { Crypto } from '../../wire/crypto.ts';
import { compareBytes, ROLES, type RecordBody, type Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import { idText, memberIdOf, originOf } from '../identity/identity.ts';
import { nameOf } from './identified.ts';
import { isKind, type Entry, type EntryOf, type Standing } from './entry.ts';
import { Many } from './many.ts';

/** What a member goes by. Texts: an array of as many bytes takes four times as much. */
export interface Names {
  /** Hex. */
  id: string;
  /** 52 characters of base32. */
  idText: string;
  /** What names it in cast stamps, hex. */
  origin: string;
}

/** By what the records say that made them members: worked out once. */
const names = new WeakMap<RecordBody, Names>();

export function namesIn(crypto: Crypto, body: EntryOf<'membership' | 'genesis'>['body']): Names {
  let known = names.get(body);
  if (!known) {
    const bytes = memberIdOf(crypto, body.memberKey);
    known = { id: hex(bytes), idText: idText(bytes), origin: hex(originOf(bytes)) };
    names.set(body, known);
  }
  return known;
}

/** Of a record that was taken. */
export const idOf = (entry: EntryOf<'membership'>): string => names.get(entry.body)?.id ?? '';

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
  readonly memberships = new Many<EntryOf<'membership'>>();
  readonly membershipsByCertificate = new Map<string, EntryOf<'membership'>[]>();
  readonly membershipsByNoiseKey = new Many<EntryOf<'membership'>>();
  readonly certificates = new Map<string, EntryOf<'certificate'>>();
  readonly removals = new Map<string, EntryOf<'removal'>[]>();
  readonly roles = new Map<string, EntryOf<'role'>[]>();
  readonly renames = new Map<string, EntryOf<'rename'>[]>();
  readonly networkNames: EntryOf<'networkName'>[] = [];
  readonly revocations = new Map<string, EntryOf<'revocation'>[]>();
  readonly channels = new Map<string, EntryOf<'channel'>[]>();
  readonly witnesses = new Map<string, EntryOf<'witness'>[]>();
  firstOwner = '';
  private readonly byKey = new Map<string, Entry>();
  private readonly standings = new Map<Entry, Standing>();

  constructor(private readonly crypto: Crypto) {}

  /** The record with this hash (hex). */
  get(key: string): Entry | undefined {
    return this.byKey.get(key);
  }

  membershipOf(key: string): EntryOf<'membership'> | undefined {
    const entry = this.byKey.get(key);
    return entry && isKind(entry, 'membership') ? entry : undefined;
  }

  /** The same object for equal ones: most records are of a few authors. */
  shared(standing: Standing): Standing {
    const known = this.standings.get(standing.since);
    if (known?.role === standing.role) return known;
    this.standings.set(standing.since, standing);
    return standing;
  }

  certificateOf(membership: EntryOf<'membership'>): EntryOf<'certificate'> {
    // A membership is taken only when its certificate is in its past.
    return this.certificates.get(hex(membership.body.certificate)) as EntryOf<'certificate'>;
  }

  namesOf(entry: EntryOf<'membership' | 'genesis'>): Names {
    return namesIn(this.crypto, entry.body);
  }

  /** Hash of what the sponsor drew: decides between equals. */
  draw({ hash, body }: EntryOf<'membership' | 'genesis'>): Uint8Array {
    return this.crypto.hash(body.kind === 'genesis' ? hash : body.nonce);
  }

  add(entry: Entry): void {
    const { body } = entry;
    this.byKey.set(entry.key, entry);
    switch (body.kind) {
      case 'genesis':
        this.genesis = entry as EntryOf<'genesis'>;
        this.firstOwner = namesIn(this.crypto, body).id;
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
    this.memberships.add(namesIn(this.crypto, body).id, entry);
    push(this.membershipsByCertificate, hex(body.certificate), entry);
    this.membershipsByNoiseKey.add(nameOf(body.noiseKey), entry);
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
