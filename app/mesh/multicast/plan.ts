// One tree: every receiver below the origin, no node with more children than it can feed, little delay, few edges changed since last time.
import type { Origin } from '../../wire/messages/presence.ts';
import { DEPTH_MAX, RELAYS_MAX } from './limits.ts';
import { delayBetween, HOP_COST, Openings, type Choice, type Growth } from './openings.ts';
import { slotsOf, spareKBps, type PlanInput, type PlanNode, type PlannedTree, type Slots } from './plan-types.ts';

/** Edges changed per plan only because others are better by now: this many, and this share of all. */
const IMPROVED_MAX = 4;
const IMPROVED_OF_ALL = 1 / 64;
/** Nodes that are looked at for a place that another has. */
const DISPLACING_MAX = 128;
/** … by this much, in 0.1 ms, and by this share. */
const IMPROVED_BY = 50;
const IMPROVED_SHARE = 0.1;

/** A place nearer to the origin is worth that somebody else moves, 0.1 ms. */
const DISPLACED_BY = 20;

/** The tree of a stream that one copy per edge carries. Deterministic: the same input gives the same tree, whatever its order. */
export function planTree(input: PlanInput): PlannedTree {
  const slots = (node: PlanNode, isOrigin: boolean): Slots => slotsOf(node, isOrigin, input.rateKBps);
  const alone = growTree(input, input.receivers, slots);
  if (alone.unserved.length === 0 || input.relays.length === 0) return alone;
  const helped = growTree(input, [...input.receivers, ...chosenRelays(input)], slots);
  return helped.unserved.length < alone.unserved.length ? helped : alone;
}

/** Those with most to give, the nearest first among equals; those of the plan before whatever they give. */
export function chosenRelays({ relays, previous }: PlanInput): PlanNode[] {
  const kept = (node: PlanNode): number => (previous?.has(node.origin) ? 1 : 0);
  const given = (node: PlanNode): number => Math.min(spareKBps(node, false), 1e9);
  return [...relays]
    .filter((node) => !node.leaf)
    .sort((a, b) => kept(b) - kept(a) || given(b) - given(a) || byName(a, b))
    .slice(0, RELAYS_MAX);
}

const byName = (a: PlanNode, b: PlanNode): number => (a.origin < b.origin ? -1 : a.origin > b.origin ? 1 : 0);

/** `slots`: what each node may send in this tree. Nodes that are no receivers are left out where nobody needs them. */
export function growTree(
  input: PlanInput,
  members: readonly PlanNode[],
  slots: (node: PlanNode, isOrigin: boolean) => Slots,
): PlannedTree {
  return new Grower(input, members, slots).grow();
}

/** Where a node goes: whose place it takes (-1: nobody's), and what that costs the other, in 0.1 ms. */
interface Place extends Choice {
  leaf: number;
  cost: number;
}

/** Levels below a node, and how many they are with it. */
interface Below {
  levels: number;
  weight: number;
}

class Grower {
  readonly #input: PlanInput;
  readonly #nodes: PlanNode[];
  readonly #numbers: Map<Origin, number>;
  readonly #slots: Slots[];
  readonly #growth: Growth;
  readonly #openings: Openings;
  readonly #children: number[][];
  readonly #receives: ReadonlySet<Origin>;

