// The report's tables: each figure beside the literature's, the target, and what it falls short by.
import { markdownTable } from '../../pages/sections.ts';
import { LINES, type Line } from './lines.ts';
import type { Result, Results } from './results.ts';

const NOTHING = '–';
const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const rate = (bytes: number): string => `${bytes.toFixed(0)} B/s`;

/** Which of two figures of a target is worse: by how much `seen` misses it, in words; empty when it is met. */
interface Target {
  text: string;
  of(result: Result): number;
  bound: number;
  better: 'more' | 'less';
  /** Results that it is asked of. */
  counts?(result: Result): boolean;
  shown(value: number): string;
}

interface Row {
  label: string;
  cell(result: Result): string;
  /** From papers. */
  literature?: string;
  gossipsub?: string;
  targets?: readonly Target[];
}

const atMost = (text: string, bound: number, of: Target['of'], shown: Target['shown']): Target => ({
  ...{ text, bound, of, shown, better: 'less' },
});

/** The worst of the results that a target is asked of. */
export function shortBy(target: Target, results: readonly Result[]): string {
  const sign = target.better === 'less' ? 1 : -1;
  const asked = results.filter((result) => target.counts?.(result) ?? true);
  if (asked.length === 0) return 'not run';
  const worst = Math.max(...asked.map((result) => sign * (target.of(result) - target.bound)));
  return worst > 0 ? `**${target.shown(worst)}**` : 'met';
}

const isStriped = ({ stripes }: Result): boolean => stripes >= 4;
const isOften = ({ command }: Result): boolean => !command.includes('--mttf 7200');

const LITERATURE_ROWS: readonly Row[] = [
  { label: 'members, virtual minutes', cell: (r) => `${r.members}, ${(r.virtualS / 60).toFixed(0)}` },
  {
    label: 'delivered',
    cell: (r) => percent(r.ratio, 3),
    literature: 'MTTF 30 min: Nemo 98.7 %, Nice 96.9 %',
    gossipsub: '97.8 % within 300 ms',
    targets: [
      {
        text: '≥ 99.8 % at 30 min',
        of: (r) => r.ratio,
        bound: 0.998,
        better: 'more',
        counts: isOften,
        shown: (value) => percent(value, 3),
      },
    ],
  },
  {
    label: 'gap of a receiver, p50, p95, longest',
    cell: (r) => `${r.gapP50Ms.toFixed(0)}, ${r.gapP95Ms.toFixed(0)}, ${ms(r.gapMaxMs)}`,
    targets: [{ ...atMost('p95 ≤ 1 s', 1_000, (r) => r.gapP95Ms, ms), counts: isOften }],
  },
  { label: 'silences > 2.5 packets; p95 of them', cell: (r) => `${r.silences}; ${ms(r.silenceP95Ms)}` },
  { label: 'delay p50, p95, p99', cell: (r) => `${r.delaysMs.map((value) => value.toFixed(0)).join(', ')} ms` },
  {
    label: 'RDP mean, p95',
    cell: (r) => `${r.rdpMean.toFixed(2)}, ${r.rdpP95.toFixed(2)}`,
    literature: 'Scribe ~1.7 mean',
    targets: [
      atMost(
        'mean ≤ 1.6',
        1.6,
        (r) => r.rdpMean,
        (value) => value.toFixed(2),
      ),
      atMost(
        'p95 ≤ 3',
        3,
        (r) => r.rdpP95,
        (value) => value.toFixed(2),
      ),
    ],
  },
  {
    label: 'sends per delivery',
    cell: (r) => r.sendsPerDelivery.toFixed(3),
    literature: 'Nemo 1.004–1.03',
    gossipsub: '6.3',
    targets: [
      atMost(
        '≤ 1.05',
        1.05,
        (r) => r.sendsPerDelivery,
        (value) => value.toFixed(3),
      ),
    ],
  },
  {
    label: 'came twice at a member; at an application',
    cell: (r) => `${percent(r.twice)}; ${r.failure.includes('more than once') ? 'some' : '0'}`,
    literature: 'Nemo 0.4–3.1 %',
  },
  { label: 'stripes, depth', cell: (r) => `${r.stripes}, ${r.depth}` },
  {
    label: 'most children in a tree; copies of one packet',
    cell: (r) => `${r.degreeMax}; ${r.outdegreeMax}`,
    literature: 'Scribe 138, SplitStream-16 11.8, Nemo 10',
    targets: [
      atMost(
        '≤ 8',
        8,
        (r) => r.degreeMax,
        (value) => value.toFixed(0),
      ),
    ],
  },
  {
    label: 'the sender’s copies',
    cell: (r) => String(r.senderCopies),
    literature: 'ZeroTier, EasyTier: one for each member',
    targets: [
      atMost(
        '≤ 4',
        4,
        (r) => r.senderCopies,
        (value) => value.toFixed(0),
      ),
    ],
  },
  {
    label: 'feeds nobody',
    cell: (r) => percent(r.nonContributors),
    literature: 'Scribe 94 %, Nemo 53 %, SplitStream-16 25 %',
    targets: [{ ...atMost('≤ 25 % with ≥ 4 stripes', 0.25, (r) => r.nonContributors, percent), counts: isStriped }],
  },
  {
    label: 'places with 0, 1, 2 … children',
    cell: (r) => r.degrees.map((share) => (100 * share).toFixed(0)).join(', ') + ' %',
  },
  {
    label: 'control per member, active',
    cell: (r) => rate(r.controlActive),
    literature: '1,024 peers: Nemo 1.41 kB/s, Narada 74.4',
    targets: [atMost('≤ 1 kB/s', 1_000, (r) => r.controlActive, rate)],
  },
  { label: 'link stress mean, max', cell: (r) => `${r.stressMean.toFixed(2)}, ${r.stressMax}` },
  { label: 'memory per member (its share of the process)', cell: (r) => `${r.memoryPerMemberMB.toFixed(1)} MB` },
];

