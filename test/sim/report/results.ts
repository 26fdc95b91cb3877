// The figures of all lines that ran, kept beside the pages they are made for: a line that runs again replaces its own.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import type { Figures } from '../support/figures.ts';
import type { SimOptions } from '../support/options.ts';
import type { Line } from './lines.ts';

export interface Result extends Figures {
  /** Date of the run. */
  day: string;
  machine: string;
}

export type Results = Record<string, Result>;

const FILE = 'docs/plots/simulator.json';

export const readResults = (): Results => (existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results) : {});

/** Options that are not the line's, as they are given; empty when it ran as it is. */
export function variantOf(line: Line, given: Partial<SimOptions>): string {
  const others = Object.entries(given).filter(
    ([name, value]) => JSON.stringify(line.options[name as keyof SimOptions]) !== JSON.stringify(value),
  );
  return others.map(([name, value]) => `--${name} ${String(value)}`).join(' ');
}

/** What ran under a line's name: the line itself first. */
export function resultsOf(results: Results, name: string): { variant: string; result: Result }[] {
  const own = Object.entries(results).filter(([key]) => key === name || key.startsWith(`${name} `));
  return own.map(([key, result]) => ({ variant: key.slice(name.length).trim(), result }));
}

/** A line that runs as it is replaces all that ran under its name; with other options it is kept beside it, under those. */
export function keep(line: Line, given: Partial<SimOptions>, figures: Figures): Result {
  const result = {
    ...figures,
    day: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}`,
  };
  const variant = variantOf(line, given);
  const isOther = (key: string): boolean => variant !== '' || (key !== line.name && !key.startsWith(`${line.name} `));
  const kept = Object.entries(readResults()).filter(([key]) => isOther(key));
  const all = { ...Object.fromEntries(kept), [`${line.name} ${variant}`.trim()]: result };
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
  return result;
}
