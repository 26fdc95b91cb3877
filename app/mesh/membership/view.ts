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
import { inOrder, Places, WITNESSES_MAX, type Claim, type Weight, type Weighed } from './settle.ts';

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
  /** By id (hex), in the same order everywhere. A state that grew out of this one (grow.ts) goes on with the same map. */
  members: Map<string, MemberView>;
  /** Ids (hex) that had a membership and do not count: why. */
  voided: Map<string, VoidReason>;
  invites: InviteView[];
  /** Open ones, by name. */
  channels: ChannelView[];
}

/** A member as its claims to places are settled. */
export interface Counted extends Claim {
  id: string;
  fixed: Fixed;
  memberKey: Uint8Array;
  noiseKey: Uint8Array;
  wished: string;
  joinedMs: number;
  membership: EntryOf<'membership'> | null;
}

/** The state with what it was settled from, so that it can grow (grow.ts). */
export interface Computed {
  view: NetworkView;
  /** The view's members; another list when all was settled anew, so what was read of it before holds as long as it is the same. */
  list: MemberView[];
  authority: Authority;
  /** Places taken of each certificate (hex). */
  used: Map<string, number>;
  hosts: Places<Counted>;
  names: Places<NameClaim>;
  weighed: Weighed;
  /** The last of the members, in their order. */
  last: Counted;
}

export function computeView(crypto: Crypto, networkId: Uint8Array, index: Index): Computed {
  const { genesis } = index;
  if (!genesis) throw new Error('a view needs the genesis record');
  const weighed: Weighed = new Set();
  const { authority, claims, voided: uncounted, used } = countMembers(index, weighed);
  const owner = firstOwner(crypto, networkId, index, genesis);
  const everCounted = [owner, ...claims.map((claim) => countedOf(networkId, claim.entry, claim))];
  const counted = inOrder(everCounted.filter(({ id }) => !authority.removed.has(id)));
  const hosts = new Places(ipv4Place, IPV4_ATTEMPTS_MAX, weighed).settle(everCounted);
  const byId = new Map([...hosts.held()].map(([claim, place]) => [claim.id, place]));
  const names = new Places(namePlace, NAME_ATTEMPTS_MAX, weighed).settle(
    counted.map((one) => nameClaim(crypto, index, authority, one)),
  );
  const labels = new Map([...names.held()].map(([claim, label]) => [claim.id, named(claim.wished, label)]));
  const members = new Map<string, MemberView>();
  const list: MemberView[] = [];
  for (const one of counted) {
    const name = labels.get(one.id) ?? { name: one.wished, label: dnsLabel(one.wished) };
    const role = authority.standing(one.id)?.role ?? 'guest';
    const member = memberView(genesis, one, role, name, byId.get(one.id));
    members.set(one.id, member);
    list.push(member);
  }
  const voided = new Map(uncounted);
  for (const id of authority.removed) voided.set(id, 'removed');
  for (const id of members.keys()) voided.delete(id);
  const name = lastName(index, authority) ?? genesis.body.name;
  const view: NetworkView = {
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
  return { view, list, authority, used, hosts, names, weighed, last: counted.at(-1) ?? owner };
}

export function memberView(
  genesis: EntryOf<'genesis'>,
  one: Counted,
  role: Role,
  name: { name: string; label: string },
  place: string | undefined,
): MemberView {
  const host = Number(place);
  // Field by field, here and below: copying objects is ten times as slow, and there are thousands.
  const { id, idText, origin, ipv6, linkLocal, mac } = one.fixed;
  return {
    id,
    idText,
    origin,
    memberKey: one.memberKey,
    noiseKey: one.noiseKey,
    role,
    name: name.name,
    label: name.label,
    ipv6,
    linkLocal,
    mac,
    ipv4: place === undefined ? null : `${genesis.body.prefix.join('.')}.${host >>> 8}.${host & 0xff}`,
    joinedMs: one.joinedMs,
    membership: one.membership?.hash ?? null,
    sponsor: one.membership?.body.author ?? null,
  };
}

function ipv4Place(claim: Counted, attempt: number): string {
  return String(IPV4_FIRST + ((ipv4Wish(claim.fixed.id) - IPV4_FIRST + attempt) % IPV4_COUNT));
}

function firstOwner(crypto: Crypto, networkId: Uint8Array, index: Index, genesis: EntryOf<'genesis'>): Counted {
  const { memberKey, noiseKey, ownerName, createdMs } = genesis.body;
  return {
    entry: genesis,
    weight: () => ({ witnesses: WITNESSES_MAX, draw: crypto.hash(genesis.hash) }),
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

/** Who came by this membership, with the weight of its claims. */
export function countedOf(
  networkId: Uint8Array,
  entry: EntryOf<'membership'>,
  claim: Pick<Counted, 'id' | 'weight'>,
): Counted {
  const { body } = entry;
  return {
    entry,
    id: claim.id,
    weight: claim.weight,
    fixed: fixedOf(networkId, entry, claim.id),
    memberKey: body.memberKey,
    noiseKey: body.noiseKey,
    wished: body.name,
    joinedMs: body.acceptedMs,
    membership: entry,
  };
}

export interface NameClaim extends Claim {
  id: string;
  wished: string;
}

/** By the last word about its name, else by its own record. */
function nameClaim(crypto: Crypto, index: Index, authority: Authority, one: Counted): NameClaim {
  const renames = (index.renames.get(one.id) ?? []).filter((entry) => !authority.void(entry));
  const last = lastWords(renames).sort(byDepth).at(-1);
  if (!last) return { entry: one.entry, weight: one.weight, id: one.id, wished: one.wished };
  const weight = (): Weight => ({ witnesses: 0, draw: crypto.hash(last.hash) });
  return { entry: last, weight, id: one.id, wished: last.body.name };
}

const namePlace = (claim: NameClaim, attempt: number): string => numbered(dnsLabel(claim.wished), attempt);

/** How a member is called that wished for one name and got this label. */
export function named(wished: string, label: string): { name: string; label: string } {
  const number = label.slice(dnsLabel(wished).length);
  return { name: number === '' ? wished : `${wished}${number}`, label };
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
    const state = authority.revoked(entry) ? 'revoked' : authority.spoiled(entry) ? 'void' : openState(entry, used);
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

export const openState = (certificate: EntryOf<'certificate'>, used: number): 'open' | 'used' =>
  used >= certificate.body.uses ? 'used' : 'open';
