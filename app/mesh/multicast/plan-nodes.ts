// Members as a plan sees them: from their statements, from what failed lately, and from the other trees that they carry.
import { FEATURE_METERED, FEATURE_RELAYS, type Origin } from '../../wire/messages/presence.ts';
import type { Atlas, Told } from '../coordinates/atlas.ts';
import type { Bans } from './bans.ts';
import type { TreesIo } from './io.ts';
import type { PlanInput, PlanNode } from './plan-types.ts';
import type { Shape } from './shape.ts';

export interface PlanContext {
  io: TreesIo;
  self: Origin;
  nowMono: number;
  bans: Bans;
  atlas: Atlas;
  /** Of the trees of the cast that is planned: they do not count as load. */
  own: ReadonlySet<Shape>;
  /** All trees known here. */
  shapes: readonly Shape[];
  rateKBps: number;
}

const BYTES_PER_KB = 1_000;
const NOWHERE = [0, 0, 0, 0] as const;

/** `receivers`: online, with a handle, and without the own device. */
export function planInput(context: PlanContext, receivers: readonly Origin[]): Omit<PlanInput, 'previous'> {
  const { io, self, nowMono, bans, atlas, rateKBps } = context;
  const loads = loadsOf(context);
  const passing = new Set(io.members());
  locate(context, [self, ...passing, ...receivers.filter((origin) => !passing.has(origin))]);
  const node = (origin: Origin): PlanNode => {
    const presence = io.presence(origin);
    const features = presence?.features ?? 0;
    const willing = passing.has(origin) && (features & FEATURE_RELAYS) !== 0 && (features & FEATURE_METERED) === 0;
    return {
      origin,
      place: atlas.place(origin) ?? presence?.place ?? NOWHERE,
      uplinkKBps: presence?.uplinkKBps ?? 0,
      relayKBps: presence?.relayKBps ?? 0,
      loadKBps: loads.get(origin) ?? 0,
      leaf: !willing || bans.isWeak(nowMono, origin),
      sessions: direct(presence),
    };
  };
  const wanted = new Set(receivers);
  const helps = (origin: Origin): boolean =>
    origin !== self && !wanted.has(origin) && io.isOnline(origin) && io.peerHandle(origin) !== null;
  const { uplinkKBps } = io.conduct();
  return {
    origin: { ...node(self), uplinkKBps, leaf: false },
    receivers: receivers.map(node),
    relays: [...passing].filter((origin) => helps(origin) && !bans.isMissing(nowMono, origin)).map(node),
    rateKBps,
    barred: (parent, child) => bans.isBarred(nowMono, parent, child),
  };
}

/** How much somebody can send is known, so a plan depends on the stream's rate. */
export const isBound = ({ origin, receivers }: Omit<PlanInput, 'previous'>): boolean =>
  origin.uplinkKBps > 0 || receivers.some(({ uplinkKBps, relayKBps }) => uplinkKBps > 0 || relayKBps > 0);

/** Finds out where all of them are. */
function locate({ io, self, nowMono, atlas }: PlanContext, origins: readonly Origin[]): void {
  const own = new Map<Origin, number>();
  const told: Told[] = [];
  for (const origin of origins) {
    const ms = io.rttMs(origin);
    if (ms !== undefined) own.set(origin, ms);
    const presence = io.presence(origin);
    if (presence) told.push(presence);
    else if (origin === self) told.push({ origin, place: NOWHERE, neighbours: [], rtts: [], measured: [] });
  }
  atlas.fit(nowMono, told, self, own);
}

/** Sessions that go through others are no way to pass much on. */
const direct = (presence: { neighbours: Origin[]; relayed: Origin[] } | undefined): Origin[] =>
  presence?.neighbours.filter((other) => !presence.relayed.includes(other)) ?? [];

/** kB/s that each node sends for the other trees. */
function loadsOf({ shapes, own }: PlanContext): Map<Origin, number> {
  const loads = new Map<Origin, number>();
  for (const shape of shapes) {
    const { rate, nodes } = shape.description;
    if (rate === 0 || own.has(shape)) continue;
    for (const { origin } of nodes) {
      const parent = shape.parentOf(origin) as Origin;
      loads.set(parent, (loads.get(parent) ?? 0) + rate / BYTES_PER_KB);
    }
  }
  return loads;
}
