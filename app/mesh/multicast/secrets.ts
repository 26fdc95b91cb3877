// Sender keys of others' casts that came before anything was sent under them, by whichever stripe: each stripe's own is derived from them.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeDescription } from '../../wire/messages/tree.ts';
import type { CastKey, TreesIo } from './io.ts';
import { unhex } from '../../wire/messages/hex.ts';
import { stripeKey } from './stripe-key.ts';

const KEPT = 4;

interface Secret {
  id: number;
  key: Uint8Array;
}

type Described = Pick<TreeDescription, 'origin' | 'start' | 'tree' | 'keyId' | 'keyTree'>;

/** The cast that a tree belongs to, as far as keys go. */
export const castOf = ({ origin, start, tree, keyTree }: Omit<Described, 'keyId'>): string =>
  `${origin} ${start} ${keyTree ?? tree}`;

export class Secrets {
  readonly #io: Pick<TreesIo, 'hkdf'>;
  /** By cast, the oldest first. As many casts as trees are followed. */
  readonly #of = new Map<string, Secret[]>();

  constructor(io: Pick<TreesIo, 'hkdf'>) {
    this.#io = io;
  }

  keep(cast: string, secret: Secret): void {
    const others = this.#of.get(cast)?.filter(({ id }) => id !== secret.id) ?? [];
    this.#of.set(cast, [...others, secret].slice(-KEPT));
  }

  forget(cast: string): void {
    this.#of.delete(cast);
  }

  /** What opens the casts of an epoch, of which nothing was sent before; null: it has not come. */
  keyOf(description: Described): CastKey | null {
    const secret = this.#of.get(castOf(description))?.find(({ id }) => id === description.keyId);
    return secret ? this.derive(description, { ...secret, lowest: 0 }) : null;
  }

  /** The tree's own, of the key of its cast. */
  derive({ origin, tree, keyTree }: Described, { id, key, lowest }: Secret & { lowest: number }): CastKey {
    const own = keyTree === undefined ? key : stripeKey(this.#io, key, tree);
    return { origin: unhex(origin as Origin), tree, id, lowest, key: own };
  }
}
