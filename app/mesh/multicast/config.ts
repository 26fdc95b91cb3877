// What the data plane of one node is told of an epoch.
import { unhex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeConfig, TreesIo } from './io.ts';
import { ADOPTABLE_MAX, BACKUPS_MAX, CHILDREN_MAX } from './limits.ts';
import type { Shape } from './shape.ts';

const BYTES_PER_KB = 1_000;

/** What one node does in a tree of another. */
export interface Part {
  /** It passes on to its children. */
  feeds: boolean;
  /** It does not want any more what it subscribed to. */
  left: boolean;
}

const OWN: Part = { feeds: true, left: false };

/** Without `part`: the origin's. What a node may pass on for others is the data plane's to count, over everything. Members that the data plane does not know are left out. */
export function configOf(io: TreesIo, self: Origin, shape: Shape, part?: Part, key?: TreeConfig['key']): TreeConfig {
  const { feeds, left } = part ?? OWN;
  const { origin, tree, epoch, repair, groups, signer } = shape.description;
  const handles = (origins: readonly Origin[], max: number): number[] =>
    origins.flatMap((name) => io.peerHandle(name) ?? []).slice(0, max);
  const parent = shape.parentOf(self);
  const config: TreeConfig = {
    origin: unhex(origin),
    tree,
    epoch,
    parent: parent === undefined ? null : io.peerHandle(parent),
    backups: handles(shape.backupsOf(self), BACKUPS_MAX),
    children: feeds ? handles(shape.childrenOf(self), CHILDREN_MAX) : [],
    adoptable: feeds ? handles(shape.adoptableOf(self), ADOPTABLE_MAX) : [],
    repair,
    bytesPerSecond: io.conduct().uplinkKBps * BYTES_PER_KB,
    groups: groups.length,
    left,
  };
  if (signer) config.signer = signer;
  if (key) config.key = key;
  return config;
}
