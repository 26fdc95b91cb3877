// Sender keys of others' casts as they came, by whichever stripe: each stripe's own is derived from them.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeDescription } from '../../wire/messages/tree.ts';
import type { CastKey, TreesIo } from './io.ts';
import { unhex } from '../../wire/messages/hex.ts';
import { stripeKey } from './stripe-key.ts';

const KEPT = 4;

interface Secret {
  id: number;
  /** Of the tree that it is named after. */
  lowest: number;
  key: Uint8Array;
}

type Described = Pick<TreeDescription, 'origin' | 'start' | 'tree' | 'keyId' | 'shared'>;

/** The cast that a tree belongs to, as far as keys go. */
export const castOf = ({ origin, start, tree, shared }: Omit<Described, 'keyId'>): string =>
  `${origin} ${start} ${shared?.tree ?? tree}`;

export class Secrets {
  readonly #io: Pick<TreesIo, 'hash'>;
  /** By cast, the oldest first. As many casts as trees are followed. */
  readonly #of = new Map<string, Secret[]>();

  constructor(io: Pick<TreesIo, 'hash'>) {
    this.#io = io;
  }

  keep(cast: string, secret: Secret): void {
    const others = this.#of.get(cast)?.filter(({ id }) => id !== secret.id) ?? [];
    this.#of.set(cast, [...others, secret].slice(-KEPT));
  }

  forget(cast: string): void {
    this.#of.delete(cast);
  }

  /** What opens the casts of an epoch; null: its key has not come. */
  keyOf(description: Described): CastKey | null {
    const { origin, tree, keyId, shared } = description;
    const secret = this.#of.get(castOf(description))?.find(({ id }) => id === keyId);
    if (!secret) return null;
    const { lowest, key } = shared ? { lowest: shared.lowest, key: stripeKey(this.#io, secret.key, tree) } : secret;
    return { origin: unhex(origin as Origin), tree, id: keyId, lowest, key };
  }
}
