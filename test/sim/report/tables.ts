// The report's tables: each figure beside the literature's, the target, and what it falls short by.
import { markdownTable } from '../../pages/sections.ts';
import { LINES, type Line } from './lines.ts';
import { resultsOf, type Result, type Results } from './results.ts';
import {
  bytesForRecord,
  CONTROL_ACTIVE,
  DELIVERED,
  DELIVERED_OFTEN,
  GAP,
  GAP_OFTEN,
  HEALED,
  IDLE,
  MEMORY,
  NON_CONTRIBUTORS,
  OUTDEGREE,
  RECORD_BOUND_B,
  RDP_MEAN,
  RDP_P95,
  SENDER_COPIES,
  SENDS,
  WALL,
  firstLine,
  ms,
  percent,
  rate,
  shortBy,
  type Target,
} from './targets.ts';

const NOTHING = '–';

interface Row {
  label: string;
  cell(result: Result): string;
  /** From papers. */
  literature?: string;
  gossipsub?: string;
  targets?: readonly Target[];
}

const LITERATURE_ROWS: readonly Row[] = [
  { label: 'members, virtual minutes', cell: (r) => `${r.members}, ${(r.virtualS / 60).toFixed(0)}` },
  {
    label: 'delivered',
    cell: (r) => percent(r.ratio, 3),
    literature: 'MTTF 30 min: Nemo 98.7 %, Nice 96.9 %',
    gossipsub: '97.8 % within 300 ms',
    targets: [DELIVERED_OFTEN],
  },
  { label: 'delivered, without time to settle', cell: (r) => percent(r.ratioFromStart, 3) },
  {
    label: 'gap of a receiver, p50, p95, longest',
    cell: (r) => `${r.gapP50Ms.toFixed(0)}, ${r.gapP95Ms.toFixed(0)}, ${ms(r.gapMaxMs)}`,
    targets: [GAP_OFTEN],
  },
  { label: 'silences > 2.5 packets; p95 of them', cell: (r) => `${r.silences}; ${ms(r.silenceP95Ms)}` },
  { label: 'delay p50, p95, p99', cell: (r) => `${r.delaysMs.map((value) => value.toFixed(0)).join(', ')} ms` },
  {
    label: 'RDP mean, p95',
    cell: (r) => `${r.rdpMean.toFixed(2)}, ${r.rdpP95.toFixed(2)}`,
    literature: 'Scribe ~1.7 mean',
    targets: [RDP_MEAN, RDP_P95],
  },
  {
    label: 'sends per delivery',
    cell: (r) => r.sendsPerDelivery.toFixed(3),
    literature: 'Nemo 1.004–1.03',
    gossipsub: '6.3',
    targets: [SENDS],
  },
  {
    label: 'came twice at a member; at an application',
    cell: (r) => `${percent(r.twice)}; ${r.failure.includes('more than once') ? 'some' : '0'}`,
    literature: 'Nemo 0.4–3.1 %',
  },
  { label: 'stripes, depth', cell: (r) => `${r.stripes}, ${r.depth}` },
  {
    label: 'most children in a tree as planned; most copies of one packet by one member',
    cell: (r) => `${r.degreeMax}; ${r.outdegreeMax}`,
    literature: 'Scribe 138, SplitStream-16 11.8, Nemo 10',
    targets: [OUTDEGREE],
  },
  {
    label: 'the sender’s copies of one packet, mean, p99 and most',
    cell: (r) => `${r.senderCopiesMean.toFixed(2)}, ${r.senderCopiesP99}, ${r.senderCopiesMax}`,
    literature: 'ZeroTier, EasyTier: one for each member',
    targets: [SENDER_COPIES],
  },
  {
    label: 'feeds nobody',
    cell: (r) => percent(r.nonContributors),
    literature: 'Scribe 94 %, Nemo 53 %, SplitStream-16 25 %',
    targets: [NON_CONTRIBUTORS],
  },
  {
    label: 'places with 0, 1, 2 … children',
    cell: (r) => r.degrees.map((share) => (100 * share).toFixed(0)).join(', ') + ' %',
  },
  {
    label: 'control per living member, active',
    cell: (r) => rate(r.controlActive),
    literature: '1,024 peers: Nemo 1.41 kB/s, Narada 74.4',
    targets: [CONTROL_ACTIVE],
  },
  { label: 'most of that', cell: (r) => kindsShown(r.kindsActive) },
  { label: 'link stress mean, max', cell: (r) => `${r.stressMean.toFixed(2)}, ${r.stressMax}` },
  { label: 'memory per member (its share of the process)', cell: (r) => `${r.memoryPerMemberMB.toFixed(1)} MB` },
];

