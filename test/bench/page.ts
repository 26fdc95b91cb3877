// docs/benchmarks.md out of results.
import type { Row } from './measure.ts';
import { judge, type Judged, type Results } from './results.ts';
import { rowsOf, type Scene } from './scenes.ts';

export interface Setup {
  results: Results;
  scenes: Scene[];
  /** Columns, in order. */
  columns: { name: string; kind: 'self' | 'peer' | 'floor'; version: string; note?: string }[];
  absent: { name: string; why: string }[];
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

const table = (head: string[], rows: string[][]) => {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
};

const shown = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

const verdicts = { aim: 'aim reached', must: 'holds', missed: '**missed**', unknown: 'not measured' };

export function judgements({ results, scenes, columns }: Setup): Judged[] {
  const self = columns.find(({ kind }) => kind === 'self')?.name ?? '';
  const rivals = columns.filter(({ kind }) => kind === 'peer').map(({ name }) => name);
  const look = (peer: string, key: string) => results.median(peer, key);
  return scenes
    .flatMap(rowsOf)
    .flatMap((row) => (row.targets ?? []).map((target) => judge(row, target, self, rivals, look)));
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

function sceneTable({ results, columns }: Setup, rows: Row[]): string {
  const used = columns.filter(({ name }) => rows.some(({ key }) => Number.isFinite(results.median(name, key))));
  const lines = rows.map(({ key, label, digits }) => [
    label,
    ...used.map(({ name }) => shown(results.median(name, key), digits)),
  ]);
  return used.length ? table(['', ...used.map(({ name }) => name)], lines) : 'Not measured in this run.';
}

const list = (lines: string[]) => lines.map((line) => `- ${line}`).join('\n');

export function page(setup: Setup): string {
  const { results, scenes, columns, absent, machine, busyBefore, command, day, plots } = setup;
  const self = columns.find(({ kind }) => kind === 'self')?.name ?? '';
  const judged = judgements(setup).map((one) => targetLine(one, self));
  const failures = results.failures();
  const sections = scenes.map((scene) => `## ${scene.title}\n\n${sceneTable(setup, rowsOf(scene))}\n`);
  return `# Benchmarks

Written by \`npm run bench\` on ${day}; this run: \`${command}\`, ${machine}.
Medians of ${results.rounds} ${results.rounds === 1 ? 'round' : 'rounds'}; in each round every peer has its turn on fresh namespaces joined by veth and a bridge. All hosts, the programs that
send and receive and the kernel share the machine's cores, so ratios within one run count and absolute figures are this machine's.

${busyBefore > QUIET_MAX ? `**The machine was not quiet: ${(busyBefore * 100).toFixed(0)} % of its CPUs were busy when this run began, so the figures are noisy.**\n\n` : ''}One round takes about 40 minutes on a quiet machine, each further one 25; three give the medians: \`sudo npm run bench -- --rounds 3\`. Ctrl-C ends
after the present turn and writes what is there; \`--more\` goes on with it, as does a higher \`--rounds\`. \`--quick\` (three minutes) compares with wireguard-go alone; \`--peers a,b\` and \`--only MEASURE,…\` (${[
    ...new Set(scenes.flatMap(({ measures }) => measures.map(({ name }) => name))),
  ].join(', ')}) choose.

${list(columns.map(({ name, version, note }) => `${name} ${version}${note ? `: ${note}` : ''}`))}
${absent.length ? `\nAbsent:\n\n${list(absent.map(({ name, why }) => `${name}: ${why}`))}\n` : ''}
## Targets

${table(['', self, 'beside', 'ratio', 'must', 'aim', ''], judged)}

${sections.join('\n')}
${plots.length ? `## Plots\n\n${plots.map(({ file, title }) => `![${title}](${file})`).join('\n')}\n` : ''}${
    failures.length ? `\n## What could not be measured\n\n${list(failures)}\n` : ''
  }`;
}