  constructor(input: PlanInput, members: readonly PlanNode[], slots: (node: PlanNode, isOrigin: boolean) => Slots) {
    this.#input = input;
    this.#nodes = [input.origin, ...[...members].sort(byName)];
    this.#numbers = new Map(this.#nodes.map(({ origin }, number) => [origin, number]));
    this.#slots = this.#nodes.map((node, number) => slots(node, number === 0));
    this.#children = this.#nodes.map(() => []);
    this.#receives = new Set(input.receivers.map(({ origin }) => origin));
    const count = this.#nodes.length;
    const name = (number: number): Origin => (this.#nodes[number] as PlanNode).origin;
    this.#growth = {
      places: this.#nodes.map(({ place }) => place),
      known: this.#nodes.map(({ place }) => place.some((part) => part !== 0)),
      parent: new Int32Array(count).fill(-1),
      delay: new Float64Array(count),
      depth: new Int32Array(count),
      used: new Int32Array(count),
      limit: Int32Array.from(this.#slots, ({ soft }) => soft),
      linked: this.#links(),
      barred: (parent, child) => input.barred(name(parent), name(child)),
    };
    this.#openings = new Openings(this.#growth);
  }

  /** What either end says of sessions. */
  #links(): number[][] {
    const links = this.#nodes.map((): Set<number> => new Set());
    for (const [number, { sessions }] of this.#nodes.entries())
      for (const other of sessions) {
        const at = this.#numbers.get(other);
        if (at === undefined || at === number) continue;
        links[number]?.add(at);
        links[at]?.add(number);
      }
    return links.map((set) => [...set].sort((a, b) => a - b));
  }

  grow(): PlannedTree {
    this.#keep();
    let left = this.#attachAll(this.#loose());
    if (left.length > 0) {
      this.#limit('hard');
      left = this.#attachAll(left.flatMap((number) => this.#fragment(number)));
      // What is only better is no reason to fill anybody up.
      this.#limit('soft');
    }
    if (this.#input.previous) this.#improve();
    this.#prune();
    return this.#result();
  }

  #limit(to: keyof Slots): void {
    this.#slots.forEach((slots, number) => (this.#growth.limit[number] = slots[to]));
    this.#nodes.forEach((_, number) => this.#inTree(number) && this.#openings.add(number));
  }

  #inTree(number: number): boolean {
    return number === 0 || this.#growth.parent[number] !== -1;
  }

  #attach(number: number, parent: number): void {
    const [growth, children, openings] = [this.#growth, this.#children, this.#openings];
    growth.parent[number] = parent;
    growth.delay[number] = (growth.delay[parent] as number) + HOP_COST + delayBetween(growth, parent, number);
    growth.depth[number] = (growth.depth[parent] as number) + 1;
    growth.used[parent] = (growth.used[parent] as number) + 1;
    children[parent]?.push(number);
    openings.filled(parent);
    openings.add(number);
  }

  // ---- what stays ------------------------------------------------------------------------------------------------------------

  /** By node: those below it in the plan before, where that edge may be used again. */
  #before: number[][] = [];
  #beforeParent = new Int32Array(0);