const KINDS_SHOWN = 3;
const kindsShown = (kinds: Result['kindsActive']): string =>
  kinds
    .slice(0, KINDS_SHOWN)
    .map(([name, bytes]) => `${name} ${bytes.toFixed(0)}`)
    .join(', ');

interface Ran {
  line: Line;
  /** Options that are not the line's, empty for the line itself. */
  variant: string;
  result: Result;
}

/** A table's lines that ran, each followed by what ran under its name with other options. */
const ranOf = (results: Results, table: Line['table']): Ran[] =>
  LINES.filter((line) => line.table === table).flatMap((line) =>
    resultsOf(results, line.name).map(({ variant, result }) => ({ line, variant, result })),
  );

const titleOf = ({ line, variant }: Ran): string => (variant ? `*not the line:* \`${variant}\`` : line.title);

/** Targets are asked of the lines alone. */
const asLines = (ran: readonly Ran[]): Result[] => ran.flatMap(({ variant, result }) => (variant ? [] : [result]));

const shortOf = ({ variant, result }: Ran, target: Target): string => (variant ? NOTHING : shortBy(target, [result]));

const said = ({ result }: { result: Result }): string =>
  `- \`${result.command}\` (${result.day}, ${(result.realS / 60).toFixed(1)} min on one of ${result.machine}, ${result.memoryMB.toFixed(0)} MB; digest \`${result.digest}\`)` +
  (result.failure ? `\n  The model’s word: ${firstLine(result.failure)}` : '');

const missing = (results: Results, table: Line['table']): string => {
  const names = LINES.filter((line) => line.table === table && !results[line.name]).map(({ name }) => `\`${name}\``);
  return names.length === 0 ? '' : `\n\nNot run for this page: ${names.join(', ')}.`;
};

export function literatureTable(results: Results): string {
  const ran = ranOf(results, 'literature');
  const all = ran.map(({ result }) => result);
  const lines = asLines(ran);
  const rows = LITERATURE_ROWS.map(({ label, cell, literature, gossipsub, targets = [] }) => [
    ...[label, ...all.map(cell), literature ?? NOTHING, gossipsub ?? NOTHING],
    ...[targets.map(({ text }) => text).join(', ') || NOTHING],
    ...[targets.map((target) => shortBy(target, lines)).join(', ') || NOTHING],
  ]);
  const head = ['', ...ran.map(titleOf), 'literature', 'gossipsub, 1,000', 'target', 'falls short by'];
  return `${markdownTable(head, rows)}\n\n${ran.map(said).join('\n')}${missing(results, 'literature')}`;
}

const failureCells = (ran: Ran): string[] => {
  const { result: r } = ran;
  return [
    ...[titleOf(ran), `${r.alive} of ${r.members}`, percent(r.ratio, 3), shortOf(ran, DELIVERED)],
    percent(r.ratioFromStart, 3),
    ...[`${r.gapP50Ms.toFixed(0)}, ${r.gapP95Ms.toFixed(0)}, ${ms(r.gapMaxMs)}`, shortOf(ran, GAP)],
    ...[r.healMaxMs === null ? NOTHING : `${r.healP50Ms?.toFixed(0)}, ${ms(r.healMaxMs)}`, shortOf(ran, HEALED)],
    ...[r.sendsPerDelivery.toFixed(3), percent(r.twice)],
    ...[`${r.rdpMean.toFixed(2)}, ${r.rdpP95.toFixed(2)}`, `${r.depth}`, rate(r.controlActive)],
  ];
};

