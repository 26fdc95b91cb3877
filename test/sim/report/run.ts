// Runs lines, each in a process of its own so that memory is that line's; writes the pages; says what falls short.
import { spawnSync } from 'node:child_process';
import type { SimOptions } from '../support/options.ts';
import { LINES, type Line } from './lines.ts';
import { writePages } from './pages.ts';
import { readResults, resultsOf, variantOf } from './results.ts';
import { missesOf, recordsMiss } from './targets.ts';

/** Names the lines that `--line` runs: all, none (`pages`: what ran before), or some. */
export function linesOf(names: string): Line[] | null {
  if (names === 'pages') return [];
  if (names === 'all') return [...LINES];
  const chosen = names.split(',').map((name) => LINES.find((line) => line.name === name));
  return chosen.every((line) => line !== undefined) ? chosen : null;
}

/** The arguments without `--report NAMES`: a line's own. */
const argumentsOfLine = (): string[] =>
  process.argv.slice(2).filter((_, index, all) => all[index] !== '--report' && all[index - 1] !== '--report');

/** What falls short: a sentence each. */
export function report(lines: readonly Line[], given: Partial<SimOptions>): string[] {
  const broken: string[] = [];
  for (const { name } of lines) {
    const [script] = process.argv.slice(1) as [string];
    const args = [...process.execArgv, script, '--line', name, ...argumentsOfLine()];
    const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (status !== 0) broken.push(`${name}: broke off (${signal ?? `exit ${status}`})`);
  }
  writePages();
  return [...broken, ...missed(lines.length > 0 ? lines : LINES, given)];
}

/** Of what ran just now, or, without lines to run, of all that is on the pages. */
function missed(lines: readonly Line[], given: Partial<SimOptions>): string[] {
  const results = readResults();
  const records = lines.flatMap(({ table, name }) => (table === 'records' ? (results[name] ?? []) : []));
  const each = lines.flatMap((line) => {
    const wanted = variantOf(line, given);
    const found = resultsOf(results, line.name).find(({ variant }) => variant === wanted);
    if (!found) return [];
    const name = `${line.name} ${wanted}`.trim();
    return missesOf(line.table, found.result).map((sentence) => `${name}: ${sentence}`);
  });
  const costly = recordsMiss(records);
  return costly === null ? each : [...each, costly];
}
