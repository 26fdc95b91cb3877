// What upkeep costs as members become more: real hosts of this run, and what the simulator keeps of its runs.
import type { Row } from './measure.ts';

export interface Point {
  members: number;
  real: boolean;
  /** Bytes/s of upkeep that each member sends. */
  control: number;
  /** Bytes for each record that a member holds; NaN where that was not told apart. */
  perRecord: number;
  /** Megabytes that a member has resident; NaN in the simulator, whose members share a process. */
  memory: number;
}

/** The part of a line of docs/plots/simulator.json that is read here. */
interface Kept {
  members: number;
  controlIdle: number | null;
  memoryPerRecordB: number;
  failure?: string;
}

/** Runs that tell how idle members fare; those that failed tell nothing. */
export function simulated(text: string): Point[] {
  const kept = Object.entries(JSON.parse(text) as Record<string, Kept>);
  return kept
    .filter(([name, { controlIdle, failure }]) => name.startsWith('scale-') && controlIdle !== null && !failure)
    .map(([, { members, controlIdle, memoryPerRecordB }]) => ({
      ...{ members, real: false, control: controlIdle ?? NaN, perRecord: memoryPerRecordB, memory: NaN },
    }))
    .sort((a, b) => a.members - b.members);
}

/**
 * How upkeep grew from the fewest to the most members, beside the logarithm of their number: 1 as the logarithm, less is flatter.
 * NaN with fewer than two numbers of members.
 */
export function growth(points: readonly Point[]): number {
  const sorted = points.filter(({ control }) => control > 0).sort((a, b) => a.members - b.members);
  const [few, many] = [sorted[0], sorted.at(-1)];
  if (!few || !many || few.members === many.members || few.members < 2) return NaN;
  return many.control / few.control / (Math.log2(many.members) / Math.log2(few.members));
}

/** With fewer members, what else the simulator's process holds outweighs their records. */
const MEMBERS_TELLING_MIN = 100;

/** Of the run with the most members; NaN when none had enough. */
export const perRecord = (points: readonly Point[]): number =>
  points
    .filter(({ members, perRecord }) => members >= MEMBERS_TELLING_MIN && Number.isFinite(perRecord))
    .sort((a, b) => b.members - a.members)[0]?.perRecord ?? NaN;

const asLogarithm = [{ beside: null, must: 1 }];
export const memberRows: Row[] = [
  {
    key: 'growthReal',
    label: 'real members: growth of upkeep bytes beside that of the logarithm of their number',
    better: 'less',
    digits: 2,
    targets: asLogarithm,
  },
  {
    key: 'growthSimulated',
    label: 'simulated members: growth of upkeep bytes beside that of the logarithm of their number',
    better: 'less',
    digits: 2,
    targets: asLogarithm,
  },
  {
    key: 'perRecord',
    label: 'bytes of memory for each record that a member holds, most members simulated',
    better: 'less',
    digits: 0,
    targets: [{ beside: null, must: 400 }],
  },
];

/** Figures of `memberRows`. */
export function memberFigures(points: readonly Point[]): Record<string, number> {
  return {
    growthReal: growth(points.filter(({ real }) => real)),
    growthSimulated: growth(points.filter(({ real }) => !real)),
    perRecord: perRecord(points),
  };
}
