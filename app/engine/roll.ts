// A network's records as the engine uses them: durable before they count, read as members, invites and standing.
import { fail, isErrorCode, ok, type ErrorCode, type Outcome } from '../contract/errors.ts';
import type { Invite, Role } from '../contract/state.ts';
import { idText, originOf, type MemberKeys } from '../mesh/identity/identity.ts';
import {
  issueInvite,
  removeMember,
  renameMember,
  renameNetwork,
  revokeInvite,
  setChannel,
  setRole,
  toReview,
  witness,
  type Actor,
  type InviteOptions,
  type ChannelWords,
  type Made,
} from '../mesh/membership/acts.ts';
import { isKind, type Entry } from '../mesh/membership/entry.ts';
import { identify } from '../mesh/membership/identified.ts';
import { chainFor, decodeJoinRequest, sponsorJoin } from '../mesh/membership/join.ts';
import { tidyName } from '../mesh/membership/label.ts';
import { Ledger } from '../mesh/membership/ledger.ts';
import type { ChannelView, MemberView, NetworkView, VoidReason } from '../mesh/membership/view.ts';
import type { Crypto } from '../wire/crypto.ts';
import { decodeLink, encodeLink, type WayIn } from '../wire/link.ts';
import { HASHES_PER_MESSAGE_MAX } from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';
import { hex } from '../wire/text.ts';
import type { NetworkFiles } from './files.ts';
import type { Now, Ports } from './ports.ts';

/** A member as the engine uses it. */
export type RollMember = MemberView;

export type Standing = 'member' | VoidReason | 'none';

export interface Received {
  /** Records that are new here, in the order to pass on. */
  added: Uint8Array[];
  /** Hashes of records that those received build on and that are missing here. */
  missing: Uint8Array[];
  /** Something among them was no valid record. */
  bad: boolean;
  /** Hashes of new memberships. */
  memberships: Uint8Array[];
  /** What may have changed: no more than testimonies are new, or new members, or anything that was said of those that are known. */
  gravity: 'testimonies' | 'members' | 'all';
}

const DIGEST_BYTES = 8;
/** Of a member id in hex: its first eight bytes are the origin. */
const ORIGIN_CHARS = 16;
const LOCATOR_TIPS_MAX = HASHES_PER_MESSAGE_MAX - 32;
const ANCESTORS_GIVEN_MAX = 128;
/** With the own membership: what a member may still say to whom it is a stranger (peer-budget.ts) holds several times as much. */
const INTRODUCTION_MAX = 32;
const NONCE_BYTES = 16;
const SEED_BYTES = 32;

/** The heads, then ever older records: whoever knows some of them knows where the common past ends. */
export function locatorOf(crypto: Crypto, ledger: Ledger): Uint8Array[] {
  const hashes = ledger.tipsNow().slice(0, LOCATOR_TIPS_MAX);
  const all = ledger.all();
  for (let back = 1; back < all.length; back *= 2)
    hashes.push(identify(crypto, all[all.length - 1 - back] as Uint8Array).hash);
  return hashes;
}

export class Roll {
  readonly keys: MemberKeys;
  readonly selfOrigin: Origin;
  readonly #ports: Ports;
  #ledger: Ledger;
  #files: NetworkFiles | null = null;
  /** Records that are in the file: the first of the ledger's. */
  #stored: number;
  #view: NetworkView | null = null;
  #list: readonly RollMember[] = [];
  /** Where each member is in `#list`, of the first so many of it. */
  readonly #at = new Map<Origin, number>();
  #placed = 0;
  /** Why those that are no members any more are none, by origin; null until somebody asks. */
  #voided: Map<Origin, VoidReason> | null = null;
  readonly #digest = new Uint8Array(DIGEST_BYTES);
  #indexed = 0;

  /** The ledger's records are taken as durable where `files` is given. */
  #removals = 0;

  constructor(ports: Ports, ledger: Ledger, keys: MemberKeys, files: NetworkFiles | null) {
    this.#ports = ports;
    this.#ledger = ledger;
    this.keys = keys;
    this.selfOrigin = hex(originOf(keys.id));
    this.#files = files;
    this.#stored = ledger.revision;
    this.#index();
  }

