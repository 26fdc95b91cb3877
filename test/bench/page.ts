// docs/benchmarks.md out of results.
import type { Row } from './measure.ts';
import { judge, type Judged, type Results } from './results.ts';
import { fromTheFewest, JUDGED_FROM, memberFigures, memberRows, type Point } from './members.ts';
import { MEMBERS, rowsOf, type Scene } from './scenes.ts';

export interface Setup {
  results: Results;
  scenes: Scene[];
  /** Columns, in order. */
  columns: { name: string; kind: 'self' | 'peer' | 'floor'; version: string; note?: string }[];
  absent: { name: string; why: string }[];
  /** What the simulator keeps. */
  simulated: Point[];
  machine: string;
  /** Share of the CPUs that something else used when the run began. */
  busyBefore: number;
  command: string;
  day: string;
  /** File names below docs/, with their titles. */
  plots: { file: string; title: string }[];
}

/** Above this the page warns. */
const QUIET_MAX = 0.05;

export const table = (head: string[], rows: string[][]) => {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
};

const shown = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

/** A median, and the least and the most of the rounds where there were several. */
function figure({ results }: Setup, peer: string, { key, digits }: Row): string {
  const spread = results.spread(peer, key)?.map((value) => shown(value, digits));
  return shown(results.median(peer, key), digits) + (spread ? ` (${spread.join('–')})` : '');
}

const verdicts = { aim: 'aim reached', must: 'holds', missed: '**missed**', unknown: 'not measured' };

const selfOf = ({ columns }: Setup) => columns.find(({ kind }) => kind === 'self')?.name ?? '';

/** Upkeep by number of members: real ones of this run, then simulated ones. */
function points(setup: Setup): Point[] {
  const own = (key: string) => setup.results.median(selfOf(setup), key);
  const real = MEMBERS.map((members): Point => {
    const [control, memory] = [own(`m${members}.idleBytes`), own(`m${members}.idleRss`)];
    return { members, real: true, control, memory };
  });
  return [...real.filter(({ control }) => Number.isFinite(control)), ...setup.simulated];
}

export function judgements(setup: Setup): Judged[] {
  const { results, scenes, columns } = setup;
  const self = selfOf(setup);
  const rivals = columns.filter(({ kind }) => kind === 'peer').map(({ name }) => name);
  const derived = memberFigures(points(setup));
  const look = (peer: string, key: string) =>
    peer === self && key in derived ? (derived[key] ?? NaN) : results.median(peer, key);
  return [...scenes.flatMap(rowsOf), ...memberRows].flatMap((row) =>
    (row.targets ?? []).map((target) => judge(row, target, self, rivals, look)),
  );
}

export function targetLine(
  { row, target, of, value, beside, besideValue, seen, verdict }: Judged,
  self: string,
): string[] {
  const sign = row.better === 'more' ? '≥' : '≤';
  const bound = (limit: number | undefined) => {
    if (limit === undefined || (limit === 0 && row.better === 'more')) return '';
    return `${sign} ${Number(limit.toFixed(2))}${target.beside === null ? '' : ' ×'}`;
  };
  const other = beside ? `${beside} ${shown(besideValue, row.digits)}` : (target.beside ?? '');
  const ratio = target.beside === null ? '' : Number.isFinite(seen) ? `${seen.toFixed(2)} ×` : '–';
  const label = of === self ? row.label : `${row.label} (${of})`;
  return [label, shown(value, row.digits), other, ratio, bound(target.must), bound(target.aim), verdicts[verdict]];
}

function sceneTable(setup: Setup, rows: Row[]): string {
  const { results, columns } = setup;
  const used = columns.filter(({ name }) => rows.some(({ key }) => Number.isFinite(results.median(name, key))));
  const lines = rows.map((row) => [row.label, ...used.map(({ name }) => figure(setup, name, row))]);
  return used.length ? table(['', ...used.map(({ name }) => name)], lines) : 'Not measured in this run.';
}

