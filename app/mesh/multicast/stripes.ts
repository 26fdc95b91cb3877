// Several trees for one fast stream: packets take them by turns, and each node passes on in one of them only (as far as capacity allows), so that
// the uplinks of all carry what no single one could.
import type { Origin } from '../../wire/messages/presence.ts';
import { CHILDREN_MAX, DEGREE_MAX, ORIGIN_SHARE, STRIPES_MAX } from './limits.ts';
import { chosenRelays, growTree, planTree } from './plan.ts';
import { isNarrow, spareKBps, type PlanInput, type PlanNode, type PlannedTree, type Slots } from './plan-types.ts';

const COUNTS = [2, 3, 4, 6, 8, 12, STRIPES_MAX];
/** Large plans try fewer. */
const COUNTS_LARGE = [4, 8];
const LARGE_FROM = 1_000;
/** Hops beyond those of a binary tree that are no reason for stripes. */
const DEPTH_SLACK = 1;

export interface Plan {
  /** One, or one for each stripe. */
  trees: PlannedTree[];
  /** Receivers that some stripe does not reach. */
  unserved: Origin[];
}

/** One tree where that reaches everybody, else as many stripes as it takes. `previous`: parents in each tree of the plan before. */
export function planStripes(
  input: Omit<PlanInput, 'previous'>,
  previous: readonly ReadonlyMap<Origin, Origin>[],
): Plan {
  const single = planTree({ ...input, previous: previous.length === 1 ? (previous[0] ?? null) : null });
  let best: Plan = { trees: [single], unserved: single.unserved };
  const levels = Math.ceil(Math.log2(input.receivers.length + 1));
  // A chain is a tree, too: deeper than that, uplinks are short.
  const flat = single.depth <= levels + DEPTH_SLACK;
  if ((single.unserved.length === 0 && flat) || input.rateKBps === 0) return best;
  let bestScore = scoreOf(best);
  const counts = input.receivers.length >= LARGE_FROM ? COUNTS_LARGE : COUNTS;
  // What runs is kept while it reaches everybody and is not deep.
  const order = [...counts].sort((a, b) => Number(b === previous.length) - Number(a === previous.length) || a - b);
  for (const count of order) {
    const plan = striped({ ...input, previous: null }, count, previous.length === count ? previous : []);
    if (!plan) continue;
    const score = scoreOf(plan);
    if (score < bestScore) [best, bestScore] = [plan, score];
    if (count === previous.length && plan.unserved.length === 0 && depthOf(plan) <= levels) break;
  }
  // Nobody was moved by those, so it may be that all should.
  if (previous.length > 1 && depthOf(best) > levels) {
    const anew = striped({ ...input, previous: null }, best.trees.length, []);
    if (anew && scoreOf(anew) < bestScore) return anew;
  }
  return best;
}

const depthOf = ({ trees }: Plan): number => Math.max(...trees.map(({ depth }) => depth));

/** The lower the better: first everybody, then few hops, then few trees. */
const scoreOf = (plan: Plan): number => plan.unserved.length * 1_000 + depthOf(plan) * 10 + plan.trees.length;

