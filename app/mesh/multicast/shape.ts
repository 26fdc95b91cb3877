// The shape of a described tree: who is below whom, how deep, and who stands in for a parent. All by rule, so that everybody derives the same.
import {
  NODE_ADOPTS,
  NODE_SUBSCRIBES,
  ROOT,
  type Offer,
  type TreeDescription,
  type TreeNode,
} from '../../wire/messages/tree.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import { ADOPTABLE_MAX, AUNTS_MAX, BACKUPS_MAX, CHILDREN_MAX, DEPTH_MAX, HEIRS_MAX } from './limits.ts';

/** Depths that a reader accepts: more than any plan makes. */
const DEPTH_ACCEPTED_MAX = 4 * DEPTH_MAX;

export class Shape {
  readonly description: TreeDescription;
  readonly #places = new Map<Origin, number>();
  /** By place; the last one is the origin's. */
  readonly #children: number[][];
  readonly #depths: Uint8Array;
  readonly depth: number;
  readonly degree: number;

  private constructor(description: TreeDescription, children: number[][], depths: Uint8Array) {
    this.description = description;
    this.#children = children;
    this.#depths = depths;
    description.nodes.forEach(({ origin }, place) => this.#places.set(origin, place));
    this.depth = depths.reduce((most, depth) => Math.max(most, depth), 0);
    this.degree = children.reduce((most, list) => Math.max(most, list.length), 0);
  }

  /** null: no tree of the origin, or one with too many children or hops. */
  static of(description: TreeDescription): Shape | null {
    const { nodes } = description;
    const children: number[][] = Array.from({ length: nodes.length + 1 }, () => []);
    for (const [place, { parent }] of nodes.entries()) {
      const siblings = children[parent === ROOT ? nodes.length : parent];
      if (!siblings || siblings.length >= CHILDREN_MAX) return null;
      siblings.push(place);
    }
    const depths = new Uint8Array(nodes.length);
    let reached = 0;
    let level = children[nodes.length] as number[];
    for (let depth = 1; level.length > 0; depth++) {
      if (depth > DEPTH_ACCEPTED_MAX) return null;
      for (const place of level) depths[place] = depth;
      reached += level.length;
      level = level.flatMap((place) => children[place] as number[]);
    }
    return reached === nodes.length ? new Shape(description, children, depths) : null;
  }

  /** Undefined: not in the tree. The origin itself is in place `nodes.length`. */
  placeOf(origin: Origin): number | undefined {
    return origin === this.description.origin ? this.description.nodes.length : this.#places.get(origin);
  }

  node(origin: Origin): TreeNode | undefined {
    const place = this.#places.get(origin);
    return place === undefined ? undefined : this.description.nodes[place];
  }

  subscribes(origin: Origin): boolean {
    return ((this.node(origin)?.flags ?? 0) & NODE_SUBSCRIBES) !== 0;
  }

  depthOf(origin: Origin): number {
    const place = this.#places.get(origin);
    return place === undefined ? 0 : (this.#depths[place] as number);
  }

  #name(place: number): Origin {
    return this.description.nodes[place]?.origin ?? this.description.origin;
  }

  #parent(place: number): number {
    const parent = this.description.nodes[place]?.parent ?? ROOT;
    return parent === ROOT ? this.description.nodes.length : parent;
  }

  parentOf(origin: Origin): Origin | undefined {
    const place = this.#places.get(origin);
    return place === undefined ? undefined : this.#name(this.#parent(place));
  }

