// All that a plan of one cast depends on, as a text: where it is the same, the next plan would be, too. Places are left out: they change slowly.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreesIo } from './io.ts';
import type { OwnTree } from './own-tree.ts';

export interface Circumstances {
  io: Pick<TreesIo, 'conduct' | 'presence' | 'isOnline' | 'peerHandle'>;
  receivers: readonly Origin[];
  trees: readonly OwnTree[];
  /** Who has the present key. */
  readers: Iterable<Origin>;
  /** Whether one of these may still read. */
  mayHear(origin: Origin): boolean;
}

export function circumstancesOf({ io, receivers, trees, readers, mayHear }: Circumstances): string {
  const names = new Set(receivers);
  for (const tree of trees) for (const { origin } of tree.latest?.shape.description.nodes ?? []) names.add(origin);
  const parts: unknown[] = [receivers.length, io.conduct().uplinkKBps];
  for (const origin of names) {
    const presence = io.presence(origin);
    parts.push(origin, io.isOnline(origin), io.peerHandle(origin));
    if (presence)
      parts.push(presence.features, presence.uplinkKBps, presence.relayKBps, presence.boxKey.subarray(0, 6));
  }
  for (const origin of readers) if (!names.has(origin)) parts.push(origin, mayHear(origin));
  return parts.join();
}
