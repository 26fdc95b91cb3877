// Who is online: members that can be reached along links that both of their ends claim.
import type { Origin, Presence } from '../../wire/messages/presence.ts';

export interface ReachView {
  self: Origin;
  presence(origin: Origin): Presence | undefined;
  /** Own sessions that are up. */
  ups(): readonly Origin[];
  /** The own session with it fell silent, and nothing newer was heard of it. */
  suspected(origin: Origin): boolean;
}

/**
 * When a member vanishes, its neighbours stop claiming their links to it, and it falls out of the graph everywhere at once; so does
 * the other side of a partition. No statement of anybody's death is needed.
 */
export function reachable(view: ReachView): Set<Origin> {
  const online = new Set<Origin>([view.self, ...view.ups()]);
  const queue = [...view.ups()];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const presence = view.presence(next);
    if (!presence) continue;
    for (const other of presence.neighbours) {
      if (online.has(other) || view.suspected(other)) continue;
      const back = view.presence(other);
      if (!back || back.off || !back.neighbours.includes(next)) continue;
      online.add(other);
      queue.push(other);
    }
  }
  return online;
}