export function failuresTable(results: Results): string {
  const ran = ranOf(results, 'failures');
  const head = [
    ...['what happens', 'alive at the end', 'delivered', 'short of 99.8 % by', 'without time to settle'],
    ...['gap p50, p95, longest', 'p95 over 1 s by', 'heard again p50, longest', 'over 30 s by'],
    ...['sends per delivery', 'came twice', 'RDP mean, p95', 'depth', 'control per living member'],
  ];
  return `${markdownTable(head, ran.map(failureCells))}\n\n${ran.map(said).join('\n')}${missing(results, 'failures')}`;
}

const scaleCells = (ran: Ran): string[] => {
  const { result: r, variant } = ran;
  const target = variant ? undefined : IDLE.find((one) => one.counts?.(r));
  return [
    ...[variant ? titleOf(ran) : String(r.members), rate(r.controlIdle ?? 0)],
    ...[target ? `≤ ${rate(target.bound)}` : NOTHING, target ? shortBy(target, [r]) : NOTHING],
    kindsShown(r.kindsIdle),
    ...[rate(r.controlActive), shortOf(ran, CONTROL_ACTIVE), kindsShown(r.kindsActive)],
    ...[`${r.memoryPerMemberMB.toFixed(2)} MB`, `${r.memoryPerRecordB.toFixed(0)} B`],
    ...[
      percent(r.ratio, 3),
      `${r.depth}`,
      `${r.senderCopiesP99}, ${r.senderCopiesMax}`,
      `${r.outdegreeMax}`,
      r.sendsPerDelivery.toFixed(3),
    ],
    `${r.memberSecondsPerSecond.toFixed(0)}`,
  ];
};

export function scaleTable(results: Results): string {
  const ran = ranOf(results, 'scale');
  const head = [
    ...['members', 'control idle', 'target', 'falls short by', 'most of that, B/s'],
    ...['control while one sends', 'over 1 kB/s by', 'most of that, B/s'],
    ...['memory per member', 'memory per member and record'],
    ...['delivered', 'depth', 'sender’s copies p99, most', 'most copies of one packet', 'sends per delivery'],
    'member-seconds simulated a second',
  ];
  return `${markdownTable(head, ran.map(scaleCells))}\n\n${ran.map(said).join('\n')}${missing(results, 'scale')}`;
}

export function recordsTable(results: Results): string {
  const ran = ranOf(results, 'records');
  const lines = asLines(ran);
  const rows = ran.map((one, at) => {
    const { result: r, variant } = one;
    const before = variant ? undefined : asLines(ran.slice(0, at)).at(-1);
    const more = before ? bytesForRecord([before, r]) : NaN;
    return [
      ...[titleOf(one), `${r.alive}`, `${r.memoryMB.toFixed(0)} MB`],
      ...[Number.isNaN(more) ? NOTHING : `${more.toFixed(0)} B`, percent(r.ratio, 3)],
    ];
  });
  const head = ['members by records', 'awake', 'memory', 'for each record more', 'delivered'];
  const bytes = bytesForRecord(lines);
  const word = Number.isNaN(bytes)
    ? ''
    : `\n\nFrom the fewest to the most: **${bytes.toFixed(0)} B** for each record that a member holds; wanted are ≤ ${RECORD_BOUND_B} B.`;
  return `${markdownTable(head, rows)}${word}\n\n${ran.map(said).join('\n')}${missing(results, 'records')}`;
}

const crowdCells = (ran: Ran): string[] => {
  const { result: r } = ran;
  return [
    ...[titleOf(ran), `${r.records}`, `${r.members}`, percent(r.ratio, 3), ms(r.gapP95Ms)],
    ...[`${r.joins} in ${(r.virtualS / 60).toFixed(1)} min`, `${r.joinP50Ms.toFixed(0)}, ${ms(r.joinP95Ms)}`],
    ...[`${(r.realS / 60).toFixed(1)} min`, shortOf(ran, WALL)],
    ...[`${(r.memoryMB / 1024).toFixed(1)} GiB`, shortOf(ran, MEMORY), `${r.memoryPerRecordB.toFixed(0)} B`],
  ];
};

export function crowdTable(results: Results): string {
  const ran = ranOf(results, 'crowd');
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
    ...['wall time (≤ 30 min)', 'over by', 'memory (≤ 16 GiB)', 'over by', 'memory per awake member and record'],
  ];
  return `${markdownTable(head, ran.map(crowdCells))}\n\n${ran.map(said).join('\n')}${missing(results, 'crowd')}`;
}
