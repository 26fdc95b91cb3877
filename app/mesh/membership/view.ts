// What the records mean together: removals first, then who counts, then names and addresses. Pure; the same on every replica.
import type { Crypto } from '../../wire/crypto.ts';
import type { Role } from '../../wire/record.ts';
import {
  IPV4_COUNT,
  IPV4_FIRST,
  idText,
  ipv4Wish,
  linkLocalOf,
  macOf,
  ulaOf,
  ulaPrefixOf,
} from '../identity/identity.ts';
import type { Authority } from './authority.ts';
import type { Entry, EntryOf } from './entry.ts';
import { unhex } from '../../wire/messages/hex.ts';
import { dnsLabel } from './label.ts';
import { channelViews, type ChannelView } from './channels.ts';
import { byDepth, lastWords, type Index, type Names } from './index-of.ts';
import { countMembers, type VoidReason } from './count.ts';
import { inOrder, Places, Weighing, type Claim, type Weight, type Weighed } from './settle.ts';

export type { ChannelView, VoidReason };

const IPV4_ATTEMPTS_MAX = 4_096;
const NAME_ATTEMPTS_MAX = 1_100;

/** What a member is called. */
export interface Named {
  /** As its owner wrote it, unless somebody else had the name before. */
  name: string;
  /** "anna" of anna.home.weft. */
  label: string;
}

/** A member as the records say. There are thousands: what follows from other fields is no field. */
export class MemberView implements Named {
  readonly name: string;
  readonly label: string;

  constructor(
    private readonly one: Counted,
    readonly role: Role,
    { name, label }: Named,
    /** Of its IPv4 address: the last 16 bits; undefined without one. */
    private readonly host: number | undefined,
  ) {
    this.name = name;
    this.label = label;
  }

  /** 52 characters of base32. */
  get id(): string {
    return this.one.names.idText;
  }

  /** Hex: equal ones have equal keys, and equal addresses but the IPv4 address. */
  get idHex(): string {
    return this.one.id;
  }

  /** Made anew each time, as all addresses here are. */
  get idBytes(): Uint8Array {
    return unhex(this.one.id);
  }

  /** What names it in cast stamps, hex. */
  get origin(): string {
    return this.one.names.origin;
  }

  get originBytes(): Uint8Array {
    return unhex(this.one.names.origin);
  }

  get signKey(): Uint8Array {
    return this.one.entry.body.memberKey;
  }

  get dhKey(): Uint8Array {
    return this.one.entry.body.noiseKey;
  }

  get ipv4(): string | null {
    return this.host === undefined ? null : `${this.one.ground.ipv4}.${this.host >>> 8}.${this.host & 0xff}`;
  }

  get ipv6(): string {
    return ulaOf(this.one.ground.networkId, this.idBytes);
  }

  get linkLocal(): string {
    return linkLocalOf(this.idBytes);
  }

  get mac(): string {
    return macOf(this.idBytes);
  }

  get joinedMs(): number {
    const { body } = this.one.entry;
    return body.kind === 'genesis' ? body.createdMs : body.acceptedMs;
  }

  /** null for the first owner. */
  get membership(): Uint8Array | null {
    const { entry } = this.one;
    return entry.body.kind === 'genesis' ? null : entry.hash;
  }

  get sponsor(): Uint8Array | null {
    const { body } = this.one.entry;
    return body.kind === 'genesis' ? null : body.author;
  }
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

/** What all members of a state have in common. */
export class Ground {
  /** First half of the network's IPv4 addresses. */
  readonly ipv4: string;
  readonly #weighing: Weighing;

  constructor(
    readonly networkId: Uint8Array,
    readonly index: Index,
    genesis: EntryOf<'genesis'>,
    counts: (witness: Entry) => boolean,
  ) {
    this.ipv4 = genesis.body.prefix.join('.');
    this.#weighing = new Weighing(index, counts);
  }

