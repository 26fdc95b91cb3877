// The contract's view of how groups are sent: directly, or by which trees.
import type { Group, Tree } from '../contract/state.ts';
import type { OwnTreeView, TreesView } from '../mesh/multicast/trees.ts';
import type { Origin } from '../wire/messages/presence.ts';

/** Whole trees are shown up to this size. */
export const EDGES_SHOWN_MAX = 256;

/** `id`: of a member, by its name in the mesh; undefined: no member any more. */
type Id = (origin: Origin) => string | undefined;

/** Own trees first, then those of others that this device has a part in. */
export function treesView(trees: TreesView, selfId: string, id: Id): Tree[] {
  const own = trees.own.map((tree): Tree => {
    const { groups, epoch, receivers, unserved, depth, degree, relays, copies, parents } = tree;
    const shape = { receivers, unserved, depth, degree, relays };
    const edges = parents.flatMap(([child, parent]): [string, string][] => [
      [id(child) ?? child, id(parent) ?? parent],
    ]);
    const shown = edges.length <= EDGES_SHOWN_MAX && { edges };
    return { origin: selfId, groups, epoch, parent: null, children: copies, hops: 0, ...shape, ...shown };
  });
  const followed = trees.followed.map((tree): Tree => {
    const { groups, epoch, children, hops } = tree;
    const [origin, parent] = [id(tree.origin) ?? tree.origin, id(tree.parent) ?? tree.parent];
    return { origin, groups, epoch, parent, children, hops };
  });
  return [...own, ...followed];
}

/** How the own host's packets to a group go; undefined: nobody else receives it. */
export function sendingView(own: readonly OwnTreeView[], { address, members, joined }: Group): Group['sending'] {
  const carrying = own.filter(({ groups }) => groups.includes(address));
  const [first] = carrying;
  if (first) {
    const most = (of: (tree: OwnTreeView) => number): number => Math.max(...carrying.map(of));
    return {
      ...{ way: 'trees', receivers: first.receivers, stripes: carrying.length, unserved: first.unserved },
      ...{ depth: most(({ depth }) => depth), degree: most(({ degree }) => degree) },
      relays: most(({ relays }) => relays),
    };
  }
  const receivers = members.length - (joined ? 1 : 0);
  return receivers > 0 ? { way: 'direct', receivers } : undefined;
}
