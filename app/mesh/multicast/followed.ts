// The trees of others that a node has a part in: how many they may be, and which epochs of them are from before.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeDescription, TreeName } from '../../wire/messages/tree.ts';
import type { Bucket } from '../guard/bucket.ts';
import type { Backups } from './backups.ts';
import type { Delivery } from './delivery.ts';
import type { Farewells } from './farewells.ts';
import { FOLLOWED_MAX, FOLLOWED_NODES_MAX, FOLLOWED_PER_ORIGIN_MAX } from './limits.ts';
import { castOf } from './secrets.ts';
import { isNewer, treeKey, type Shape } from './shape.ts';
import type { Word } from './word.ts';

const ENDED_MAX = 4_096;

/** The part in one tree, by its newest epoch. */
export interface Followed {
  shape: Shape;
  parent: Origin;
  /** To the children. */
  delivery: Delivery;
  /** To the parent. */
  word: Word;
  /** Passes on to its children. */
  feeds: boolean;
  /** Does not want any more what it subscribed to. */
  left: boolean;
  expiresMono: number;
  remindedMono: number;
  /** Of nodes that lost their parent. */
  reports: Bucket;
  backups: Backups;
  farewells: Farewells;
  /** As the data plane has it. */
  config: string;
  /** Its origin has been online since it is followed. */
  seenOnline: boolean;
}

export class FollowedTrees {
  readonly #trees = new Map<string, Followed>();
  /** Where trees ended, the oldest first: nobody brings their old epochs back. */
  readonly #ended = new Map<string, { start: number; epoch: number }>();

  get size(): number {
    return this.#trees.size;
  }

  get(name: { origin: Origin; tree: number }): Followed | undefined {
    return this.#trees.get(treeKey(name));
  }

  all(): IterableIterator<Followed> {
    return this.#trees.values();
  }

  /** All stripes of a cast. */
  ofCast(cast: string): Followed[] {
    return [...this.#trees.values()].filter(({ shape }) => castOf(shape.description) === cast);
  }

  /** Those from before this start of their origin. */
  ofOlderStarts({ origin, start }: TreeDescription): Followed[] {
    return [...this.#trees.values()].filter(
      ({ shape: { description } }) => description.origin === origin && description.start < start,
    );
  }

  /** Takes the place of an earlier epoch. */
  put(tree: Followed): void {
    this.#trees.set(treeKey(tree.shape.description), tree);
  }

  /** `last`: no epoch up to this one brings it back. */
  end({ shape }: Followed, last: number): void {
    const key = treeKey(shape.description);
    this.#trees.delete(key);
    this.#ended.delete(key);
    this.#ended.set(key, { start: shape.description.start, epoch: last });
    if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.keys().next().value as string);
  }

  /** From before what is known of its tree, or of its origin. */
  isOld({ start, epoch, origin, tree }: TreeName): boolean {
    const before = this.get({ origin, tree })?.shape.description;
    if (before?.start === start) return before.epoch !== epoch && !isNewer(epoch, before.epoch);
    const ended = this.#ended.get(treeKey({ origin, tree }));
    if (!before && ended?.start === start && !isNewer(epoch, ended.epoch)) return true;
    // Any tree of a later start of its origin tells that this one is from before.
    for (const { shape } of this.#trees.values())
      if (shape.description.origin === origin && shape.description.start > start) return true;
    return false;
  }

  /** Whether there is room for an epoch, where it takes the place of the `known` one. */
  hasRoom(shape: Shape, known: Followed | undefined): boolean {
    let nodes = shape.description.nodes.length - (known?.shape.description.nodes.length ?? 0);
    let ofOrigin = known ? 0 : 1;
    for (const tree of this.#trees.values()) {
      nodes += tree.shape.description.nodes.length;
      if (tree.shape.description.origin === shape.description.origin) ofOrigin++;
    }
    const count = this.#trees.size + (known ? 0 : 1);
    return count <= FOLLOWED_MAX && ofOrigin <= FOLLOWED_PER_ORIGIN_MAX && nodes <= FOLLOWED_NODES_MAX;
  }
}