const ranOf = (results: Results, table: Line['table']): { line: Line; result: Result }[] =>
  LINES.filter((line) => line.table === table).flatMap((line) => {
    const result = results[line.name];
    return result ? [{ line, result }] : [];
  });

const said = ({ result }: { result: Result }): string =>
  `- \`${result.command}\` (${result.day}, ${(result.realS / 60).toFixed(1)} min on one of ${result.machine}, ${result.memoryMB.toFixed(0)} MB; digest \`${result.digest}\`)` +
  (result.failure ? `\n  The model’s word: ${firstLine(result.failure)}` : '');

const firstLine = (text: string): string => (text.split(/[{\n]/)[0] as string).trim();

const missing = (results: Results, table: Line['table']): string => {
  const names = LINES.filter((line) => line.table === table && !results[line.name]).map(({ name }) => `\`${name}\``);
  return names.length === 0 ? '' : `\n\nNot run for this page: ${names.join(', ')}.`;
};

export function literatureTable(results: Results): string {
  const ran = ranOf(results, 'literature');
  const all = ran.map(({ result }) => result);
  const rows = LITERATURE_ROWS.map(({ label, cell, literature, gossipsub, targets = [] }) => [
    ...[label, ...all.map(cell), literature ?? NOTHING, gossipsub ?? NOTHING],
    ...[targets.map(({ text }) => text).join(', ') || NOTHING],
    ...[targets.map((target) => shortBy(target, all)).join(', ') || NOTHING],
  ]);
  const head = ['', ...ran.map(({ line }) => line.title), 'literature', 'gossipsub, 1,000', 'target', 'falls short by'];
  return `${markdownTable(head, rows)}\n\n${ran.map(said).join('\n')}${missing(results, 'literature')}`;
}

const FAILURE_TARGETS = {
  delivered: {
    ...{ text: '', of: (r: Result) => r.ratio, bound: 0.998, better: 'more' as const },
    shown: (value: number) => percent(value, 3),
  },
  gap: atMost('', 1_000, (r) => r.gapP95Ms, ms),
};

export function failuresTable(results: Results): string {
  const ran = ranOf(results, 'failures');
  const rows = ran.map(({ line, result: r }) => [
    ...[line.title, `${r.alive} of ${r.members}`, percent(r.ratio, 3), shortBy(FAILURE_TARGETS.delivered, [r])],
    ...[`${r.gapP50Ms.toFixed(0)}, ${r.gapP95Ms.toFixed(0)}, ${ms(r.gapMaxMs)}`, shortBy(FAILURE_TARGETS.gap, [r])],
    ...[
      r.sendsPerDelivery.toFixed(3),
      percent(r.twice),
      `${r.rdpMean.toFixed(2)}, ${r.rdpP95.toFixed(2)}`,
      `${r.depth}`,
    ],
  ]);
  const head = [
    ...[
      'what happens',
      'alive at the end',
      'delivered',
      'short of 99.8 % by',
      'gap p50, p95, longest',
      'p95 over 1 s by',
    ],
    ...['sends per delivery', 'came twice', 'RDP mean, p95', 'depth'],
  ];
  return `${markdownTable(head, rows)}\n\n${ran.map(said).join('\n')}${missing(results, 'failures')}`;
}

const IDLE_TARGETS: Readonly<Record<number, number>> = { 8: 60, 512: 200 };

export function scaleTable(results: Results): string {
  const ran = ranOf(results, 'scale');
  const rows = ran.map(({ result: r }) => {
    const bound = IDLE_TARGETS[r.members];
    const idle = r.controlIdle ?? 0;
    const short = bound === undefined ? NOTHING : idle > bound ? `**${rate(idle - bound)}**` : 'met';
    return [
      ...[
        String(r.members),
        rate(idle),
        bound === undefined ? NOTHING : `≤ ${bound} B/s`,
        short,
        rate(r.controlActive),
      ],
      ...[`${r.memoryPerMemberMB.toFixed(2)} MB`, `${r.memoryPerRecordB.toFixed(0)} B`],
      ...[percent(r.ratio, 3), `${r.depth}`, r.sendsPerDelivery.toFixed(3)],
      ...[`${r.memberSecondsPerSecond.toFixed(0)}`],
    ];
  });
  const head = [
    ...[
      'members',
      'control idle',
      'target',
      'falls short by',
      'control while one sends',
      'memory per member',
      'memory per member and record',
    ],
    ...['delivered', 'depth', 'sends per delivery', 'member-seconds simulated a second'],
  ];
  return `${markdownTable(head, rows)}\n\n${ran.map(said).join('\n')}${missing(results, 'scale')}`;
}

export function crowdTable(results: Results): string {
  const ran = ranOf(results, 'crowd');
  const rows = ran.map(({ line, result: r }) => [
    ...[line.title, `${r.records}`, `${r.members}`, percent(r.ratio, 3), ms(r.gapP95Ms)],
    ...[`${r.joins} in ${(r.virtualS / 60).toFixed(1)} min`, `${r.joinP50Ms.toFixed(0)}, ${ms(r.joinP95Ms)}`],
    ...[
      `${(r.realS / 60).toFixed(1)} min`,
      `${(r.memoryMB / 1024).toFixed(1)} GB`,
      `${r.memoryPerRecordB.toFixed(0)} B`,
    ],
  ]);
  const head = [
    ...[
      '',
      'members by records',
      'of them ever awake',
      'delivered',
      'gap p95',
      'joins',
      'from start to member p50, p95',
    ],
    ...['wall time (≤ 30 min)', 'memory (≤ 16 GiB)', 'memory per awake member and record'],
  ];
  return `${markdownTable(head, rows)}\n\n${ran.map(said).join('\n')}${missing(results, 'crowd')}`;
}
