// The grow-only set of a network's records. State is a pure function of the set (view.ts), whatever the order of arrival.
import type { Crypto } from '../../wire/crypto.ts';
import {
  compareBytes,
  RECORD_BYTES_MAX,
  RECORD_HEADS_MAX,
  type RecordBody,
  type RecordKind,
} from '../../wire/record.ts';
import { hex, sameBytes } from '../../wire/text.ts';
import { Entry, Past } from './entry.ts';
import { Hindsight } from './hindsight.ts';
import { identify } from './identified.ts';
import { idOf, Index } from './index-of.ts';
import { judge, type Refusal } from './rules.ts';
import { growView } from './grow.ts';
import { computeView, type Computed, type MemberView, type NetworkView } from './view.ts';

/** Memberships of as many as a network may have, each with three witnesses. */
export const RECORDS_MAX = 65_000;
/** Kept free for what takes rights away: a full ledger must not keep anybody in. */
export const RECORDS_RESERVED = 1_000;
/** Records whose parents have not come yet; the oldest go first. */
export const PENDING_MAX = 1_024;

export type Added =
  | { status: 'added'; entries: Entry[] }
  | { status: 'known' }
  /** Kept until its parents come; these are missing. */
  | { status: 'pending'; missing: Uint8Array[] }
  | { status: 'refused'; reason: Refusal | 'full' };

/** What a new record names first when it cannot name all: what decides about others. */
const WEIGHTY: readonly RecordKind[] = ['removal', 'revocation', 'role', 'membership', 'certificate'];
const weight = ({ body }: Entry): number => (WEIGHTY.includes(body.kind) ? WEIGHTY.indexOf(body.kind) : WEIGHTY.length);

interface Waiting {
  bytes: Uint8Array;
  parents: string[];
}

export class Ledger {
  private readonly entries: Entry[] = [];
  private readonly tips = new Set<string>();
  private readonly waiting = new Map<string, Waiting>();
  readonly index: Index;
  private computed: Computed | null = null;
  /** Records that are not in `computed` yet: those from this index on. */
  private seen = 0;

  constructor(
    readonly crypto: Crypto,
    readonly networkId: Uint8Array,
  ) {
    this.index = new Index(crypto);
  }

  /** Counts up with every record. */
  get revision(): number {
    return this.entries.length;
  }

  /** Checks one record and takes it, with those that waited for it. Signatures are checked last, once. */
  add(bytes: Uint8Array): Added {
    if (bytes.length > RECORD_BYTES_MAX) return { status: 'refused', reason: 'malformed' };
    const said = identify(this.crypto, bytes);
    const { key } = said;
    if (this.index.get(key)) return { status: 'known' };
    if (said.body === null) return { status: 'refused', reason: 'malformed' };
    const { kind } = said.body;
    const room = kind === 'removal' || kind === 'revocation' ? RECORDS_MAX + RECORDS_RESERVED : RECORDS_MAX;
    if (this.entries.length >= room) return { status: 'refused', reason: 'full' };
    if (kind === 'genesis' && this.entries.length > 0) return { status: 'refused', reason: 'other-network' };
    const parents = parentsOf(said.body);
    const missing = parents.filter((parent) => !this.has(parent));
    if (missing.length > 0) {
      this.wait(key, { bytes, parents: missing.map(hex) });
      return { status: 'pending', missing };
    }
    const parentEntries = parents.map((parent) => this.get(parent) as Entry);
    const depth = parentEntries.reduce((deepest, parent) => Math.max(deepest, parent.depth + 1), 0);
    const entry = new Entry(this.entries.length, said, Past.of(parentEntries), depth);
    const reason = judge(this, entry);
    this.waiting.delete(key);
    if (reason) return { status: 'refused', reason };
    this.take(entry, parents);
    const entries = [entry];
    for (const [waitingKey, one] of [...this.waiting]) {
      if (!one.parents.includes(key) || !this.waiting.has(waitingKey)) continue;
      const later = this.add(one.bytes);
      if (later.status === 'added') entries.push(...later.entries);
    }
    return { status: 'added', entries };
  }

  private take(entry: Entry, parents: Uint8Array[]): void {
    this.entries.push(entry);
    this.index.add(entry);
    for (const parent of parents) this.tips.delete(hex(parent));
    this.tips.add(entry.key);
  }

  private wait(key: string, waiting: Waiting): void {
    this.waiting.delete(key);
    const oldest = this.waiting.size >= PENDING_MAX ? this.waiting.keys().next().value : undefined;
    if (oldest !== undefined) this.waiting.delete(oldest);
    this.waiting.set(key, waiting);
  }

