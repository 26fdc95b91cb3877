// Valid records, found by what they are about.
import type { Crypto } from '../../wire/crypto.ts';
import { ROLES, type Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import { memberIdOf } from '../identity/identity.ts';
import type { Entry, EntryOf } from './entry.ts';

/** Member ids (hex) of membership entries: computed once, when the entry is judged. */
export const memberIds = new WeakMap<Entry, string>();

const rank = (role: Role): number => ROLES.indexOf(role);

/** The role that these records give, the strongest invite's first, then the last word said; of concurrent words the weakest. */
export function roleOf(index: Index, id: string, roles: EntryOf<'role'>[], memberships: EntryOf<'membership'>[]): Role {
  const last = roles.filter((one) => !roles.some((other) => other !== one && other.past.has(one)));
  if (last.length > 0) return last.map(({ body }) => body.role).reduce((a, b) => (rank(a) > rank(b) ? a : b));
  if (id === index.firstOwner) return 'owner';
  const invited = memberships.map(({ body }) => index.certificates.get(hex(body.certificate))?.body.role ?? 'guest');
  return invited.reduce<Role>((a, b) => (rank(a) < rank(b) ? a : b), 'guest');
}

/** Valid records by what they are about. All ids are hex. */
export class Index {
  genesis: EntryOf<'genesis'> | null = null;
  readonly memberships = new Map<string, EntryOf<'membership'>[]>();
  readonly membershipsByCertificate = new Map<string, EntryOf<'membership'>[]>();
  readonly certificates = new Map<string, EntryOf<'certificate'>>();
  readonly removals = new Map<string, EntryOf<'removal'>[]>();
  readonly roles = new Map<string, EntryOf<'role'>[]>();
  readonly renames = new Map<string, EntryOf<'rename'>[]>();
  readonly networkNames: EntryOf<'networkName'>[] = [];
  readonly revocations = new Map<string, EntryOf<'revocation'>[]>();
  readonly witnesses = new Map<string, EntryOf<'witness'>[]>();
  firstOwner = '';
  private readonly byKey = new Map<string, EntryOf<'membership'>>();

  membershipOf(key: string): EntryOf<'membership'> | undefined {
    return this.byKey.get(key);
  }

  constructor(private readonly crypto: Crypto) {}

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
        this.byKey.set(entry.key, entry as EntryOf<'membership'>);
        memberIds.set(entry, hex(memberIdOf(this.crypto, body.memberKey)));
        push(this.memberships, memberIds.get(entry) ?? '', entry as EntryOf<'membership'>);
        push(this.membershipsByCertificate, hex(body.certificate), entry as EntryOf<'membership'>);
        return;
      case 'witness':
        push(this.witnesses, hex(body.membership), entry as EntryOf<'witness'>);
        return;
      case 'removal':
        push(this.removals, hex(body.target), entry as EntryOf<'removal'>);
        return;
      case 'role':
        push(this.roles, hex(body.target), entry as EntryOf<'role'>);
        return;
      case 'rename':
        push(this.renames, hex(body.target), entry as EntryOf<'rename'>);
        return;
      case 'networkName':
        this.networkNames.push(entry as EntryOf<'networkName'>);
        return;
      case 'revocation':
        push(this.revocations, hex(body.certificate), entry as EntryOf<'revocation'>);
    }
  }
}

export function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
}