  weight(entry: Counted['entry']): Weight {
    return this.#weighing.of(entry);
  }
}

/** A member as its claims to an address and, unless it was renamed, to a name are settled: by the record that made it one. */
export class Counted implements NameClaim {
  readonly names: Names;
  readonly #ground: Ground;

  constructor(
    readonly entry: EntryOf<'membership' | 'genesis'>,
    ground: Ground,
  ) {
    this.names = ground.index.namesOf(entry);
    this.#ground = ground;
  }

  get id(): string {
    return this.names.id;
  }

  get ground(): Ground {
    return this.#ground;
  }

  weight(): Weight {
    return this.#ground.weight(this.entry);
  }

  get wished(): string {
    const { body } = this.entry;
    return body.kind === 'genesis' ? body.ownerName : body.name;
  }
}

/** The state with what it was settled from, so that it can grow (grow.ts). */
export interface Computed {
  view: NetworkView;
  /** The view's members; another list when all was settled anew, so what was read of it before holds as long as it is the same. */
  list: MemberView[];
  authority: Authority;
  /** Places taken of each certificate (hex). */
  used: Map<string, number>;
  hosts: Places<Counted, number>;
  names: Places<NameClaim>;
  ground: Ground;
  weighed: Weighed;
  /** The last of the members, in their order. */
  last: Counted;
}

export function computeView(crypto: Crypto, networkId: Uint8Array, index: Index): Computed {
  const { genesis } = index;
  if (!genesis) throw new Error('a view needs the genesis record');
  const weighed: Weighed = new Set();
  const { authority, claims, voided: uncounted, used } = countMembers(index, weighed);
  const ground = new Ground(networkId, index, genesis, (witness) => !authority.void(witness));
  const owner = new Counted(genesis, ground);
  const everCounted = [owner, ...claims.map(({ entry }) => new Counted(entry, ground))];
  const counted = inOrder(everCounted.filter(({ id }) => !authority.removed.has(id)));
  const hosts = new Places<Counted, number>(ipv4Place, IPV4_ATTEMPTS_MAX, weighed).settle(everCounted);
  const byId = new Map([...hosts.held()].map(([claim, place]) => [claim.id, place]));
  const names = new Places<NameClaim>(namePlace, NAME_ATTEMPTS_MAX, weighed).settle(
    counted.map((one) => nameClaim(crypto, index, authority, one)),
  );
  const labels = new Map([...names.held()].map(([claim, label]) => [claim.id, named(claim.wished, label)]));
  const members = new Map<string, MemberView>();
  const list: MemberView[] = [];
  for (const one of counted) {
    const name = labels.get(one.id) ?? { name: one.wished, label: dnsLabel(one.wished) };
    const role = authority.standing(one.id)?.role ?? 'guest';
    const member = new MemberView(one, role, name, byId.get(one.id));
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
  return { view, list, authority, used, hosts, names, ground, weighed, last: counted.at(-1) ?? owner };
}

function ipv4Place(claim: Counted, attempt: number): number {
  return IPV4_FIRST + ((ipv4Wish(unhex(claim.id)) - IPV4_FIRST + attempt) % IPV4_COUNT);
}

export interface NameClaim extends Claim {
  id: string;
  wished: string;
}

/** By the last word about its name, else by its own record. */
function nameClaim(crypto: Crypto, index: Index, authority: Authority, one: Counted): NameClaim {
  const renames = (index.renames.get(one.id) ?? []).filter((entry) => !authority.void(entry));
  const last = lastWords(renames).sort(byDepth).at(-1);
  if (!last) return one;
  const weight = (): Weight => ({ witnesses: 0, draw: crypto.hash(last.hash) });
  return { entry: last, weight, id: one.id, wished: last.body.name };
}

const namePlace = (claim: NameClaim, attempt: number): string => numbered(dnsLabel(claim.wished), attempt);

/** How a member is called that wished for one name and got this label. */
export function named(wished: string, label: string): Named {
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
