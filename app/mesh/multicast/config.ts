// What the data plane of one node is told of an epoch.
import { unhex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeConfig, TreesIo } from './io.ts';
import { ADOPTABLE_MAX, BACKUPS_MAX, CHILDREN_MAX } from './limits.ts';
import type { Shape } from './shape.ts';

const BYTES_PER_KB = 1_000;

/** `feeds`: whether this node passes anything on. Members that the data plane does not know are left out. */
export function configOf(io: TreesIo, self: Origin, shape: Shape, feeds: boolean, key?: TreeConfig['key']): TreeConfig {
  const { origin, tree, epoch, repair } = shape.description;
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
    bytesPerSecond: allowed(io, origin === self),
  };
  if (key) config.key = key;
  return config;
}

/** What the own settings allow this node to send, 0: anything. */
function allowed(io: TreesIo, isOrigin: boolean): number {
  const { uplinkKBps, relayKBps } = io.conduct();
  const limits = [uplinkKBps, isOrigin ? 0 : relayKBps].filter((limit) => limit > 0);
  return limits.length === 0 ? 0 : Math.min(...limits) * BYTES_PER_KB;
}
