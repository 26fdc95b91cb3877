// Who gets what when several want the same: deferred acceptance with "the earlier keeps it".
import { compareBytes } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import type { Entry, EntryOf } from './entry.ts';
import { byDepth, idOf, type Index } from './index-of.ts';

export const WITNESSES_MAX = 3;

/** Strength of a claim between records that did not know of each other. */
export interface Weight {
  /** Members who saw it at once, at most three count. */
  witnesses: number;
  /** Hash of what its sponsor drew: nothing the claimant chose. */
  draw: Uint8Array;
}

export interface Claim {
  entry: Entry;
  /** Asked for only where it decides: most claims meet no other. */
  weight(): Weight;
}

/** What memberships weigh, by those of their witnesses that count. One for all claims: there are thousands. */
export class Weighing {
  readonly #counts: (witness: Entry) => boolean;

  constructor(
    readonly index: Index,
    counts: (witness: Entry) => boolean,
  ) {
    this.#counts = counts;
  }

  of(entry: EntryOf<'membership' | 'genesis'>): Weight {
    const draw = this.index.draw(entry);
    if (entry.body.kind === 'genesis') return { witnesses: WITNESSES_MAX, draw };
    const authors = new Set<string>();
    for (const witness of this.index.witnesses.get(entry.key) ?? [])
      if (this.#counts(witness)) authors.add(hex(witness.body.author));
    return { witnesses: Math.min(authors.size, WITNESSES_MAX), draw };
  }
}

/** Records whose weight decided something, or may have: one more witness to them can change the state. */
export type Weighed = Set<Entry>;

/** Whether `a` stands against `b`: the causally earlier does; of concurrent ones the better witnessed, then the draw. */
export function stands(a: Claim, b: Claim, weighed?: Weighed): boolean {
  if (b.entry.past.has(a.entry)) return true;
  if (a.entry.past.has(b.entry)) return false;
  weighed?.add(a.entry).add(b.entry);
  const [first, second] = [a.weight(), b.weight()];
  if (first.witnesses !== second.witnesses) return first.witnesses > second.witnesses;
  return compareBytes(first.draw, second.draw) < 0;
}

/** The same order on every replica. */
export function inOrder<C extends Claim>(claims: readonly C[]): C[] {
  return [...claims].sort((a, b) => byDepth(a.entry, b.entry));
}

/** The first `places` of the claims when each round takes the strongest of those that no remaining one precedes. */
export function winners<C extends Claim>(claims: readonly C[], places: number, weighed?: Weighed): C[] {
  const left = inOrder(claims);
  if (left.length <= places) return left;
  for (const { entry } of left) weighed?.add(entry);
  // Ancestors come first in this order.
  const waitsFor = left.map((one, at) => left.slice(0, at).filter((other) => one.entry.past.has(other.entry)).length);
  const won: C[] = [];
  while (won.length < places) {
    let best = -1;
    for (let at = 0; at < left.length; at++)
      if (waitsFor[at] === 0 && (best < 0 || stands(left[at] as C, left[best] as C))) best = at;
    const winner = left[best] as C;
    won.push(winner);
    waitsFor[best] = -1;
    for (let at = best + 1; at < left.length; at++)
      if ((left[at] as C).entry.past.has(winner.entry)) waitsFor[at] = (waitsFor[at] as number) - 1;
  }
  return won;
}

/** What claims hold: each moves along its own row of wishes (`wish(claim, 0)`, `wish(claim, 1)` …) until it holds a place. */
export class Places<C extends Claim, P extends string | number = string> {
  readonly #holders = new Map<P, C>();
  /** The last one in the order of claims. */
  #last: C | undefined;

  constructor(
    private readonly wish: (claim: C, attempt: number) => P,
    private readonly attemptsMax: number,
    private readonly weighed?: Weighed,
  ) {}

  settle(claims: readonly C[]): this {
    const attempts = new Map<C, number>();
    const queue = inOrder(claims).reverse();
    this.#last = queue[0];
    for (let claim = queue.pop(); claim; claim = queue.pop()) {
      const attempt = attempts.get(claim) ?? 0;
      if (attempt >= this.attemptsMax) continue;
      attempts.set(claim, attempt + 1);
      const place = this.wish(claim, attempt);
      const holder = this.#holders.get(place);
      if (!holder || stands(claim, holder, this.weighed)) {
        this.#holders.set(place, claim);
        if (holder) queue.push(holder);
      } else queue.push(claim);
    }
    return this;
  }

  /**
   * A claim made after all others were settled. Answers with its place, with undefined where none is left, or with null: others might have
   * to move, so all are to be settled anew.
   */
  add(claim: C): P | undefined | null {
    const last = this.#last === undefined || byDepth(this.#last.entry, claim.entry) < 0;
    if (last) this.#last = claim;
    for (let attempt = 0; attempt < this.attemptsMax; attempt++) {
      const place = this.wish(claim, attempt);
      const holder = this.#holders.get(place);
      if (!holder) {
        this.#holders.set(place, claim);
        return place;
      }
      if (!last || !claim.entry.past.has(holder.entry)) return null;
    }
    return undefined;
  }

  /** The place of each claim that has one. */
  held(): Map<C, P> {
    return new Map([...this.#holders].map(([place, claim]) => [claim, place]));
  }
}

export class MemberClaim implements Claim {
  constructor(
    readonly entry: EntryOf<'membership'>,
    private readonly weighing: Weighing,
  ) {}

  get id(): string {
    return idOf(this.entry);
  }

  weight(): Weight {
    return this.weighing.of(this.entry);
  }
}

/** Several sponsors may have accepted the same device: it uses one place, by its strongest record. */
export function strongest(
  index: Index,
  entries: readonly EntryOf<'membership'>[],
  counts: (witness: Entry) => boolean,
  weighed?: Weighed,
): MemberClaim[] {
  const weighing = new Weighing(index, counts);
  const claims = entries.map((entry) => new MemberClaim(entry, weighing));
  const byId = new Map<string, MemberClaim>();
  for (const claim of inOrder(claims)) {
    const known = byId.get(claim.id);
    if (!known || winners([known, claim], 1, weighed)[0] === claim) byId.set(claim.id, claim);
  }
  return [...byId.values()];
}
