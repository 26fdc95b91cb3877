// What each role may do.
import type { OfKind, RecordBody, Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import type { Index } from './index-of.ts';

/** A channel's id begins with its maker's. */
const CHANNEL_MAKER_BYTES = 8;

export type ActBody = Exclude<RecordBody, OfKind<'genesis'>>;

export const mayInvite = (own: Role, role: Role): boolean =>
  own === 'owner' ? role !== 'owner' : own === 'admin' && (role === 'member' || role === 'guest');

/** Somebody else; also for renaming. Everybody may leave and rename itself. */
export const mayRemove = (own: Role, target: Role): boolean =>
  own === 'owner' || (own === 'admin' && (target === 'member' || target === 'guest'));

/** Whether these roles allow the record. `roleOf` gives null for who is no member. */
export function permits(index: Index, body: ActBody, roleOf: (id: string) => Role | null): boolean {
  const author = hex(body.author);
  const own = roleOf(author);
  if (own === null) return false;
  switch (body.kind) {
    case 'certificate':
      return mayInvite(own, body.role);
    case 'membership':
    case 'witness':
      return own !== 'guest';
    case 'removal':
    case 'rename': {
      const target = hex(body.target);
      if (target === author) return true;
      const role = roleOf(target);
      return role !== null && mayRemove(own, role);
    }
    case 'role':
      return own === 'owner' && roleOf(hex(body.target)) !== null;
    case 'networkName':
      return own === 'owner';
    case 'channel': {
      const made = author.startsWith(hex(body.channel.subarray(0, CHANNEL_MAKER_BYTES)));
      return own === 'owner' || own === 'admin' || (own === 'member' && made);
    }
    case 'revocation':
      return (
        own === 'owner' ||
        own === 'admin' ||
        hex(index.certificates.get(hex(body.certificate))?.body.author ?? body.certificate) === author
      );
  }
}
