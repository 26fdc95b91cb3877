// Making records. Each takes the ledger as it is, adds the record to it and returns its bytes, or says why not; the caller stores
// and spreads them.
import type { Crypto } from '../../wire/crypto.ts';
import {
  encodeBody,
  genesisStatement,
  recordStatement,
  type OfKind,
  type RecordBody,
  type Role,
} from '../../wire/record.ts';
import { concat, hex } from '../../wire/text.ts';
import { deriveKeys, networkIdOf, type MemberKeys } from '../identity/identity.ts';
import type { EntryOf } from './entry.ts';
import { Ledger } from './ledger.ts';
import type { Refusal } from './rules.ts';
import { idOf } from './index-of.ts';
import { WITNESSES_MAX } from './settle.ts';

export type Made = { bytes: Uint8Array; hash: Uint8Array } | { refused: Refusal | 'full' };

/** Whoever acts: its keys in this network. */
export interface Actor {
  crypto: Crypto;
  ledger: Ledger;
  keys: MemberKeys;
}

export function seal(crypto: Crypto, networkId: Uint8Array, seed: Uint8Array, body: RecordBody): Uint8Array {
  const signed = encodeBody(body);
  return concat(signed, crypto.sign(seed, recordStatement(networkId, signed)));
}

function make(actor: Actor, body: RecordBody): Made {
  const bytes = seal(actor.crypto, actor.ledger.networkId, actor.keys.signSeed, body);
  const added = actor.ledger.add(bytes);
  if (added.status === 'refused') return { refused: added.reason };
  return { bytes, hash: actor.crypto.hash(bytes) };
}

export interface CreateOptions {
  crypto: Crypto;
  deviceSeed: Uint8Array;
  /** Becomes the network's root key; keep it as the recovery key. */
  rootSeed: Uint8Array;
  name: string;
  ownerName: string;
  prefix: [number, number];
  mtu: number;
  nowMs: number;
}

export function createNetwork(options: CreateOptions): { ledger: Ledger; keys: MemberKeys; genesis: Uint8Array } {
  const { crypto, rootSeed } = options;
  const rootKey = crypto.signPublicKey(rootSeed);
  const networkId = networkIdOf(crypto, rootKey);
  const keys = deriveKeys(crypto, options.deviceSeed, networkId, 0);
  const head = {
    rootKey,
    name: options.name,
    prefix: options.prefix,
    mtu: options.mtu,
    createdMs: options.nowMs,
    memberKey: keys.memberKey,
    noiseKey: keys.noiseKey,
    ownerName: options.ownerName,
  };
  const body: OfKind<'genesis'> = {
    kind: 'genesis',
    ...head,
    ownerSignature: crypto.sign(keys.signSeed, genesisStatement(head)),
  };
  const genesis = seal(crypto, networkId, rootSeed, body);
  const ledger = new Ledger(crypto, networkId);
  ledger.add(genesis);
  return { ledger, keys, genesis };
}

export interface InviteOptions {
  /** 32 random bytes: the one-time key's seed, which goes into the link. */
  seed: Uint8Array;
  role: Exclude<Role, 'owner'>;
  uses: number;
  nowMs: number;
  expiresMs: number;
}

/**
 * Names as seen only what made its issuer what it is: so that a sponsor who has not heard of anything since can take the certificate from the
 * link.
 */
export function issueInvite(actor: Actor, options: InviteOptions): Made {
  const { ledger, keys } = actor;
  const since = ledger.hindsight().standing(hex(keys.id))?.since;
  return make(actor, {
    kind: 'certificate',
    author: keys.id,
    heads: since ? [since.hash] : ledger.heads(),
    inviteKey: actor.crypto.signPublicKey(options.seed),
    role: options.role,
    uses: options.uses,
    notBeforeMs: options.nowMs,
    expiresMs: options.expiresMs,
  });
}

type Act = OfKind<'removal' | 'role' | 'rename' | 'networkName' | 'revocation' | 'channel'>;
type Deed<A> = A extends Act ? Omit<A, 'author' | 'heads'> : never;

const act = (actor: Actor, deed: Deed<Act>): Made =>
  make(actor, { ...deed, author: actor.keys.id, heads: actor.ledger.heads() } as Act);

export const revokeInvite = (actor: Actor, certificate: Uint8Array): Made =>
  act(actor, { kind: 'revocation', certificate });
/** Of oneself: leaving. */
export const removeMember = (actor: Actor, target: Uint8Array, atMs: number): Made =>
  act(actor, { kind: 'removal', target, atMs });
export const setRole = (actor: Actor, target: Uint8Array, role: Role, atMs: number): Made =>
  act(actor, { kind: 'role', target, role, atMs });
export const renameMember = (actor: Actor, target: Uint8Array, name: string): Made =>
  act(actor, { kind: 'rename', target, name });
export type ChannelWords = Omit<OfKind<'channel'>, 'kind' | 'author' | 'heads'>;

/** Makes a channel or says it anew. Origins rising. */
export const setChannel = (actor: Actor, words: ChannelWords): Made => act(actor, { kind: 'channel', ...words });
export const renameNetwork = (actor: Actor, name: string): Made => act(actor, { kind: 'networkName', name });

/**
 * What an established member does when a membership comes to it: testifies to have seen it at once, unless it knows of a competitor, is a
 * party, or enough others have. null: nothing to do.
 */
export function witness(actor: Actor, membership: EntryOf<'membership'>): Made | null {
  const { ledger, keys } = actor;
  const view = ledger.view();
  const own = view.members.get(hex(keys.id));
  const id = idOf(membership);
  const isParty = hex(membership.body.author) === hex(keys.id) || id === hex(keys.id);
  if (!own || own.role === 'guest' || isParty || !view.members.has(id)) return null;
  if (!ledger.establishedBefore(hex(keys.id), membership)) return null;
  if (ledger.witnessesOf(membership) >= WITNESSES_MAX || ledger.contested(membership)) return null;
  return make(actor, { kind: 'witness', author: keys.id, membership: membership.hash });
}

/** Names in the review list after a removal: who came in by the removed one's sponsorship or invites. */
export function toReview(ledger: Ledger, removed: Uint8Array): string[] {
  const target = hex(removed);
  const names: string[] = [];
  for (const member of ledger.view().members.values()) {
    if (member.membership === null) continue;
    const entry = ledger.get(member.membership);
    if (entry?.body.kind !== 'membership') continue;
    const certificate = ledger.certificate(entry.body.certificate);
    const issuer = certificate?.body.kind === 'certificate' ? hex(certificate.body.author) : '';
    if (hex(entry.body.author) === target || issuer === target) names.push(member.name);
  }
  return names;
}
