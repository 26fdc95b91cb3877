// The nodes of a growing tree that can take another child, and the best of them for a node, without looking at all of them.

/** Extra delay of a hop, in 0.1 ms: so that trees are flat where all are near. */
export const HOP_COST = 5;
/** Two members of whom at least one's place is not known. */
const UNKNOWN_DELAY = 400;
/** A session that is there already is worth this much delay. */
const SESSION_BONUS = 20;
/** Nodes that are looked at: those heard soonest, and those nearby. */
const SCAN_MAX = 192;
const NEAR_MAX = 64;
/** Edge of a cell in which neighbours are looked for, in 0.1 ms. */
const CELL = 150;

/** The growing tree, by number of node. Number 0 is the origin. */
export interface Growth {
  readonly places: readonly (readonly number[])[];
  readonly known: readonly boolean[];
  /** -1: not in the tree yet (or the origin). */
  readonly parent: Int32Array;
  readonly delay: Float64Array;
  readonly depth: Int32Array;
  readonly used: Int32Array;
  readonly limit: Int32Array;
  /** Nodes with whom there is a session, by node. */
  readonly linked: readonly (readonly number[])[];
  readonly barred: (parent: number, child: number) => boolean;
}

export function delayBetween(growth: Growth, a: number, b: number): number {
  if (!growth.known[a] || !growth.known[b]) return UNKNOWN_DELAY;
  const [ax, ay, az, ah] = growth.places[a] as [number, number, number, number];
  const [bx, by, bz, bh] = growth.places[b] as [number, number, number, number];
  return Math.sqrt((ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2) + ah + bh;
}

const cellOf = (place: readonly number[], dx = 0, dy = 0, dz = 0): number =>
  ((Math.floor((place[0] as number) / CELL) + dx + 1024) * 2048 + Math.floor((place[1] as number) / CELL) + dy + 1024) *
    2048 +
  Math.floor((place[2] as number) / CELL) +
  dz +
  1024;

export interface Choice {
  parent: number;
  /** Delay from the origin by this parent, without the bonus for a session. */
  delay: number;
}

export class Openings {
  readonly #growth: Growth;
  /** By delay, then number. Full ones are taken out now and then. */
  #list: number[] = [];
  #full = 0;
  readonly #listed: Uint8Array;
  readonly #cells = new Map<number, number[]>();

  constructor(growth: Growth) {
    this.#growth = growth;
    this.#listed = new Uint8Array(growth.places.length);
  }

  isOpen(node: number): boolean {
    return (this.#growth.used[node] as number) < (this.#growth.limit[node] as number);
  }

  /** A node in the tree that has room, or has room again. */
  add(node: number): void {
    if (!this.isOpen(node) || this.#listed[node] === 1) return;
    this.#listed[node] = 1;
    const { delay, places, known } = this.#growth;
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#list[middle] as number;
      const before = (delay[other] as number) - (delay[node] as number) || other - node;
      if (before < 0) low = middle + 1;
      else high = middle;
    }
    this.#list.splice(low, 0, node);
    if (!known[node]) return;
    const cell = cellOf(places[node] as readonly number[]);
    const there = this.#cells.get(cell);
    if (!there) this.#cells.set(cell, [node]);
    else if (!there.includes(node)) there.push(node);
  }

  /** A node that is in the tree no more, or will be elsewhere in it. */
  remove(node: number): void {
    if (this.#listed[node] === 0) return;
    this.#listed[node] = 0;
    this.#list.splice(this.#list.indexOf(node), 1);
    const cell = this.#cells.get(cellOf(this.#growth.places[node] as readonly number[]));
    const at = cell?.indexOf(node) ?? -1;
    if (at >= 0) cell?.splice(at, 1);
  }

  /** A child was added to it. */
  filled(node: number): void {
    if (this.isOpen(node) || ++this.#full * 2 < this.#list.length) return;
    const open: number[] = [];
    for (const other of this.#list) {
      if (this.isOpen(other)) open.push(other);
      else this.#listed[other] = 0;
    }
    this.#list = open;
    this.#full = 0;
  }

  /** null: nobody has room within `depthMax`. `height`: levels below the node that come with it. */
  best(node: number, height: number, depthMax: number): Choice | null {
    const growth = this.#growth;
    let found = -1;
    let lowest = Infinity;
    const consider = (candidate: number, bonus: number): void => {
      if (candidate === node || (growth.depth[candidate] as number) + 1 + height > depthMax) return;
      const cost = (growth.delay[candidate] as number) + HOP_COST + delayBetween(growth, candidate, node) - bonus;
      if (cost < lowest && !growth.barred(candidate, node)) {
        lowest = cost;
        found = candidate;
      }
    };
    for (const other of growth.linked[node] as readonly number[])
      if (this.#inTree(other) && this.isOpen(other)) consider(other, SESSION_BONUS);
    this.#near(node, consider);
    let looked = 0;
    for (const candidate of this.#list) {
      // The list rises: nobody further on can be better.
      if ((growth.delay[candidate] as number) + HOP_COST >= lowest) break;
      if (!this.isOpen(candidate)) continue;
      consider(candidate, 0);
      if (++looked >= SCAN_MAX && found >= 0) break;
    }
    if (found < 0) return null;
    return { parent: found, delay: (growth.delay[found] as number) + HOP_COST + delayBetween(growth, found, node) };
  }

  #inTree(node: number): boolean {
    return node === 0 || this.#growth.parent[node] !== -1;
  }

  #near(node: number, consider: (candidate: number, bonus: number) => void): void {
    if (!this.#growth.known[node]) return;
    const place = this.#growth.places[node] as readonly number[];
    let looked = 0;
    for (let turn = 0; turn < 27; turn++) {
      // The own cell first, then those around it.
      const step = (turn + 13) % 27;
      const there = this.#cells.get(
        cellOf(place, (step % 3) - 1, (Math.floor(step / 3) % 3) - 1, Math.floor(step / 9) - 1),
      );
      for (const candidate of there ?? []) {
        if (!this.isOpen(candidate)) continue;
        consider(candidate, 0);
        if (++looked >= NEAR_MAX) return;
      }
    }
  }
}
