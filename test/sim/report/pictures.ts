// The report's pictures: bars beside the literature, curves over the number of members.
import { plot, type Panel } from '../../bench/plot.ts';
import { drawChart } from './curves.ts';
import { LINES } from './lines.ts';
import type { Result, Results } from './results.ts';

/** What others' papers say, at MTTF 30 min where that matters. */
const PEERS: Record<'delivered' | 'degree' | 'idle' | 'sends' | 'control', [string, number][]> = {
  delivered: [
    ['Nemo', 98.7],
    ['Nice', 96.9],
  ],
  degree: [
    ['Nemo', 10],
    ['SplitStream-16', 11.8],
    ['Scribe', 138],
  ],
  idle: [
    ['SplitStream-16', 25],
    ['Nemo', 53],
    ['Scribe', 94],
  ],
  sends: [
    ['Nemo, best', 1.004],
    ['Nemo, worst', 1.03],
    ['gossipsub', 6.3],
  ],
  control: [
    ['Nemo, 1,024 peers', 1_410],
    ['Narada, 1,024 peers', 74_400],
  ],
};

const bars = (own: [string, number][], peers: [string, number][]): Panel['bars'] => [
  ...own.map(([name, value]) => ({ name, value, kind: 'self' as const })),
  ...peers.map(([name, value]) => ({ name, value, kind: 'peer' as const })),
];

export function literaturePicture(results: Results): string | null {
  const ran = LINES.filter(({ table, name }) => table === 'literature' && results[name]);
  if (ran.length === 0) return null;
  const own = (of: (result: Result) => number): [string, number][] =>
    ran.map(({ name }) => [`Weft, ${name}`, of(results[name] as Result)]);
  const less = { better: 'less' as const };
  return plot([
    {
      title: 'Delivered, %',
      digits: 2,
      better: 'more',
      bars: bars(
        own((r) => 100 * r.ratio),
        PEERS.delivered,
      ),
    },
    {
      title: 'Most copies of one packet by a member',
      digits: 1,
      ...less,
      bars: bars(
        own((r) => Math.max(r.degreeMax, r.outdegreeMax)),
        PEERS.degree,
      ),
    },
    {
      title: 'Members that feed nobody, %',
      digits: 0,
      ...less,
      bars: bars(
        own((r) => 100 * r.nonContributors),
        PEERS.idle,
      ),
    },
    {
      title: 'Sends per delivery',
      digits: 3,
      ...less,
      bars: bars(
        own((r) => r.sendsPerDelivery),
        PEERS.sends,
      ),
    },
    {
      title: 'Control per member, B/s',
      digits: 0,
      ...less,
      bars: bars(
        own((r) => r.controlActive),
        PEERS.control,
      ),
    },
  ]);
}

function pointsOf(results: Results, of: (result: Result) => number): [number, number][] {
  const lines = LINES.filter(({ table }) => table === 'scale').flatMap(({ name }) => results[name] ?? []);
  return lines.map((result) => [result.members, of(result)]);
}

export const controlPicture = (results: Results): string | null =>
  drawChart({
    title: 'Control traffic of a member',
    xLabel: 'members',
    yLabel: 'B/s',
    curves: [
      { name: 'while one member sends 10 packets/s to all', points: pointsOf(results, (r) => r.controlActive) },
      { name: 'idle', points: pointsOf(results, (r) => r.controlIdle ?? 0) },
    ],
    marks: [
      { label: 'target while one sends: 1 kB/s', value: 1_000 },
      { label: 'target idle, 512 members: 200 B/s', value: 200 },
    ],
  });

const MB = 1 << 20;

export const memoryPicture = (results: Results): string | null =>
  drawChart({
    title: 'Memory of a member (its share of the simulator’s process)',
    xLabel: 'members',
    yLabel: 'bytes',
    curves: [
      { name: 'per member', points: pointsOf(results, (r) => r.memoryPerMemberMB * MB) },
      { name: 'per member and record', points: pointsOf(results, (r) => r.memoryPerRecordB) },
    ],
    marks: [{ label: 'target: 400 B a record', value: 400 }],
  });
