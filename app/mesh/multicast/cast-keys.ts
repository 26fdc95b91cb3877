// Sender keys of others' casts, as a node gets them: verified, opened, handed to the data plane.
import { hex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import { castKeyAad, castKeySigned, type TreeDescription } from '../../wire/messages/tree.ts';
import type { KeysMessage } from './delivery.ts';
import type { CastKey, TreesIo } from './io.ts';
import { castOf, Secrets } from './secrets.ts';
import { treeKey, type Shape } from './shape.ts';

const KEYS_KEPT = 4;

export class CastKeys {
  readonly #io: TreesIo;
  readonly #self: Origin;
  readonly #networkId: Uint8Array;
  readonly #count: (what: string) => void;
  readonly #secrets: Secrets;
  /** Those that the data plane has, by tree. */
  readonly #installed = new Map<string, number[]>();

  constructor(io: TreesIo, self: Origin, networkId: Uint8Array, count: (what: string) => void) {
    this.#io = io;
    this.#self = self;
    this.#networkId = networkId;
    this.#count = count;
    this.#secrets = new Secrets(io);
  }

  /** The key of an epoch that this node subscribes to has not come. */
  lacks(shape: Shape): boolean {
    const { description } = shape;
    return shape.subscribes(this.#self) && !this.#of(description).includes(description.keyId);
  }

  #of(description: TreeDescription): number[] {
    return this.#installed.get(treeKey(description)) ?? [];
  }

  /** Whether the origin says so. */
  verify({ origin, start, tree, keyId, lowest, keyHash, signature }: KeysMessage): boolean {
    const signed = castKeySigned(this.#networkId, { origin, start, tree }, { keyId, lowest, keyHash });
    return this.#io.verify(origin, signed, signature);
  }

  /** Takes the own key out of a verified message. True when it is there now: other stripes of its cast may have waited for it. */
  open(shape: Shape, message: KeysMessage): boolean {
    const { description } = shape;
    const { origin, start, tree, keyId, lowest, keyHash } = message;
    const own = message.keys.find((key) => key.origin === this.#self);
    if (!own || !shape.subscribes(this.#self)) return false;
    const sealed = Uint8Array.from([...message.ephemeral, ...own.sealed]);
    const key = this.#io.openBox(sealed, castKeyAad(this.#networkId, { origin, start, tree }, keyId, this.#self));
    if (!key || hex(this.#io.hash(key)) !== hex(keyHash)) {
      this.#count('sealed');
      return false;
    }
    this.#install(description, this.#secrets.derive(description, { id: keyId, key, lowest }));
    // Nothing was sent under it yet, so it opens all stripes.
    if (lowest === 0) this.#secrets.keep(castOf(description), { id: keyId, key });
    return true;
  }

  /** True when the key of the present epoch is there now, by another stripe of its cast. */
  use(shape: Shape): boolean {
    const key = this.lacks(shape) ? this.#secrets.keyOf(shape.description) : null;
    if (key) this.#install(shape.description, key);
    return key !== null;
  }

  #install(description: TreeDescription, key: CastKey): void {
    this.#io.setCastKey(key);
    const others = this.#of(description).filter((known) => known !== key.id);
    this.#installed.set(treeKey(description), [...others, key.id].slice(-KEYS_KEPT));
  }

  /** A tree has ended; `isLast`: no other stripe of its cast is followed. */
  forget(description: TreeDescription, isLast: boolean): void {
    this.#installed.delete(treeKey(description));
    if (isLast) this.#secrets.forget(castOf(description));
  }
}