/** null: the origin cannot feed so many. */
function striped(input: PlanInput, count: number, previous: readonly ReadonlyMap<Origin, Origin>[]): Plan | null {
  const unit = input.rateKBps / count;
  const units = (node: PlanNode, isOrigin: boolean): number => {
    if (!isOrigin && (node.leaf || isNarrow(node.uplinkKBps))) return 0;
    const spare = spareKBps(node, isOrigin);
    return spare === Infinity ? (isOrigin ? CHILDREN_MAX : DEGREE_MAX) : Math.floor(spare / unit);
  };
  const own = units(input.origin, true);
  if (own < count) return null;
  const budget = new Map<Origin, number>();
  const members = [...input.receivers, ...chosenRelays(input)];
  for (const node of members) budget.set(node.origin, units(node, false));
  const stripeOf = assigned(members, budget, count, previous);
  const receivers = new Set(input.receivers.map(({ origin }) => origin));
  /** What each would pass on if all who do in this stripe did the same: a line that is full has no room for anything else. */
  const fairOf = (stripe: number): number => {
    const able = members.filter(({ origin }) => stripeOf.get(origin) === stripe).length;
    return Math.ceil(receivers.size / Math.max(1, able));
  };
  /** The origin's copies as a rule: it is everybody's last backup, and what waited for the first trees is still to leave. */
  const copies = Math.max(count, Math.floor(own * ORIGIN_SHARE));
  const calm = (stripe: number): number => Math.floor(copies / count) + (stripe < copies % count ? 1 : 0);
  const trees: PlannedTree[] = [];
  for (let stripe = 0; stripe < count; stripe++) {
    const share = Math.min(CHILDREN_MAX, Math.floor(own / count) + (stripe < own % count ? 1 : 0));
    const fair = fairOf(stripe);
    const first = (node: PlanNode, isOrigin: boolean): Slots => {
      if (isOrigin) return { soft: Math.min(calm(stripe), DEGREE_MAX), hard: share };
      const left = stripeOf.get(node.origin) === stripe ? Math.min(CHILDREN_MAX, budget.get(node.origin) ?? 0) : 0;
      return { soft: Math.min(left, fair), hard: left };
    };
    const there = members.filter(({ origin }) => receivers.has(origin) || stripeOf.get(origin) === stripe);
    const tree = growTree({ ...input, previous: previous[stripe] ?? null }, there, first);
    trees.push(tree);
    spend(budget, tree);
  }
  const served = trees.map((tree, stripe) => {
    if (tree.unserved.length === 0) return tree;
    // What nodes of other stripes have left.
    refund(budget, tree);
    const fair = fairOf(stripe);
    const rest = (node: PlanNode, isOrigin: boolean): Slots => {
      const share = Math.min(CHILDREN_MAX, Math.floor(own / count) + (stripe < own % count ? 1 : 0));
      const left = isOrigin ? share : Math.min(CHILDREN_MAX, budget.get(node.origin) ?? 0);
      const soft = isOrigin ? left : stripeOf.get(node.origin) === stripe ? Math.min(left, fair) : 0;
      return { soft, hard: left };
    };
    const more = growTree({ ...input, previous: tree.parents }, members, rest);
    spend(budget, more);
    return more;
  });
  const unserved = new Set(served.flatMap((tree) => tree.unserved));
  return { trees: served, unserved: [...unserved].sort() };
}

const spend = (budget: Map<Origin, number>, tree: PlannedTree, sign = -1): void => {
  for (const parent of tree.parents.values()) {
    const left = budget.get(parent);
    if (left !== undefined) budget.set(parent, left + sign);
  }
};
const refund = (budget: Map<Origin, number>, tree: PlannedTree): void => spend(budget, tree, 1);

/** The stripe in which each node passes on: the one of before, else the one that has least so far. */
function assigned(
  members: readonly PlanNode[],
  budget: ReadonlyMap<Origin, number>,
  count: number,
  previous: readonly ReadonlyMap<Origin, Origin>[],
): Map<Origin, number> {
  const stripeOf = new Map<Origin, number>();
  const totals = new Array<number>(count).fill(0);
  const give = (origin: Origin, stripe: number): void => {
    stripeOf.set(origin, stripe);
    totals[stripe] = (totals[stripe] as number) + (budget.get(origin) ?? 0);
  };
  const able = members.filter(({ origin }) => (budget.get(origin) ?? 0) > 0);
  for (const [stripe, parents] of previous.entries()) {
    const inner = new Set(parents.values());
    for (const { origin } of able) if (inner.has(origin) && !stripeOf.has(origin)) give(origin, stripe);
  }
  const rest = able
    .filter(({ origin }) => !stripeOf.has(origin))
    .sort((a, b) => (budget.get(b.origin) ?? 0) - (budget.get(a.origin) ?? 0) || (a.origin < b.origin ? -1 : 1));
  for (const { origin } of rest) give(origin, totals.indexOf(Math.min(...totals)));
  return stripeOf;
}
