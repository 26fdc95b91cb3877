// What the records mean together: removals first, then who counts, then names and addresses. Pure; the same on every replica.
import type { Crypto } from '../../wire/crypto.ts';
import type { Role } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import {
  IPV4_COUNT,
  IPV4_FIRST,
  idText,
  ipv4Wish,
  linkLocalOf,
  macOf,
  originOf,
  ulaOf,
  ulaPrefixOf,
} from '../identity/identity.ts';
import { applyAuthority, type Authority } from './authority.ts';
import type { Entry, EntryOf } from './entry.ts';
import { dnsLabel } from './label.ts';
import { memberIds, type Index } from './index-of.ts';
import { inOrder, settle, strongest, winners, WITNESSES_MAX, type Claim, type MemberClaim } from './settle.ts';

const IPV4_ATTEMPTS_MAX = 4_096;
const NAME_ATTEMPTS_MAX = 1_100;

export interface MemberView {
  id: Uint8Array;
  /** 52 characters of base32. */
  idText: string;
  memberKey: Uint8Array;
  noiseKey: Uint8Array;
  origin: Uint8Array;
  role: Role;
  /** As its owner wrote it, unless somebody else had the name before. */
  name: string;
  /** "anna" of anna.home.weft. */
  label: string;
  ipv4: string | null;
  ipv6: string;
  linkLocal: string;
  mac: string;
  joinedMs: number;
  /** null for the first owner. */
  membership: Uint8Array | null;
  sponsor: Uint8Array | null;
}

export type VoidReason = 'removed' | 'invite-lost' | 'invite-void' | 'invite-revoked';

export interface InviteView {
  /** Hash of the certificate. */
  id: Uint8Array;
  idText: string;
  role: Role;
  usesMax: number;
  used: number;
  notBeforeMs: number;
  expiresMs: number;
  issuer: Uint8Array;
  /** `expired` is a matter of the clock and the caller's. */
  state: 'open' | 'used' | 'revoked' | 'void';
}

export interface NetworkView {
  name: string;
  label: string;
  createdMs: number;
  mtu: number;
  ipv4Prefix: string;
  ipv6Prefix: string;
  /** By id (hex), in the same order everywhere. */
  members: Map<string, MemberView>;
  /** Ids (hex) that had a membership and do not count: why. */
  voided: Map<string, VoidReason>;
  invites: InviteView[];
}

interface Counted extends Claim {
  id: string;
  idBytes: Uint8Array;
  memberKey: Uint8Array;
  noiseKey: Uint8Array;
  wished: string;
  joinedMs: number;
  membership: EntryOf<'membership'> | null;
}

export function computeView(crypto: Crypto, networkId: Uint8Array, index: Index): NetworkView {
  const { genesis } = index;
  if (!genesis) throw new Error('a view needs the genesis record');
  const { authority, candidates } = decideMembers(index);
  const counted = [firstOwner(crypto, index, genesis), ...candidates.counted].filter(
    ({ id }) => !authority.removed.has(id),
  );
  const everCounted = [firstOwner(crypto, index, genesis), ...candidates.counted];
  const hosts = settle(everCounted, ipv4Place, IPV4_ATTEMPTS_MAX);
  const byId = new Map([...hosts].map(([claim, place]) => [claim.id, Number(place)]));
  const names = assignNames(crypto, index, authority, counted);
  const members = new Map<string, MemberView>();
  for (const one of inOrder(counted)) {
    const host = byId.get(one.id);
    const name = names.get(one.id) ?? { name: one.wished, label: dnsLabel(one.wished) };
    members.set(one.id, {
      id: one.idBytes,
      idText: idText(one.idBytes),
      memberKey: one.memberKey,
      noiseKey: one.noiseKey,
      origin: originOf(one.idBytes),
      role: authority.role(one.id),
      ...name,
      ipv4: host === undefined ? null : `${genesis.body.prefix.join('.')}.${host >>> 8}.${host & 0xff}`,
      ipv6: ulaOf(networkId, one.idBytes),
      linkLocal: linkLocalOf(one.idBytes),
      mac: macOf(one.idBytes),
      joinedMs: one.joinedMs,
      membership: one.membership?.hash ?? null,
      sponsor: one.membership?.body.author ?? null,
    });
  }
  const voided = new Map(candidates.voided);
  for (const id of authority.removed) voided.set(id, 'removed');
  for (const id of members.keys()) voided.delete(id);
  const name = lastName(index, authority) ?? genesis.body.name;
  return {
    name,
    label: dnsLabel(name),
    createdMs: genesis.body.createdMs,
    mtu: genesis.body.mtu,
    ipv4Prefix: `${genesis.body.prefix.join('.')}.0.0/16`,
    ipv6Prefix: `${ulaPrefixOf(networkId)}::/64`,
    members,
    voided,
    invites: inviteViews(index, authority, candidates.users),
  };
}

/** Authority says who counts, and who counts says whose acts have authority: settled by leaving out the acts of those who do not count. */
function decideMembers(index: Index): { authority: Authority; candidates: Candidates } {
  const uncounted = new Set<string>();
  for (;;) {
    const authority = applyAuthority(index, undefined, uncounted);
    const candidates = countMemberships(index, authority);
    const counted = new Set(candidates.counted.map(({ id }) => id));
    const fresh = [...index.memberships.keys()].filter(
      (id) => id !== index.firstOwner && !counted.has(id) && !uncounted.has(id),
    );
    if (fresh.length === 0) return { authority, candidates };
    for (const id of fresh) uncounted.add(id);
  }
}

function ipv4Place(claim: Counted, attempt: number): string {
  return String(IPV4_FIRST + ((ipv4Wish(claim.idBytes) - IPV4_FIRST + attempt) % IPV4_COUNT));
}