  childrenOf(origin: Origin): Origin[] {
    const place = this.placeOf(origin);
    return place === undefined ? [] : (this.#children[place] as number[]).map((child) => this.#name(child));
  }

  /** A node and all below it. */
  subtree(origin: Origin): Origin[] {
    const start = this.placeOf(origin);
    if (start === undefined) return [];
    const found = [start];
    for (let next = 0; next < found.length; next++) found.push(...(this.#children[found[next] as number] as number[]));
    return found.map((place) => this.#name(place));
  }

  /**
   * Whom a node asks when its parent is silent: the first child of a parent the grandparent, which has room now, the others one of the parent's
   * siblings, each another one; then the other of both, more siblings, the grandparent's parent; at last the origin. Children of the origin ask
   * each other. Below the only child of the origin a few ask the origin, and the others these few: an origin with one child has no room for all
   * of its grandchildren. Only those that can take on more.
   */
  backupsOf(origin: Origin): Origin[] {
    const place = this.#places.get(origin);
    return place === undefined ? [] : this.#backups(place).map((backup) => this.#name(backup));
  }

  #backups(place: number): number[] {
    const root = this.description.nodes.length;
    const parent = this.#parent(place);
    const grandparent = parent === root ? root : this.#parent(parent);
    const aunts = (this.#children[grandparent] as number[]).filter(
      (aunt) => aunt !== parent && aunt !== place && this.#adopts(aunt),
    );
    const turn = (this.#children[parent] as number[]).indexOf(place);
    // The origin always can: without it there is nothing to send.
    const up = parent !== root && (grandparent === root || this.#adopts(grandparent)) ? [grandparent] : [];
    const aunted = parent === root ? BACKUPS_MAX : AUNTS_MAX;
    if (grandparent === root && parent !== root && aunts.length === 0) return this.#heirs(place, parent, turn);
    const list: number[] = [];
    for (let step = 0; step < aunts.length && list.length < aunted; step++)
      list.push(aunts[(step + turn) % aunts.length] as number);
    // A dead parent leaves one place at the grandparent.
    list.splice(turn === 0 ? 0 : 1, 0, ...up);
    if (grandparent === root) return list;
    const above = this.#parent(grandparent);
    if (above !== root && this.#adopts(above)) list.push(above);
    return [...list, root];
  }

  /** Of a child of the origin's only child. */
  #heirs(place: number, parent: number, turn: number): number[] {
    const root = this.description.nodes.length;
    const heirs = (this.#children[parent] as number[]).filter((child) => this.#adopts(child)).slice(0, HEIRS_MAX);
    if (heirs.includes(place)) return [root];
    return [...heirs.map((_, step) => heirs[(step + turn) % heirs.length] as number), root];
  }

  #adopts(place: number): boolean {
    return ((this.description.nodes[place] as TreeNode).flags & NODE_ADOPTS) !== 0;
  }

  /** Whose backup a node is. */
  adoptableOf(origin: Origin): Origin[] {
    const place = this.placeOf(origin);
    if (place === undefined) return [];
    const root = this.description.nodes.length;
    const below = (parents: readonly number[]): number[] =>
      parents.flatMap((parent) => this.#children[parent] as number[]);
    // All but its children: what they have in it is a parent.
    if (place === root) return this.description.nodes.flatMap((node) => (node.parent === ROOT ? [] : [node.origin]));
    const grandchildren = below(this.#children[place] as number[]);
    const siblings = (this.#children[this.#parent(place)] as number[]).filter((sibling) => sibling !== place);
    const asked = [...grandchildren, ...below(siblings), ...below(grandchildren)];
    const parent = this.#parent(place);
    if (parent === root || this.#parent(parent) === root) asked.push(...siblings);
    const found: Origin[] = [];
    for (const other of asked)
      if (found.length < ADOPTABLE_MAX && this.#backups(other).includes(place)) found.push(this.#name(other));
    return found;
  }
}

/** Names a tree, whatever its start and epoch. */
export const treeKey = ({ origin, tree }: { origin: Origin; tree: number }): string => `${origin} ${tree}`;

/** 1 … 32,767 steps ahead on the circle of u16. */
export const isNewer = (epoch: number, than: number): boolean => {
  const ahead = (epoch - than) & 0xffff;
  return ahead > 0 && ahead < 0x8000;
};

/** What leads from one description to another of the same tree. */
export function difference(
  from: TreeDescription,
  to: TreeDescription,
): Pick<Extract<Offer, { form: 'delta' }>, 'gone' | 'set'> {
  const parentName = ({ nodes, origin }: TreeDescription, { parent }: TreeNode): Origin =>
    nodes[parent]?.origin ?? origin;
  const before = new Map(from.nodes.map((node) => [node.origin, node]));
  const after = new Set(to.nodes.map(({ origin }) => origin));
  const gone = from.nodes.flatMap(({ origin }, place) => (after.has(origin) ? [] : [place]));
  const set = to.nodes.flatMap((node) => {
    const old = before.get(node.origin);
    const parent = parentName(to, node);
    return old?.flags === node.flags && parentName(from, old) === parent
      ? []
      : [{ origin: node.origin, parent, flags: node.flags }];
  });
  return { gone, set };
}

/** null: the differences do not fit the base. The result may still be no tree, and its signature is to be checked. */
export function applyDelta(base: TreeDescription, delta: Extract<Offer, { form: 'delta' }>): TreeDescription | null {
  const { origin } = delta.head;
  const gone = new Set(delta.gone);
  if (delta.gone.some((place) => place >= base.nodes.length)) return null;
  const nodes = new Map<Origin, { parent: Origin; flags: number }>();
  for (const [place, node] of base.nodes.entries())
    if (!gone.has(place))
      nodes.set(node.origin, { parent: base.nodes[node.parent]?.origin ?? origin, flags: node.flags });
  for (const { origin: name, parent, flags } of delta.set) nodes.set(name, { parent, flags });
  return describe(delta.head, nodes);
}

/** In canonical order. null: a parent is missing, or too many nodes. */
export function describe(
  head: Omit<TreeDescription, 'nodes'>,
  nodes: ReadonlyMap<Origin, { parent: Origin; flags: number }>,
): TreeDescription | null {
  const names = [...nodes.keys()].sort();
  if (names.length >= ROOT || nodes.has(head.origin)) return null;
  const places = new Map(names.map((name, place) => [name, place]));
  places.set(head.origin, ROOT);
  const list: TreeNode[] = [];
  for (const name of names) {
    const { parent, flags } = nodes.get(name) as { parent: Origin; flags: number };
    const place = places.get(parent);
    if (place === undefined || parent === name) return null;
    list.push({ origin: name, parent: place, flags });
  }
  return { ...head, nodes: list };
}
