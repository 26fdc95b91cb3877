// What the records mean together: removals first, then who counts, then names and addresses. Pure; the same on every replica.
import type { Crypto } from '../../wire/crypto.ts';
import type { RecordBody, Role } from '../../wire/record.ts';
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
import type { Authority } from './authority.ts';
import type { Entry, EntryOf } from './entry.ts';
import { unhex } from '../../wire/messages/hex.ts';
import { dnsLabel } from './label.ts';
import { channelViews, type ChannelView } from './channels.ts';
import { byDepth, lastWords, type Index } from './index-of.ts';
import { countMembers, type VoidReason } from './count.ts';
import { inOrder, settle, WITNESSES_MAX, type Claim, type MemberClaim } from './settle.ts';

export type { ChannelView, VoidReason };

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
  /** Open ones, by name. */
  channels: ChannelView[];
}

interface Counted extends Claim {
  id: string;
  fixed: Fixed;
  memberKey: Uint8Array;
  noiseKey: Uint8Array;
  wished: string;
  joinedMs: number;
  membership: EntryOf<'membership'> | null;
}

export function computeView(crypto: Crypto, networkId: Uint8Array, index: Index): NetworkView {
  const { genesis } = index;
  if (!genesis) throw new Error('a view needs the genesis record');
  const { authority, claims, voided: uncounted, used } = countMembers(index);
  const everCounted = [
    firstOwner(crypto, networkId, index, genesis),
    ...claims.map((claim) => counting(networkId, claim)),
  ];
  const counted = everCounted.filter(({ id }) => !authority.removed.has(id));
  const hosts = settle(everCounted, ipv4Place, IPV4_ATTEMPTS_MAX);
  const byId = new Map([...hosts].map(([claim, place]) => [claim.id, Number(place)]));
  const names = assignNames(crypto, index, authority, counted);
  const members = new Map<string, MemberView>();
  for (const one of inOrder(counted)) {
    const host = byId.get(one.id);
    const name = names.get(one.id) ?? { name: one.wished, label: dnsLabel(one.wished) };
    members.set(one.id, {
      ...one.fixed,
      memberKey: one.memberKey,
      noiseKey: one.noiseKey,
      role: authority.standing(one.id)?.role ?? 'guest',
      ...name,
      ipv4: host === undefined ? null : `${genesis.body.prefix.join('.')}.${host >>> 8}.${host & 0xff}`,
      joinedMs: one.joinedMs,
      membership: one.membership?.hash ?? null,
      sponsor: one.membership?.body.author ?? null,
    });
  }
  const voided = new Map(uncounted);
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
    invites: inviteViews(index, authority, used),
    channels: channelViews(crypto, index, authority),
  };
}

function ipv4Place(claim: Counted, attempt: number): string {
  return String(IPV4_FIRST + ((ipv4Wish(claim.fixed.id) - IPV4_FIRST + attempt) % IPV4_COUNT));
}

function firstOwner(crypto: Crypto, networkId: Uint8Array, index: Index, genesis: EntryOf<'genesis'>): Counted {
  const { memberKey, noiseKey, ownerName, createdMs } = genesis.body;
  return {
    entry: genesis,
    weight: { witnesses: WITNESSES_MAX, draw: crypto.hash(genesis.hash) },
    id: index.firstOwner,
    fixed: fixedOf(networkId, genesis, index.firstOwner),
    memberKey,
    noiseKey,
    wished: ownerName,
    joinedMs: createdMs,
    membership: null,
  };
}

/** What follows from a member's id alone: kept as long as its record is, because a view is computed anew with every change. */
type Fixed = Pick<MemberView, 'id' | 'idText' | 'origin' | 'ipv6' | 'linkLocal' | 'mac'>;
const fixed = new WeakMap<RecordBody, Fixed>();

function fixedOf(networkId: Uint8Array, entry: Entry, id: string): Fixed {
  let known = fixed.get(entry.body);
  if (!known) {
    const idBytes = unhex(id);
    known = {
      id: idBytes,
      idText: idText(idBytes),
      origin: originOf(idBytes),
      ipv6: ulaOf(networkId, idBytes),
      linkLocal: linkLocalOf(idBytes),
      mac: macOf(idBytes),
    };
    fixed.set(entry.body, known);
  }
  return known;
}

function counting(networkId: Uint8Array, claim: MemberClaim): Counted {
  const { body } = claim.entry;
  return {
    ...claim,
    fixed: fixedOf(networkId, claim.entry, claim.id),
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
    const last = lastWords(renames).sort(byDepth).at(-1);
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
  return lastWords(valid).sort(byDepth).at(-1)?.body.name ?? null;
}

function inviteViews(index: Index, authority: Authority, places: Map<string, number>): InviteView[] {
  const byTime = (a: EntryOf<'certificate'>, b: EntryOf<'certificate'>): number =>
    a.body.notBeforeMs - b.body.notBeforeMs || byDepth(a, b);
  return [...index.certificates.values()].sort(byTime).map((entry) => {
    const used = places.get(entry.key) ?? 0;
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
