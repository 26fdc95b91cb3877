// What upkeep costs as members become more: real hosts of this run, and what the simulator keeps of its runs.
import type { Row } from './measure.ts';

export interface Point {
  members: number;
  real: boolean;
  /** Bytes/s of upkeep that each member sends; NaN where few of them run. */
  control: number;
  /** Megabytes that a member has resident (simulated: its share of the process); NaN where garbage counts with it. */
  memory: number;
}

/** The part of a line of docs/plots/simulator.json that is read here. */
interface Kept {
  members: number;
  records: number;
  controlIdle: number | null;
  alive: number;
  memoryMB: number;
  failure?: string;
}

/** Runs that tell how idle members fare, and what records weigh where few members run; those that failed tell nothing. */
export function simulated(text: string): Point[] {
  const kept = Object.entries(JSON.parse(text) as Record<string, Kept>).filter(([, { failure }]) => !failure);
  return kept
    .flatMap(([name, { members, records, controlIdle, alive, memoryMB }]): Point[] => {
      if (name.startsWith('records-'))
        return [{ members: records, real: false, control: NaN, memory: memoryMB / alive }];
      const tells = name.startsWith('scale-') && controlIdle !== null;
      return tells ? [{ members, real: false, control: controlIdle, memory: NaN }] : [];
    })
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

/**
 * What a doubling of the members adds, at the most from the second number of them on, beside what it adds up to there: at most 1 where
 * upkeep is a logarithm, whatever it begins with, or flatter. NaN with fewer than three numbers of members.
 */
export function steepening(points: readonly Point[]): number {
  const sorted = points.filter(({ control }) => control > 0).sort((a, b) => a.members - b.members);
  const slopes = sorted.slice(1).map((point, place) => {
    const before = sorted[place] as Point;
    return (point.control - before.control) / Math.log2(point.members / before.members);
  });
  const [first, ...later] = slopes;
  if (first === undefined || later.length === 0) return NaN;
  const most = Math.max(0, ...later);
  return most === 0 ? 0 : first > 0 ? most / first : Infinity;
}

const MB = 1 << 20;

/** Bytes that each record more costs a member, from the fewest simulated to the most; NaN with one number of them. */
export function perRecord(points: readonly Point[]): number {
  const weighed = points.filter(({ real, memory }) => !real && Number.isFinite(memory));
  const sorted = weighed.sort((a, b) => a.members - b.members);
  const [few, many] = [sorted[0], sorted.at(-1)];
  if (!few || !many || few.members === many.members) return NaN;
  return ((many.memory - few.memory) * MB) / (many.members - few.members);
}

/** Simulated members are judged from here on; smaller networks are full meshes, in which everybody keeps up with everybody. */
export const JUDGED_FROM = 100;

/** What is told beside the judgements: how upkeep grew from the fewest on; small networks are full meshes. Empty without figures. */
export function fromTheFewest(points: readonly Point[]): string {
  const told = (['real', 'simulated'] as const).flatMap((kind) => {
    const all = points.filter(({ real, control }) => real === (kind === 'real') && control > 0);
    const times = growth(all);
    const few = Math.min(...all.map(({ members }) => members));
    return Number.isFinite(times) ? [`${kind} ones, from ${few}: ${times.toFixed(2)} ×`] : [];
  });
  return told.length > 0 ? `Growth beside the logarithm of their number: ${told.join('; ')}. ` : '';
}

const asLogarithm = [{ beside: null, must: 1 }];
export const memberRows: Row[] = [
  {
    key: 'growthReal',
    label: 'real members: upkeep bytes that a later doubling of their number adds at most, beside the first ones',
    better: 'less',
    digits: 2,
    targets: asLogarithm,
  },
  {
    key: 'growthSimulated',
    label: `simulated members, ${JUDGED_FROM} and more: growth of upkeep bytes beside that of the logarithm of their number`,
    better: 'less',
    digits: 2,
    targets: asLogarithm,
  },
  {
    key: 'perRecord',
    label: 'bytes of memory for each record more that a member holds, simulated',
    better: 'less',
    digits: 0,
    targets: [{ beside: null, must: 400 }],
  },
];

/** Figures of `memberRows`. */
export function memberFigures(points: readonly Point[]): Record<string, number> {
  return {
    growthReal: steepening(points.filter(({ real }) => real)),
    growthSimulated: growth(points.filter(({ real, members }) => !real && members >= JUDGED_FROM)),
    perRecord: perRecord(points),
  };
}
