// Looks at the senders' trees now and then while streams run: how deep they are, who passes how much on.
import type { Simulation } from './simulation.ts';

export const PROBE_EVERY_S = 10;
/** Trees do not stand yet when a stream begins. */
const PROBE_FIRST_S = 5;

/** Of one sender at one moment, over all its stripes. */
export interface TreeSample {
  stripes: number;
  depth: number;
  /** Most children of one node in one stripe, the sender included. */
  degreeMax: number;
  /** By number of children in one stripe: how many nodes, over all stripes. */
  degrees: number[];
  nodes: number;
  /** Nodes without children in any stripe. */
  idle: number;
}

/** A member's children in each of a sender's trees. */
export function childrenOf(sim: Simulation, sender: number): Map<string, number>[] {
  const host = sim.hosts[sender];
  if (!host?.isMember) return [];
  return host.network.casting.view().own.map(({ parents }) => {
    const children = new Map<string, number>();
    for (const [child] of parents) children.set(child, 0);
    for (const [, parent] of parents) children.set(parent, (children.get(parent) ?? 0) + 1);
    return children;
  });
}

export function sampleTrees(sim: Simulation, sender: number): TreeSample | null {
  const trees = childrenOf(sim, sender);
  const host = sim.hosts[sender];
  if (trees.length === 0 || !host) return null;
  const self = host.network.paths.self;
  const total = new Map<string, number>();
  const degrees: number[] = [];
  let degreeMax = 0;
  for (const tree of trees) {
    for (const [name, count] of tree) {
      total.set(name, (total.get(name) ?? 0) + count);
      degreeMax = Math.max(degreeMax, count);
      if (name !== self) degrees[count] = (degrees[count] ?? 0) + 1;
    }
  }
  total.delete(self);
  const idle = [...total.values()].filter((count) => count === 0).length;
  const depth = Math.max(...host.network.casting.view().own.map((tree) => tree.depth));
  const known = Array.from(degrees, (count) => count ?? 0);
  return { stripes: trees.length, depth, degreeMax, degrees: known, nodes: total.size, idle };
}

/** Samples until the streams end. */
export function probe(sim: Simulation, senders: readonly number[], seconds: number): void {
  for (let at = PROBE_FIRST_S; at < seconds; at += PROBE_EVERY_S) {
    sim.after(at, () => {
      for (const sender of senders) {
        const sample = sampleTrees(sim, sender);
        if (sample) sim.samples.push(sample);
      }
    });
  }
}

/** The members that feed most others in a sender's trees: most descendants first. */
export function busiest(sim: Simulation, sender: number): string[] {
  const host = sim.hosts[sender];
  if (!host?.isMember) return [];
  const below = new Map<string, number>();
  for (const { parents } of host.network.casting.view().own) {
    const up = new Map(parents);
    for (const [child] of parents) {
      const seen = new Set<string>();
      for (let at = up.get(child); at !== undefined && !seen.has(at); at = up.get(at)) {
        seen.add(at);
        below.set(at, (below.get(at) ?? 0) + 1);
      }
    }
  }
  below.delete(host.network.paths.self);
  return [...below].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([origin]) => origin);
}
