// What follows from failures in a tree, and small rules of casts.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeFailure } from '../../wire/messages/tree.ts';
import { REPAIRS, type Repair } from '../../wire/record.ts';
import type { Delivery } from './delivery.ts';
import type { Shape } from './shape.ts';

/** All nodes that do not get packets when these fail. A node without its key still passes on; one that refuses still reads. */
export function below(shape: Shape, failures: readonly TreeFailure[]): Set<Origin> {
  const found = new Set<Origin>();
  for (const { origin, code } of failures) {
    if (code === 'noKey') found.add(origin);
    else if (code === 'unreachable') for (const one of shape.subtree(origin)) found.add(one);
    else if (code === 'refused') for (const one of shape.subtree(origin)) if (one !== origin) found.add(one);
  }
  return found;
}

/** Whom some stripe of a round did not reach: where that one was to bring the key, it is lacking in all. */
export function cutOff(offered: readonly (Delivery | null)[]): Set<Origin> {
  const found = new Set<Origin>();
  for (const delivery of offered) {
    if (!delivery) continue;
    const failures = delivery.failures().filter(({ code }) => code !== 'noKey');
    for (const origin of below(delivery.shape, failures)) found.add(origin);
  }
  return found;
}

/** REPAIRS rise in what they cost and mend. */
export const strongest = (wishes: readonly Repair[]): Repair =>
  wishes.reduce((most, one) => (REPAIRS.indexOf(one) > REPAIRS.indexOf(most) ? one : most), 'off');
