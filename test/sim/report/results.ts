// The figures of all lines that ran, kept beside the pages they are made for: a line that runs again replaces its own.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import type { Figures } from '../support/figures.ts';

export interface Result extends Figures {
  /** Date of the run. */
  day: string;
  machine: string;
}

export type Results = Record<string, Result>;

const FILE = 'docs/plots/simulator.json';

export const readResults = (): Results => (existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results) : {});

export function keep(name: string, figures: Figures): Results {
  const result = {
    ...figures,
    day: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}`,
  };
  const sorted = Object.entries({ ...readResults(), [name]: result }).sort(([a], [b]) => (a < b ? -1 : 1));
  const results = Object.fromEntries(sorted);
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
  return results;
}