function firstOwner(crypto: Crypto, index: Index, genesis: EntryOf<'genesis'>): Counted {
  const { memberKey, noiseKey, ownerName, createdMs } = genesis.body;
  const idBytes = bytesOf(index.firstOwner);
  return {
    entry: genesis,
    weight: { witnesses: WITNESSES_MAX, draw: crypto.hash(genesis.hash) },
    id: index.firstOwner,
    idBytes,
    memberKey,
    noiseKey,
    wished: ownerName,
    joinedMs: createdMs,
    membership: null,
  };
}

export const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

interface Candidates {
  counted: Counted[];
  voided: Map<string, VoidReason>;
  /** Ids that used each certificate, removed ones included. */
  users: Map<string, Set<string>>;
}

/** Decides certificate by certificate who came in; an issuer is decided before what it issued. */
function countMemberships(index: Index, authority: Authority): Candidates {
  const result: Candidates = { counted: [], voided: new Map(), users: new Map() };
  const counted = new Map<string, Counted[]>();

  const decide = (certificate: EntryOf<'certificate'>): Counted[] => {
    const known = counted.get(certificate.key);
    if (known) return known;
    counted.set(certificate.key, []);
    const valid: EntryOf<'membership'>[] = [];
    for (const entry of index.membershipsByCertificate.get(certificate.key) ?? []) {
      const reason = issuerCounts(certificate) ? authority.voidMembership(entry, certificate) : 'invite-void';
      if (reason) result.voided.set(memberIds.get(entry) ?? '', reason);
      else valid.push(entry);
    }
    const single = strongest(index, valid, (witness) => !authority.void(witness)).map(counting);
    const won = winners(single, certificate.body.uses);
    for (const claim of single) if (!won.includes(claim)) result.voided.set(claim.id, 'invite-lost');
    counted.set(certificate.key, won);
    result.users.set(certificate.key, new Set(won.map(({ id }) => id)));
    return won;
  };

  const issuerCounts = (certificate: EntryOf<'certificate'>): boolean => {
    const issuer = hex(certificate.body.author);
    if (authority.void(certificate)) return false;
    if (issuer === index.firstOwner) return true;
    return (index.memberships.get(issuer) ?? []).some((entry) => {
      if (!certificate.past.has(entry)) return false;
      const own = index.certificates.get(hex(entry.body.certificate));
      return own !== undefined && decide(own).some(({ id }) => id === issuer);
    });
  };

  for (const certificate of inOrderOf([...index.certificates.values()])) decide(certificate);
  const seen = new Set<string>();
  for (const claim of inOrder([...counted.values()].flat())) {
    if (seen.has(claim.id) || claim.id === index.firstOwner) continue;
    seen.add(claim.id);
    result.counted.push(claim);
  }
  return result;
}

const inOrderOf = <E extends Entry>(entries: E[]): E[] =>
  inOrder(entries.map((entry) => ({ entry, weight: { witnesses: 0, draw: entry.hash } }))).map(({ entry }) => entry);

function counting(claim: MemberClaim): Counted {
  const { body } = claim.entry;
  return {
    ...claim,
    idBytes: bytesOf(claim.id),
    memberKey: body.memberKey,
    noiseKey: body.noiseKey,
    wished: body.name,
    joinedMs: body.acceptedMs,
    membership: claim.entry,
  };
}

interface NameClaim extends Claim {
  id: string;
  wished: string;
}

function assignNames(
  crypto: Crypto,
  index: Index,
  authority: Authority,
  counted: Counted[],
): Map<string, { name: string; label: string }> {
  const claims: NameClaim[] = counted.map((one) => {
    const renames = (index.renames.get(one.id) ?? []).filter((entry) => !authority.void(entry));
    const last = inOrderOf(
      renames.filter((entry) => !renames.some((other) => other !== entry && other.past.has(entry))),
    ).at(-1);
    if (!last) return { entry: one.entry, weight: one.weight, id: one.id, wished: one.wished };
    return { entry: last, weight: { witnesses: 0, draw: crypto.hash(last.hash) }, id: one.id, wished: last.body.name };
  });
  const settled = settle(claims, (claim, attempt) => numbered(dnsLabel(claim.wished), attempt), NAME_ATTEMPTS_MAX);
  return new Map(
    [...settled].map(([claim, label]) => {
      const number = label.slice(dnsLabel(claim.wished).length);
      return [claim.id, { name: number === '' ? claim.wished : `${claim.wished}${number}`, label }];
    }),
  );
}

const numbered = (label: string, attempt: number): string => (attempt === 0 ? label : `${label}-${attempt + 1}`);

function lastName(index: Index, authority: Authority): string | null {
  const valid = index.networkNames.filter((entry) => !authority.void(entry));
  const last = valid.filter((entry) => !valid.some((other) => other !== entry && other.past.has(entry)));
  return inOrderOf(last).at(-1)?.body.name ?? null;
}

function inviteViews(index: Index, authority: Authority, users: Map<string, Set<string>>): InviteView[] {
  return inOrderOf([...index.certificates.values()]).map((entry) => {
    const used = users.get(entry.key)?.size ?? 0;
    const state = authority.revoked(entry)
      ? 'revoked'
      : authority.spoiled(entry)
        ? 'void'
        : used >= entry.body.uses
          ? 'used'
          : 'open';
    const { role, uses, notBeforeMs, expiresMs, author } = entry.body;
    return {
      id: entry.hash,
      idText: idText(entry.hash),
      role,
      usesMax: uses,
      used,
      notBeforeMs,
      expiresMs,
      issuer: author,
      state,
    };
  });
}