  #keep(): void {
    const { previous } = this.#input;
    this.#before = this.#nodes.map(() => []);
    this.#beforeParent = new Int32Array(this.#nodes.length).fill(-1);
    this.#openings.add(0);
    if (!previous) return;
    for (let number = 1; number < this.#nodes.length; number++) {
      const name = previous.get((this.#nodes[number] as PlanNode).origin);
      const parent = name === undefined ? undefined : this.#numbers.get(name);
      if (parent === undefined || this.#growth.barred(parent, number)) continue;
      if ((this.#before[parent] as number[]).length >= (this.#slots[parent] as Slots).hard) continue;
      (this.#before[parent] as number[]).push(number);
      this.#beforeParent[number] = parent;
    }
    this.#attachBelow(0);
  }

  /** Those who were below it, and below those. */
  #attachBelow(top: number): void {
    const queue = [top];
    for (let next = 0; next < queue.length; next++) {
      const parent = queue[next] as number;
      for (const child of this.#before[parent] as number[]) {
        if (this.#inTree(child) || (this.#growth.depth[parent] as number) >= DEPTH_MAX) continue;
        if ((this.#growth.used[parent] as number) >= (this.#slots[parent] as Slots).hard) continue;
        this.#attach(child, parent);
        queue.push(child);
      }
    }
  }

  // ---- what is new -----------------------------------------------------------------------------------------------------------

  /** Nodes outside of the tree that are to be attached, each with those who stay below it. */
  #loose(): number[] {
    const loose: number[] = [];
    for (let number = 1; number < this.#nodes.length; number++) {
      if (this.#inTree(number)) continue;
      const parent = this.#beforeParent[number] as number;
      if (parent === -1 || this.#inTree(parent)) loose.push(number);
    }
    return loose;
  }

  #fragment(top: number): number[] {
    const found = [top];
    for (let next = 0; next < found.length; next++)
      for (const child of this.#before[found[next] as number] as number[]) if (!this.#inTree(child)) found.push(child);
    return found;
  }

  #heightOf(top: number): number {
    let height = 0;
    let level = [top];
    for (;;) {
      level = level.flatMap((number) => (this.#before[number] as number[]).filter((child) => !this.#inTree(child)));
      if (level.length === 0 || height > DEPTH_MAX) return height;
      height++;
    }
  }

  /** Who passes on goes first, the near before the far. Gives back those for whom there was no room. */
  #attachAll(loose: readonly number[]): number[] {
    const hard = (number: number): number => (this.#slots[number] as Slots).hard;
    const far = new Map(loose.map((number) => [number, delayBetween(this.#growth, 0, number)]));
    // With equal distances those who can feed more make the tree flatter.
    const order = [...loose].sort(
      (a, b) =>
        Number(hard(b) > 0) - Number(hard(a) > 0) ||
        (far.get(a) as number) - (far.get(b) as number) ||
        hard(b) - hard(a) ||
        a - b,
    );
    const left: number[] = [];
    for (let next = 0; next < order.length; next++) {
      const number = order[next] as number;
      if (this.#inTree(number)) continue;
      const height = this.#heightOf(number);
      const place = this.#place(number, height, height > 0 ? this.#fragment(number).length : 1);
      if (place) {
        if (place.leaf !== -1) {
          this.#detach(place.leaf);
          order.push(place.leaf);
        }
        this.#attach(number, place.parent);
        this.#attachBelow(number);
      } else if (height > 0) {
        // Too deep as a whole: piece by piece.
        const pieces = this.#before[number] as number[];
        this.#before[number] = [];
        order.push(number, ...pieces.filter((piece) => !this.#inTree(piece)));
      } else left.push(number);
    }
    return left;
  }

  /**
   * Who feeds others may take the place of somebody who feeds nobody and is nearer to the origin: so the place of a relay that died goes to one
   * of those below it, instead of each of them to the end of another branch.
   */
  #place(number: number, height: number, weight: number): Place | null {
    const growth = this.#growth;
    const open = this.#openings.best(number, height, DEPTH_MAX);
    if (weight < 2) return open && { ...open, leaf: -1, cost: 0 };
    let [parent, delay] = [-1, open ? open.delay - DISPLACED_BY : Infinity];
    for (let other = 0; other < this.#nodes.length; other++) {
      const from = (growth.delay[other] as number) + HOP_COST;
      if (from >= delay || growth.used[other] === 0 || this.#openings.isOpen(other)) continue;
      if ((growth.depth[other] as number) + 1 + height > DEPTH_MAX || this.#isBelow(other, number)) continue;
      const by = from + delayBetween(growth, other, number);
      if (by >= delay || growth.barred(other, number) || this.#leafOf(other, number) === -1) continue;
      [parent, delay] = [other, by];
    }
    if (parent === -1) return open && { ...open, leaf: -1, cost: 0 };
    const leaf = this.#leafOf(parent, number);
    const elsewhere = this.#openings.best(leaf, 0, DEPTH_MAX);
    const cost = (elsewhere?.delay ?? Infinity) - (growth.delay[leaf] as number);
    if (open && cost >= weight * (open.delay - delay)) return { ...open, leaf: -1, cost: 0 };
    return { parent, delay, leaf, cost };
  }

  /** Of those that feed nobody, the one that hears last; -1: none. */
  #leafOf(parent: number, but: number): number {
    let [found, latest] = [-1, -1];
    for (const child of this.#children[parent] as number[]) {
      if (child === but || (this.#children[child] as number[]).length > 0) continue;
      const delay = this.#growth.delay[child] as number;
      if (delay > latest) [found, latest] = [child, delay];
    }
    return found;
  }

  #detach(number: number): void {
    const growth = this.#growth;
    const parent = growth.parent[number] as number;
    this.#children[parent] = (this.#children[parent] as number[]).filter((child) => child !== number);
    growth.used[parent] = (growth.used[parent] as number) - 1;
    growth.parent[number] = -1;
    this.#openings.remove(number);
    this.#openings.add(parent);
  }

  /** Some that by now are much better off elsewhere, those first with whom most others are. */
  #improve(): void {
    const gains: { number: number; gain: number }[] = [];
    const below = this.#nodes.map((_, number) => this.#below(number));
    // Only those with most others below them may displace others: that takes a look at all.
    const heavy = this.#nodes
      .map((_, number) => number)
      .filter((number) => number > 0 && this.#inTree(number) && (below[number] as Below).weight > 1)
      .sort((a, b) => (below[b] as Below).weight - (below[a] as Below).weight || a - b);
    for (const number of heavy.slice(DISPLACING_MAX)) (below[number] as Below).weight = 1;
    for (let number = 1; number < this.#nodes.length; number++) {
      if (!this.#inTree(number)) continue;
      const gain = this.#better(number, below[number] as Below)?.gain ?? 0;
      if (gain > 0) gains.push({ number, gain });
    }
    gains.sort((a, b) => b.gain - a.gain || a.number - b.number);
    const most = Math.max(IMPROVED_MAX, Math.ceil(this.#nodes.length * IMPROVED_OF_ALL));
    for (const { number } of gains.slice(0, most)) {
      if (!this.#inTree(number)) continue;
      const better = this.#better(number, this.#below(number));
      if (!better) continue;
      if (better.leaf !== -1) this.#detach(better.leaf);
      this.#detach(number);
      this.#attach(number, better.parent);
      this.#refresh(number);
      if (better.leaf !== -1) this.#attachSomewhere(better.leaf);
    }
  }

  #attachSomewhere(leaf: number): void {
    let place = this.#openings.best(leaf, 0, DEPTH_MAX);
    if (!place) {
      this.#limit('hard');
      place = this.#openings.best(leaf, 0, DEPTH_MAX);
      this.#limit('soft');
    }
    if (place) this.#attach(leaf, place.parent);
  }

  /** Where it would be much better off; the gain is that of all below it, too. */
  #better(number: number, { levels, weight }: Below): (Place & { gain: number }) | null {
    const growth = this.#growth;
    const place = this.#place(number, levels, weight);
    if (!place || place.cost === Infinity || place.parent === growth.parent[number]) return null;
    if (this.#isBelow(place.parent, number)) return null;
    const now = growth.delay[number] as number;
    const gain = now - place.delay;
    const enough = gain >= IMPROVED_BY && gain >= now * IMPROVED_SHARE;
    return enough ? { ...place, gain: gain * weight - place.cost } : null;
  }

  #isBelow(number: number, top: number): boolean {
    for (let at = number; at > 0; at = this.#growth.parent[at] as number) if (at === top) return true;
    return false;
  }

  #below(top: number): Below {
    let [levels, weight] = [-1, 0];
    for (let level = [top]; level.length > 0; levels++) {
      weight += level.length;
      level = level.flatMap((number) => this.#children[number] as number[]);
    }
    return { levels, weight };
  }

  /** Delay and depth of all below it, after it moved. */
  #refresh(top: number): void {
    const growth = this.#growth;
    const queue = [top];
    for (let next = 0; next < queue.length; next++) {
      const parent = queue[next] as number;
      for (const child of this.#children[parent] as number[]) {
        growth.delay[child] = (growth.delay[parent] as number) + HOP_COST + delayBetween(growth, parent, child);
        growth.depth[child] = (growth.depth[parent] as number) + 1;
        queue.push(child);
      }
    }
  }

  /** Relays that feed nobody. */
  #prune(): void {
    const idle = (number: number): boolean =>
      number > 0 &&
      this.#inTree(number) &&
      !this.#isReceiver(number) &&
      (this.#children[number] as number[]).length === 0;
    const queue = this.#nodes.map((_, number) => number).filter(idle);
    for (let next = 0; next < queue.length; next++) {
      const number = queue[next] as number;
      const parent = this.#growth.parent[number] as number;
      this.#detach(number);
      if (idle(parent)) queue.push(parent);
    }
  }

  #isReceiver(number: number): boolean {
    return this.#receives.has((this.#nodes[number] as PlanNode).origin);
  }

  #result(): PlannedTree {
    const growth = this.#growth;
    const name = (number: number): Origin => (this.#nodes[number] as PlanNode).origin;
    const tree: PlannedTree = { parents: new Map(), spare: new Set(), depth: 0, degree: 0, unserved: [] };
    for (let number = 0; number < this.#nodes.length; number++) {
      if (!this.#inTree(number)) {
        if (this.#isReceiver(number)) tree.unserved.push(name(number));
        continue;
      }
      const used = growth.used[number] as number;
      tree.degree = Math.max(tree.degree, used);
      tree.depth = Math.max(tree.depth, growth.depth[number] as number);
      if (number === 0) continue;
      tree.parents.set(name(number), name(growth.parent[number] as number));
      if (used < (this.#slots[number] as Slots).hard) tree.spare.add(name(number));
    }
    return tree;
  }
}
