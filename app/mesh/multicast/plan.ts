// One tree: every receiver below the origin, no node with more children than it can feed, little delay, few edges changed since last time.
import type { Origin } from '../../wire/messages/presence.ts';
import { DEPTH_MAX, RELAYS_MAX } from './limits.ts';
import { delayBetween, HOP_COST, Openings, type Growth } from './openings.ts';
import { slotsOf, spareKBps, type PlanInput, type PlanNode, type PlannedTree, type Slots } from './plan-types.ts';

/** Edges changed per plan only because others are better by now. */
const IMPROVED_MAX = 4;
/** … by this much, in 0.1 ms, and by this share. */
const IMPROVED_BY = 100;
const IMPROVED_SHARE = 0.2;

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
      this.#slots.forEach(({ hard }, number) => (this.#growth.limit[number] = hard));
      this.#nodes.forEach((_, number) => this.#inTree(number) && this.#openings.add(number));
      left = this.#attachAll(left.flatMap((number) => this.#fragment(number)));
    }
    if (this.#input.previous) this.#improve();
    this.#prune();
    return this.#result();
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
      const choice = this.#openings.best(number, height, DEPTH_MAX);
      if (choice) {
        this.#attach(number, choice.parent);
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

  /** A few that by now are much better off elsewhere. */
  #improve(): void {
    const growth = this.#growth;
    const gains: { number: number; gain: number }[] = [];
    for (let number = 1; number < this.#nodes.length; number++) {
      if (!this.#inTree(number)) continue;
      const gain = this.#gain(number)?.gain ?? 0;
      if (gain > 0) gains.push({ number, gain });
    }
    gains.sort((a, b) => b.gain - a.gain || a.number - b.number);
    for (const { number } of gains.slice(0, IMPROVED_MAX)) {
      const better = this.#gain(number);
      if (!better) continue;
      const old = growth.parent[number] as number;
      this.#children[old] = (this.#children[old] as number[]).filter((child) => child !== number);
      growth.used[old] = (growth.used[old] as number) - 1;
      this.#openings.add(old);
      this.#attach(number, better.parent);
      this.#refresh(number);
    }
  }

  #gain(number: number): { parent: number; gain: number } | null {
    const growth = this.#growth;
    const choice = this.#openings.best(number, this.#levels(number), DEPTH_MAX);
    if (!choice || choice.parent === growth.parent[number] || this.#isBelow(choice.parent, number)) return null;
    const now = growth.delay[number] as number;
    const gain = now - choice.delay;
    return gain >= IMPROVED_BY && gain >= now * IMPROVED_SHARE ? { parent: choice.parent, gain } : null;
  }

  #isBelow(number: number, top: number): boolean {
    for (let at = number; at > 0; at = this.#growth.parent[at] as number) if (at === top) return true;
    return false;
  }

  #levels(top: number): number {
    let height = -1;
    for (let level = [top]; level.length > 0; height++)
      level = level.flatMap((number) => this.#children[number] as number[]);
    return height;
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
      this.#growth.parent[number] = -1;
      this.#children[parent] = (this.#children[parent] as number[]).filter((child) => child !== number);
      this.#growth.used[parent] = (this.#growth.used[parent] as number) - 1;
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
