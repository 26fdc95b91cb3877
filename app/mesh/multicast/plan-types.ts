// What a plan is made from, and what it is.
import type { Place } from '../coordinates/coordinates.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import {
  CHILDREN_MAX,
  DEGREE_DEFAULT,
  DEGREE_MAX,
  NARROW_KBPS,
  ORIGIN_DEGREE_DEFAULT,
  RESERVE_KBPS,
  RESERVE_SHARE_MAX,
  UPLINK_SHARE,
} from './limits.ts';

/** A stream of unknown rate is planned for as this. */
const RATE_DEFAULT_KBPS = 32;
const COPIES_ASSUMED = 2;

export interface PlanNode {
  origin: Origin;
  /** Coordinates in 0.1 ms; all zero: not known. */
  place: Place;
  /** What it can send, in kB/s; 0: not known. */
  uplinkKBps: number;
  /** What it passes on for others; 0: no limit. Does not bound the origin of the tree. */
  relayKBps: number;
  /** What other trees that are known here cost it already. */
  loadKBps: number;
  /** Only receives: metered, narrow, unwilling or found weak. */
  leaf: boolean;
  /** Members it has lasting sessions with. */
  sessions: readonly Origin[];
}

export interface PlanInput {
  origin: PlanNode;
  /** Without the origin, in any order, no name twice. */
  receivers: readonly PlanNode[];
  /** Non-subscribers that consent; drawn on only where receivers alone do not reach everybody. */
  relays: readonly PlanNode[];
  /** kB/s of packets; 0: not known. */
  rateKBps: number;
  /** Parent of each node of the plan before; the origin's name for the root. */
  previous: ReadonlyMap<Origin, Origin> | null;
  /** Edges that are not to be used. */
  barred(parent: Origin, child: Origin): boolean;
}

export interface PlannedTree {
  /** Parent of each node. */
  parents: Map<Origin, Origin>;
  /** Who could take on more. */
  spare: Set<Origin>;
  depth: number;
  degree: number;
  /** Receivers for whom no capacity was left, by name. */
  unserved: Origin[];
}

/** Copies that a node sends: `soft` as a rule, up to `hard` when somebody would get nothing otherwise. */
export interface Slots {
  soft: number;
  hard: number;
}

export const isNarrow = (uplinkKBps: number): boolean => uplinkKBps > 0 && uplinkKBps < NARROW_KBPS;

/** Of an uplink, what copies may take. */
function forCopies(uplinkKBps: number): number {
  const reserve = Math.min(RESERVE_KBPS, uplinkKBps * RESERVE_SHARE_MAX);
  return Math.min(uplinkKBps * UPLINK_SHARE, uplinkKBps - reserve);
}

/** Bytes/s that are left, in kB/s; Infinity when nothing bounds them. */
export function spareKBps(node: PlanNode, isOrigin: boolean): number {
  const uplink = node.uplinkKBps > 0 ? forCopies(node.uplinkKBps) : Infinity;
  const relay = !isOrigin && node.relayKBps > 0 ? node.relayKBps : Infinity;
  return Math.max(0, Math.min(uplink, relay) - node.loadKBps);
}

/** `rateKBps`: of one copy, with all headers. */
export function slotsOf(node: PlanNode, isOrigin: boolean, rateKBps: number): Slots {
  if (!isOrigin && (node.leaf || isNarrow(node.uplinkKBps))) return { soft: 0, hard: 0 };
  const spare = spareKBps(node, isOrigin);
  if (spare === Infinity)
    return isOrigin ? { soft: ORIGIN_DEGREE_DEFAULT, hard: CHILDREN_MAX } : { soft: DEGREE_DEFAULT, hard: DEGREE_MAX };
  const rate = rateKBps || RATE_DEFAULT_KBPS;
  // The first copy of a narrow line may take what is kept for other things: without it nobody would get anything.
  const first = isOrigin && rate <= node.uplinkKBps * UPLINK_SHARE - node.loadKBps ? 1 : 0;
  const copies = Math.max(first, Math.floor(spare / rate));
  // A rate that is only assumed is no reason for chains, or to send nothing at all.
  const hard = Math.min(CHILDREN_MAX, rateKBps === 0 ? Math.max(COPIES_ASSUMED, copies) : copies);
  return { soft: Math.min(isOrigin ? ORIGIN_DEGREE_DEFAULT : DEGREE_MAX, hard), hard };
}