const list = (lines: string[]) => lines.map((line) => `- ${line}`).join('\n');

function memberTable(setup: Setup): string {
  const lines = points(setup).map(({ members, real, control, memory }) => [
    ...[String(members), real ? 'real' : 'simulated', shown(control, 1)],
    shown(memory, 1),
  ]);
  const head = ['members', '', 'upkeep, bytes/s that each sends', 'resident, MB a member'];
  return lines.length ? table(head, lines) : 'Not measured in this run.';
}

/** Why a run does not count as a success, a sentence each: bounds that were missed, and what Weft could not be measured at. */
export function shortfalls(setup: Setup): string[] {
  const self = selfOf(setup);
  return [
    ...judgements(setup)
      .filter(({ verdict }) => verdict === 'missed')
      .map((one) => targetLine(one, self).filter(Boolean).join(' | ')),
    ...setup.results.failures(self),
  ];
}

/** The whole growth, and what of it is judged. */
function besideLogarithm(points: readonly Point[]): string {
  const told = fromTheFewest(points);
  if (!told) return '';
  return `${told}A member of a small network has a session with everybody, of a larger one with a few, so simulated ones are judged from ${JUDGED_FROM} on, and real ones by what each doubling adds.\n`;
}

export function page(setup: Setup): string {
  const { results, scenes, columns, absent, machine, busyBefore, command, day, plots } = setup;
  const self = selfOf(setup);
  const judged = judgements(setup).map((one) => targetLine(one, self));
  const failures = results.failures();
  const sections = scenes.map((scene) => `## ${scene.title}\n\n${sceneTable(setup, rowsOf(scene))}\n`);
  return `# Benchmarks

Written by \`npm run bench\` on ${day}; this run: \`${command}\`, ${machine}.
Medians of ${results.rounds} ${results.rounds === 1 ? 'round' : 'rounds, in brackets the least and the most'}; in each round every peer has its turn on fresh namespaces joined by veth and a bridge, another one first each time. All hosts, the programs that
send and receive and the kernel share the machine's cores, so ratios within one run count and absolute figures are this machine's.

${busyBefore > QUIET_MAX ? `**The machine was not quiet: ${(busyBefore * 100).toFixed(0)} % of its CPUs were busy when this run began, so the figures are noisy.**\n\n` : ''}One round takes about 40 minutes on a quiet machine, each further one 25; three give the medians: \`sudo npm run bench -- --rounds 3\`. Ctrl-C ends
after the present turn and writes what is there; \`--more\` goes on with it, as does a higher \`--rounds\`. \`--quick\` (three minutes) compares with wireguard-go alone; \`--peers a,b\` and \`--only MEASURE,…\` (${[
    ...new Set(scenes.flatMap(({ measures }) => measures.map(({ name }) => name))),
  ].join(', ')}) choose,
\`--ready\` builds no peer, \`--seconds N\` and \`--idle N\` set how long TCP streams and idle members are watched. The command fails when a bound ("must") is missed. CPU time is the
kernel's, by thread, in nanoseconds, helper programs included.

${list(columns.map(({ name, version, note }) => `${name} ${version}${note ? `: ${note}` : ''}`))}
${absent.length ? `\nAbsent:\n\n${list(absent.map(({ name, why }) => `${name}: ${why}`))}\n` : ''}
## Targets

${table(['', self, 'beside', 'ratio', 'must', 'aim', ''], judged)}

${sections.join('\n')}
## Cost against members

Upkeep of simulated members: all run. Memory of simulated members: 8 run, among ever more by their records; theirs is an eighth of the process's
(\`npm run sim -- --report scale-8,…,records-500,…\` keeps its figures in docs/plots).
${besideLogarithm(points(setup))}
${memberTable(setup)}

${plots.length ? `## Plots\n\n${plots.map(({ file, title }) => `![${title}](${file})`).join('\n')}\n` : ''}${
    failures.length ? `\n## What could not be measured\n\n${list(failures)}\n` : ''
  }`;
}
