// What a record may do, judged by its causal past alone: so the answer never changes and is the same on every replica.
import type { Crypto } from '../../wire/crypto.ts';
import { genesisStatement, joinStatement, partsOf, recordStatement, type OfKind } from '../../wire/record.ts';
import { isMulticast } from '../../wire/messages/address.ts';
import { hex, sameBytes } from '../../wire/text.ts';
import { networkIdOf } from '../identity/identity.ts';
import type { Entry, EntryOf } from './entry.ts';
import { Hindsight } from './hindsight.ts';
import { idOf, namesIn, type Index } from './index-of.ts';
import { isPlainName } from './label.ts';
import { permits, type ActBody } from './rights.ts';

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
/** What every IPv6 path carries, and the largest frame an adapter takes. */
const MTU_MIN = 1280;
const MTU_MAX = 9000;

export interface Judging {
  crypto: Crypto;
  networkId: Uint8Array;
  index: Index;
}

/** null when the record is right; the entry then has its author's standing. It is not in the index yet. Signatures come last: they cost most. */
export function judge(at: Judging, entry: Entry): Refusal | null {
  const { body } = entry;
  const { signed, signature } = partsOf(entry.bytes);
  if (body.kind === 'genesis') return judgeGenesis(at, body, signed, signature);
  const past = new Hindsight(at.index, entry.past);
  const author = hex(body.author);
  const standing = past.standing(author);
  if (standing === null) return past.removed(author) ? 'removed' : 'no-such-member';
  entry.standing = at.index.shared(standing);
  const refusal = judgeSubject(at, past, body) ?? judgeJoin(at, past, body);
  if (refusal) return refusal;
  const key = past.memberKey(author) as Uint8Array;
  return at.crypto.verify(key, recordStatement(at.networkId, signed), signature) ? null : 'bad-signature';
}

function judgeGenesis(
  { crypto, networkId }: Judging,
  body: OfKind<'genesis'>,
  signed: Uint8Array,
  signature: Uint8Array,
): Refusal | null {
  if (!sameBytes(networkIdOf(crypto, body.rootKey), networkId)) return 'other-network';
  if (!isPlainName(body.name) || !isPlainName(body.ownerName)) return 'malformed';
  if (body.prefix[0] !== 10 || body.mtu < MTU_MIN || body.mtu > MTU_MAX) return 'malformed';
  if (!crypto.verify(body.memberKey, genesisStatement(body), body.ownerSignature)) return 'bad-signature';
  return crypto.verify(body.rootKey, recordStatement(networkId, signed), signature) ? null : 'bad-signature';
}

/** Whether what the record is about exists, and its author may do this to it. */
function judgeSubject({ index }: Judging, past: Hindsight, body: ActBody): Refusal | null {
  if ('name' in body && !isPlainName(body.name)) return 'malformed';
  if ('target' in body && past.role(hex(body.target)) === null) return 'no-such-member';
  if (body.kind === 'channel' && !isMulticast(body.group)) return 'malformed';
  if (
    body.kind === 'certificate' &&
    (body.uses < 1 || body.uses > INVITE_USES_MAX || body.expiresMs < body.notBeforeMs)
  )
    return 'malformed';
  if (body.kind === 'membership' || body.kind === 'revocation') {
    const certificate = index.certificates.get(hex(body.certificate));
    if (!certificate || !past.knows(certificate)) return 'no-such-invite';
  }
  if (body.kind === 'witness') {
    const seen = index.membershipOf(hex(body.membership));
    if (!seen) return 'malformed';
    const author = hex(body.author);
    if (author === hex(seen.body.author) || author === idOf(seen)) return 'not-allowed';
  }
  if (!permits(index, body, (id) => past.role(id))) return 'not-allowed';
  const costsOwner = body.kind === 'removal' || (body.kind === 'role' && body.role !== 'owner');
  if (!costsOwner) return null;
  return past.role(hex(body.target)) === 'owner' && past.owners().length < 2 ? 'last-owner' : null;
}

function judgeJoin({ crypto, networkId, index }: Judging, past: Hindsight, body: ActBody): Refusal | null {
  if (body.kind !== 'membership') return null;
  const certificate = index.certificates.get(hex(body.certificate)) as EntryOf<'certificate'>;
  const { id } = namesIn(crypto, body);
  if (past.removed(id)) return 'removed';
  if (past.noiseKeyTaken(body.noiseKey, id)) return 'not-allowed';
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
  if (past.usedUp(certificate, id)) return 'invite-used';
  if (nowMs < body.notBeforeMs - CLOCK_SKEW_MS_MAX) return 'clock-wrong';
  return nowMs > body.expiresMs ? 'invite-expired' : null;
}
