// Joining: what the joiner sends, and how a sponsor decides.
import { decode, Writer } from '../../wire/bytes.ts';
import type { Crypto } from '../../wire/crypto.ts';
import type { InviteLink } from '../../wire/link.ts';
import {
  decodeRecord,
  joinStatement,
  RECORD_BYTES_MAX,
  RECORD_NAME_BYTES_MAX,
  type OfKind,
} from '../../wire/record.ts';
import { hex, sameBytes } from '../../wire/text.ts';
import { memberIdOf, networkIdOf, type MemberKeys } from '../identity/identity.ts';
import { seal, type Actor } from './acts.ts';
import { judgeCertificate, type Refusal } from './rules.ts';
import type { Ledger } from './ledger.ts';
import type { EntryOf } from './entry.ts';

export const JOIN_VERSION = 1;
/** Of a network whose members all keep all records. */
export const MEMBERS_MAX = 16_000;
const CHAIN_RECORDS_MAX = 12;

export interface JoinRequest {
  chain: Uint8Array[];
  certificate: Uint8Array;
  memberKey: Uint8Array;
  noiseKey: Uint8Array;
  name: string;
  inviteSignature: Uint8Array;
  memberSignature: Uint8Array;
}

export function makeJoinRequest(crypto: Crypto, link: InviteLink, keys: MemberKeys, name: string): JoinRequest {
  const statement = joinStatement(link.networkId, keys.memberKey, keys.noiseKey, name);
  return {
    chain: link.chain,
    certificate: crypto.hash(link.chain.at(-1) ?? new Uint8Array(0)),
    memberKey: keys.memberKey,
    noiseKey: keys.noiseKey,
    name,
    inviteSignature: crypto.sign(link.seed, statement),
    memberSignature: crypto.sign(keys.signSeed, statement),
  };
}

export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  return new Writer(2048)
    .u8(JOIN_VERSION)
    .list8(request.chain, (record, out) => out.bytes16(record))
    .raw(request.certificate)
    .raw(request.memberKey)
    .raw(request.noiseKey)
    .text8(request.name)
    .raw(request.inviteSignature)
    .raw(request.memberSignature)
    .done();
}

export function decodeJoinRequest(bytes: Uint8Array): JoinRequest | null {
  if (bytes[0] !== JOIN_VERSION) return null;
  return decode(bytes, (reader) => {
    reader.u8();
    return {
      chain: reader.list8(CHAIN_RECORDS_MAX, (inner) => inner.bytes16(RECORD_BYTES_MAX)),
      certificate: reader.raw(32),
      memberKey: reader.raw(32),
      noiseKey: reader.raw(32),
      name: reader.text8(RECORD_NAME_BYTES_MAX),
      inviteSignature: reader.raw(64),
      memberSignature: reader.raw(64),
    };
  });
}

export type Sponsored =
  /** `records`: new ones in the ledger, to store and spread before the joiner is answered. */
  { records: Uint8Array[]; membership: Uint8Array } | { refused: Refusal | 'full' };

/** Decides on a join request. A device that is in already gets its membership again, so that a repeated join does no harm. */
export function sponsorJoin(actor: Actor, request: JoinRequest, nonce: Uint8Array, nowMs: number): Sponsored {
  const { crypto, ledger, keys } = actor;
  const records: Uint8Array[] = [];
  // Certificates travel in the link: this member may see the invite, and even its issuer, for the first time.
  for (const bytes of request.chain) {
    const added = ledger.add(bytes);
    if (added.status === 'added') records.push(...added.entries.map((entry) => entry.bytes));
  }
  const certificate = ledger.certificate(request.certificate) as EntryOf<'certificate'> | undefined;
  if (!certificate) return { refused: 'no-such-invite' };
  const id = hex(memberIdOf(crypto, request.memberKey));
  const present = ledger.view().members.get(id);
  if (present?.membership) return { records, membership: present.membership };
  const refusal = judgeCertificate(ledger.hindsight(), certificate, id, nowMs) ?? closed(ledger, certificate, id);
  if (refusal) return { refused: refusal };
  const body: OfKind<'membership'> = {
    kind: 'membership',
    author: keys.id,
    heads: ledger.heads([certificate.hash]),
    certificate: certificate.hash,
    memberKey: request.memberKey,
    noiseKey: request.noiseKey,
    name: request.name,
    inviteSignature: request.inviteSignature,
    memberSignature: request.memberSignature,
    nonce,
    acceptedMs: nowMs,
  };
  const bytes = seal(crypto, ledger.networkId, keys.signSeed, body);
  const added = ledger.add(bytes);
  if (added.status === 'refused') return { refused: added.reason };
  const why = ledger.view().voided.get(id);
  if (why) return { refused: why === 'invite-lost' ? 'invite-used' : why };
  return { records: [...records, bytes], membership: crypto.hash(bytes) };
}

/** What stands against a membership that its causal past alone would allow: better not made than void at once. */
function closed(ledger: Ledger, certificate: EntryOf<'certificate'>, id: string): Refusal | 'full' | null {
  const view = ledger.view();
  if (view.voided.get(id) === 'removed') return 'removed';
  if (view.members.size >= MEMBERS_MAX) return 'full';
  const state = view.invites.find((invite) => sameBytes(invite.id, certificate.hash))?.state;
  return state === undefined || state === 'open' ? null : `invite-${state}`;
}

export interface CheckedLink {
  genesis: OfKind<'genesis'>;
  certificate: OfKind<'certificate'>;
  certificateHash: Uint8Array;
}

/** Whether a link hangs together by itself: its genesis makes its network, its key is the certificate's. null: damaged or forged. */
export function checkLink(crypto: Crypto, link: InviteLink): CheckedLink | null {
  const first = link.chain[0] && decodeRecord(link.chain[0]);
  const last = link.chain.at(-1);
  const certificate = last && decodeRecord(last);
  if (!first || first.body.kind !== 'genesis' || !certificate || certificate.body.kind !== 'certificate') return null;
  if (!sameBytes(networkIdOf(crypto, first.body.rootKey), link.networkId)) return null;
  if (!sameBytes(crypto.signPublicKey(link.seed), certificate.body.inviteKey)) return null;
  return { genesis: first.body, certificate: certificate.body, certificateHash: crypto.hash(last as Uint8Array) };
}

/** What a link carries: enough to check it offline, and for a sponsor who knows the issuer but not the invite. */
export function chainFor(ledger: Ledger, certificate: Uint8Array): Uint8Array[] {
  const entry = ledger.get(certificate);
  const genesis = ledger.all()[0];
  if (!entry || !genesis) return [];
  return [genesis, entry.bytes];
}