  has(hash: Uint8Array): boolean {
    return this.get(hash) !== undefined;
  }

  get(hash: Uint8Array): Entry | undefined {
    return this.index.get(hex(hash));
  }

  /** All records, parents before children. */
  all(): Uint8Array[] {
    return this.since(0);
  }

  /** Those that came at this revision or later. */
  since(revision: number): Uint8Array[] {
    const bytes: Uint8Array[] = [];
    for (let at = revision; at < this.entries.length; at++) bytes.push((this.entries[at] as Entry).bytes);
    return bytes;
  }

  /** What a new record names as seen; sorted, at most RECORD_HEADS_MAX. `also` must be among its ancestors. */
  heads(also: Uint8Array[] = []): Uint8Array[] {
    const tips = this.tipEntries().sort((a, b) => weight(a) - weight(b) || compareBytes(a.hash, b.hash));
    const chosen = new Map(also.map((hash) => [hex(hash), hash]));
    for (const { key, hash } of tips) if (chosen.size < RECORD_HEADS_MAX) chosen.set(key, hash);
    return [...chosen.values()].sort(compareBytes);
  }

  private tipEntries(): Entry[] {
    return [...this.tips].map((key) => this.index.get(key) as Entry);
  }

  /** All present heads, for synchronisation. */
  tipsNow(): Uint8Array[] {
    return this.tipEntries()
      .map(({ hash }) => hash)
      .sort(compareBytes);
  }

  /** Records that somebody with these heads lacks, parents first. Heads unknown here are ignored. */
  lacking(theirs: Uint8Array[]): Uint8Array[] {
    const known = theirs.map((head) => this.get(head)).filter((entry) => entry !== undefined);
    const past = Past.of(known);
    return this.entries.filter((entry) => !past.has(entry)).map(({ bytes }) => bytes);
  }

  /** Heads of theirs that are unknown here: then we lack something. */
  unknown(theirs: Uint8Array[]): Uint8Array[] {
    return theirs.filter((head) => !this.has(head));
  }

  /** What a record made now would look back on. */
  hindsight(): Hindsight {
    return new Hindsight(this.index, Past.of(this.tipEntries()));
  }

  certificate(hash: Uint8Array): Entry | undefined {
    return this.index.certificates.get(hex(hash));
  }

  /** A membership of this id (hex) is among the records, whether or not it counts. */
  heardOf(id: string): boolean {
    return this.index.memberships.has(id);
  }

  /** Id (hex) of who has or had this X25519 key by its membership; null: nobody. */
  idWithKey(noiseKey: Uint8Array): string | null {
    const { genesis, firstOwner, membershipsByNoiseKey } = this.index;
    const last = membershipsByNoiseKey.get(hex(noiseKey)).at(-1);
    if (last) return idOf(last);
    return genesis && sameBytes(genesis.body.noiseKey, noiseKey) ? firstOwner : null;
  }

  /** Whether this member (hex id) was in before that membership was made. */
  establishedBefore(id: string, membership: Entry): boolean {
    return new Hindsight(this.index, membership.past).role(id) !== null;
  }

  witnessesOf(membership: Entry): number {
    return this.index.witnesses.get(membership.key)?.length ?? 0;
  }

  /** More devices used its invite than may. */
  contested(membership: Entry): boolean {
    if (membership.body.kind !== 'membership') return false;
    const certificate = this.index.certificates.get(hex(membership.body.certificate));
    const ids = new Set((this.index.membershipsByCertificate.get(certificate?.key ?? '') ?? []).map(idOf));
    return certificate === undefined || ids.size > certificate.body.uses;
  }

  /** The state that follows from the records; computed when first asked after a change. The same object while nothing changed. */
  view(): NetworkView {
    return this.compute().view;
  }

  /** The state's members, in its order: the same list while it only grows. */
  members(): readonly MemberView[] {
    return this.compute().list;
  }

  private compute(): Computed {
    const { crypto, networkId, index, computed } = this;
    if (this.seen < this.entries.length) {
      const grown = computed && growView(computed, index, this.entries.slice(this.seen));
      this.computed = grown ?? computeView(crypto, networkId, index);
      this.seen = this.entries.length;
    }
    return (this.computed ??= computeView(crypto, networkId, index));
  }
}

function parentsOf(body: RecordBody): Uint8Array[] {
  if (body.kind === 'genesis') return [];
  if (body.kind === 'witness') return [body.membership];
  return body.heads;
}