  /** From now on records go to these files; those present are there already. */
  bind(files: NetworkFiles): void {
    this.#files = files;
    this.#stored = this.#ledger.revision;
  }

  // ---- what the records say ------------------------------------------------------------------------------------------------

  get networkId(): Uint8Array {
    return this.#ledger.networkId;
  }

  get id(): string {
    return idText(this.#ledger.networkId);
  }

  get selfId(): string {
    return idText(this.keys.id);
  }

  get name(): string {
    return this.#now().name;
  }

  /** "home" of anna.home.weft. */
  get label(): string {
    return this.#now().label;
  }

  get createdMs(): number {
    return this.#now().createdMs;
  }

  get mtu(): number {
    return this.#now().mtu;
  }

  /** "10.87.0.0/16" */
  get ipv4Subnet(): string {
    return this.#now().ipv4Prefix;
  }

  get ipv4Prefix(): number {
    return Number(this.ipv4Subnet.split('/')[1]);
  }

  #now(): NetworkView {
    const view = this.#ledger.view();
    if (view === this.#view) return view;
    this.#view = view;
    this.#voided = null;
    const list = this.#ledger.members();
    if (list !== this.#list) {
      [this.#list, this.#placed] = [list, 0];
      this.#at.clear();
    }
    for (; this.#placed < list.length; this.#placed++)
      this.#at.set((list[this.#placed] as RollMember).origin, this.#placed);
    return view;
  }

  /** Others may be added at its end; it is another list when anything else has changed. */
  members(): readonly RollMember[] {
    this.#now();
    return this.#list;
  }

  member(origin: Origin): RollMember | undefined {
    return this.members()[this.#at.get(origin) ?? -1];
  }

  /** Where a member is among `members()`; -1: nowhere. */
  placeOf(origin: Origin): number {
    this.#now();
    return this.#at.get(origin) ?? -1;
  }

  self(): RollMember | undefined {
    return this.member(this.selfOrigin);
  }

  /** Removals among the records; only ever more. */
  get removals(): number {
    return this.#removals;
  }

  standing(origin: Origin): Standing {
    const { voided } = this.#now();
    if (this.#at.has(origin)) return 'member';
    this.#voided ??= new Map([...voided].map(([id, reason]) => [id.slice(0, ORIGIN_CHARS), reason]));
    return this.#voided.get(origin) ?? 'none';
  }

  /** Of the holder of an X25519 key. */
  standingOfKey(dhKey: Uint8Array): Standing {
    const id = this.#ledger.idWithKey(dhKey);
    return id === null ? 'none' : this.#standingOfId(id);
  }

  #standingOfId(id: string): Standing {
    const view = this.#now();
    return view.members.has(id) ? 'member' : (view.voided.get(id) ?? 'none');
  }

  /** What the own role may see: owners and admins all, others their own. */
  invites(now: Now): Invite[] {
    const view = this.#now();
    const self = view.members.get(hex(this.keys.id));
    const all = self?.role === 'owner' || self?.role === 'admin';
    const own = hex(this.keys.id);
    return view.invites
      .filter(({ issuer }) => all || hex(issuer) === own)
      .map((invite) => {
        const expired = invite.state === 'open' && now.wall > invite.expiresMs;
        return {
          id: invite.idText,
          role: invite.role,
          usesMax: invite.usesMax,
          usesLeft: Math.max(0, invite.usesMax - invite.used),
          expiresMs: invite.expiresMs,
          createdMs: invite.notBeforeMs,
          issuer: view.members.get(hex(invite.issuer))?.name ?? '',
          issuerId: idText(invite.issuer),
          state: expired ? ('expired' as const) : invite.state,
        };
      });
  }

  recovery(): Outcome<{ recovery: string }> {
    const root = this.#files?.readRoot() ?? ok(null);
    if (!root.ok) return root;
    if (root.value === null) return fail('no-root-key');
    return ok({ recovery: `weft-root-1:${this.id}:${idText(root.value)}` });
  }

  // ---- synchronisation -----------------------------------------------------------------------------------------------------

  /** Equal for equal sets of records. */
  digest(): Uint8Array {
    return this.#digest.slice();
  }

  locator(): Uint8Array[] {
    return locatorOf(this.#ports.crypto, this.#ledger);
  }

  /** What somebody lacks who knows these records and their pasts. */
  lacking(hashes: readonly Uint8Array[]): Uint8Array[] {
    return this.#ledger.lacking([...hashes]);
  }

  /** The own membership with its latest ancestors: for one who never heard of it. */
  introduction(): Uint8Array[] {
    const { members } = this.#now();
    const membership = members.get(hex(this.keys.id))?.membership;
    return this.withAncestors(membership ? [membership] : [], INTRODUCTION_MAX);
  }

  /** These records with their latest ancestors, parents first, `most` in all. */
  withAncestors(hashes: readonly Uint8Array[], most = ANCESTORS_GIVEN_MAX): Uint8Array[] {
    const known = hashes.filter((hash) => this.#ledger.has(hash));
    if (known.length === 0) return [];
    const beyond = new Set(this.#ledger.lacking(known));
    return this.#ledger
      .all()
      .filter((record) => !beyond.has(record))
      .slice(-most);
  }

  all(): Uint8Array[] {
    return this.#ledger.all();
  }

  /** Takes what is valid and new; durable when this returns ok, unchanged when not. */
  receive(records: readonly Uint8Array[]): Outcome<Received> {
    const missing: Uint8Array[] = [];
    const memberships: Uint8Array[] = [];
    let bad = false;
    let gravity: Received['gravity'] = 'testimonies';
    for (const bytes of records) {
      const result = this.#ledger.add(this.#ports.share?.(bytes) ?? bytes);
      if (result.status === 'pending') missing.push(...result.missing);
      else if (result.status === 'refused') bad ||= result.reason === 'malformed' || result.reason === 'bad-signature';
      else if (result.status === 'added') {
        for (const entry of result.entries) {
          if (isKind(entry, 'membership')) {
            memberships.push(entry.hash);
            if (gravity === 'testimonies') gravity = 'members';
          } else if (!isKind(entry, 'witness')) gravity = 'all';
        }
      }
    }
    const added = this.#persist();
    if (!added.ok) return added;
    const stillMissing = missing.filter((hash) => !this.#ledger.has(hash));
    return ok({ added: added.value, missing: stillMissing, bad, memberships, gravity });
  }

  /** Appends what the ledger holds beyond the file. When that fails the ledger goes back to what the file has. */
  #persist(): Outcome<Uint8Array[]> {
    const fresh = this.#ledger.since(this.#stored);
    if (fresh.length === 0) return ok([]);
    const stored = this.#files?.appendRecords(fresh) ?? ok(undefined);
    if (!stored.ok) {
      const durable = this.#ledger.all().slice(0, this.#stored);
      this.#ledger = new Ledger(this.#ports.crypto, this.#ledger.networkId);
      for (const bytes of durable) this.#ledger.add(bytes);
      return stored;
    }
    this.#stored += fresh.length;
    this.#index();
    return ok(fresh);
  }

  #index(): void {
    const { crypto } = this.#ports;
    for (const bytes of this.#ledger.since(this.#indexed)) {
      const { hash } = identify(crypto, bytes);
      for (let i = 0; i < DIGEST_BYTES; i++) this.#digest[i] = (this.#digest[i] as number) ^ (hash[i] as number);
      const entry = this.#ledger.get(hash) as Entry;
      if (isKind(entry, 'removal')) this.#removals++;
    }
    this.#indexed = this.#ledger.revision;
  }

  // ---- acts ----------------------------------------------------------------------------------------------------------------

  get #actor(): Actor {
    return { crypto: this.#ports.crypto, ledger: this.#ledger, keys: this.keys };
  }

  #done(made: Made | null): Outcome<Uint8Array[]> {
    if (made && 'refused' in made) return this.#refused(made.refused);
    return this.#persist();
  }

  #refused<T = never>(reason: string): Outcome<T> {
    const code = refusalCode(reason);
    return code === 'not-allowed' ? fail(code, { role: this.self()?.role ?? 'guest' }) : fail(code);
  }

  /** Testifies to a membership that came by, if that is still of use. */
  testify(membership: Uint8Array): Outcome<Uint8Array[]> {
    const entry = this.#ledger.get(membership);
    if (!entry || !isKind(entry, 'membership')) return ok([]);
    const made = witness(this.#actor, entry);
    return made === null || 'refused' in made ? ok([]) : this.#persist();
  }

  /** Decides on a stranger's request to join; `key` is what it proved in the handshake. */
  sponsor(now: Now, key: Uint8Array, bytes: Uint8Array): Outcome<Uint8Array[]> {
    const request = decodeJoinRequest(bytes);
    if (!request) return fail('link-damaged');
    if (hex(request.noiseKey) !== hex(key)) return fail('link-damaged');
    if (tidyName(request.name) !== request.name) return fail('bad-argument', { what: 'name' });
    const nonce = this.#ports.random.bytes(NONCE_BYTES);
    const result = sponsorJoin(this.#actor, request, nonce, Math.floor(now.wall));
    const stored = this.#persist();
    return 'refused' in result ? this.#refused(result.refused) : stored;
  }

  invite(
    now: Now,
    options: { role: InviteOptions['role']; uses: number; expiresSeconds: number },
    waysIn: WayIn[],
  ): Outcome<{ records: Uint8Array[]; result: { id: string; link: string; expiresMs: number } }> {
    const { crypto, random } = this.#ports;
    const { role, uses, expiresSeconds } = options;
    const seed = random.bytes(SEED_BYTES);
    const nowMs = Math.floor(now.wall);
    const expiresMs = nowMs + expiresSeconds * 1000;
    const made = issueInvite(this.#actor, { seed, role, uses, nowMs, expiresMs });
    const stored = this.#done(made);
    if (!stored.ok || 'refused' in made) return stored as Outcome<never>;
    const link = encodeLink(crypto, {
      networkId: this.networkId,
      networkName: this.name,
      inviter: this.self()?.name ?? '',
      seed,
      chain: chainFor(this.#ledger, made.hash),
      waysIn,
    });
    return ok({ records: stored.value, result: { id: idText(made.hash), link, expiresMs } });
  }

  /** By its id or by the link itself. Revoking again is no failure. */
  revoke(what: string): Outcome<Uint8Array[]> {
    const { crypto } = this.#ports;
    const link = /^\s*weft:/i.test(what) ? decodeLink(crypto, what) : null;
    if (typeof link === 'string') return fail(link);
    const id = link ? idText(crypto.hash(link.chain.at(-1) ?? new Uint8Array(0))) : what.trim();
    const invite = this.#now().invites.find((one) => one.idText === id);
    if (!invite) return fail('no-such-invite');
    return invite.state === 'revoked' ? ok([]) : this.#done(revokeInvite(this.#actor, invite.id));
  }

  remove(now: Now, target: RollMember): Outcome<{ records: Uint8Array[]; review: string[] }> {
    const stored = this.#done(removeMember(this.#actor, target.idBytes, Math.floor(now.wall)));
    return stored.ok ? ok({ records: stored.value, review: toReview(this.#ledger, target.idBytes) }) : stored;
  }

  renameMember(target: RollMember, name: string): Outcome<Uint8Array[]> {
    const tidy = tidyName(name);
    if (tidy === null) return fail('bad-argument', { what: 'name' });
    return tidy === target.name ? ok([]) : this.#done(renameMember(this.#actor, target.idBytes, tidy));
  }

  setRole(now: Now, target: RollMember, role: Role): Outcome<Uint8Array[]> {
    if (role === target.role) return ok([]);
    return this.#done(setRole(this.#actor, target.idBytes, role, Math.floor(now.wall)));
  }

  channels(): readonly ChannelView[] {
    return this.#now().channels;
  }

  setChannel(words: ChannelWords): Outcome<Uint8Array[]> {
    return this.#done(setChannel(this.#actor, words));
  }

  renameNetwork(name: string): Outcome<Uint8Array[]> {
    const tidy = tidyName(name);
    if (tidy === null) return fail('bad-argument', { what: 'name' });
    return tidy === this.name ? ok([]) : this.#done(renameNetwork(this.#actor, tidy));
  }
}

/** Reasons of the ledger that the error table does not know mean: the record is not what it should be. */
export function refusalCode(reason: string): ErrorCode {
  if (reason === 'full') return 'network-full';
  return isErrorCode(reason) ? reason : 'link-damaged';
}
