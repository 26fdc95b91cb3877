// Offers as they come in: put together from their parts, bounded for each origin and sender, differences applied.
import type { Origin } from '../../wire/messages/presence.ts';
import { decodeOffer, type TreeDescription, type TreeMessage } from '../../wire/messages/tree.ts';
import { Bucket } from '../guard/bucket.ts';
import { OFFERS_BURST, OFFERS_PER_SECOND, PARTIALS_MAX } from './limits.ts';
import { applyDelta } from './shape.ts';

export type OfferMessage = Extract<TreeMessage, { type: 'treeOffer' }>;

/** Origins whose offers are counted at a time; beyond, the oldest begins anew. */
const ORIGINS_MAX = 4_096;

export interface Taken {
  description: TreeDescription;
  /** Not verified yet. */
  signature: Uint8Array;
  /** The differences as they came, to be passed on. */
  delta: Uint8Array | null;
}

interface Partial {
  name: string;
  pieces: Uint8Array[];
}

export class Offers {
  /** By sender: its stream is in order, so one at a time. */
  readonly #partials = new Map<Origin, Partial>();
  readonly #buckets = new Map<Origin, Bucket>();
  readonly #count: (what: string) => void;

  constructor(count: (what: string) => void) {
    this.#count = count;
  }

  /** Whether another signature of that origin is looked at. */
  allowed(nowMono: number, origin: Origin): boolean {
    let bucket = this.#buckets.get(origin);
    if (!bucket) {
      bucket = new Bucket(OFFERS_BURST, OFFERS_PER_SECOND, nowMono);
      this.#buckets.set(origin, bucket);
      if (this.#buckets.size > ORIGINS_MAX) this.#buckets.delete(this.#buckets.keys().next().value as Origin);
    }
    return bucket.take(nowMono);
  }

  /** `more`: parts are missing. `want`: its base is not `known`. */
  take(
    nowMono: number,
    from: Origin,
    message: OfferMessage,
    known: TreeDescription | undefined,
  ): Taken | 'more' | 'limited' | 'bad' | 'want' {
    const bytes = this.#whole(from, message);
    if (bytes === 'more') return 'more';
    if (!this.allowed(nowMono, message.origin)) return 'limited';
    const offer = decodeOffer(bytes);
    if (!offer) return 'bad';
    const head = offer.form === 'full' ? offer.description : offer.head;
    const same = (['origin', 'start', 'tree', 'epoch'] as const).every((part) => head[part] === message[part]);
    if (!same) return 'bad';
    const { signature } = offer;
    if (offer.form === 'full') return { description: offer.description, signature, delta: null };
    if (known?.start !== head.start || known.epoch !== offer.base) return 'want';
    const description = applyDelta(known, offer);
    return description ? { description, signature, delta: bytes } : 'bad';
  }

  #lost(from: Origin): 'more' {
    this.#partials.delete(from);
    this.#count('cut-off');
    return 'more';
  }

  #whole(from: Origin, { origin, start, tree, epoch, part, parts, bytes }: OfferMessage): Uint8Array | 'more' {
    if (parts === 1) return bytes;
    const name = `${origin} ${start} ${tree} ${epoch} ${parts}`;
    const partial = part === 0 ? { name, pieces: [] } : this.#partials.get(from);
    // Its beginning was not taken, or went with an earlier session.
    if (partial?.name !== name || partial.pieces.length !== part) return this.#lost(from);
    partial.pieces.push(bytes);
    if (part < parts - 1) {
      if (!this.#partials.has(from) && this.#partials.size >= PARTIALS_MAX) this.#count('limited');
      else this.#partials.set(from, partial);
      return 'more';
    }
    this.#partials.delete(from);
    const whole = new Uint8Array(partial.pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of partial.pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** Its session is gone: what was under way does not come. */
  forget(from: Origin): void {
    this.#partials.delete(from);
  }
}
