// The tables of docs/connectivity.md and docs/multicast.md: each test file of the lab puts its rows into its own section, so that files, and
// tests of a file, can be run one by one.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { it, type TestOptions } from 'vitest';
import { CONNECTIVITY_HEAD } from '../../pages/connectivity.ts';
import { MULTICAST_HEAD } from '../../pages/multicast.ts';
import { markdownTable, mergedRows, sectionOf, withSection } from '../../pages/sections.ts';
import { projectRoot } from './shell.ts';

const HEADS = { connectivity: CONNECTIVITY_HEAD, multicast: MULTICAST_HEAD };

export type Page = keyof typeof HEADS;

export interface Table {
  title: string;
  /** A sentence or two below the title. */
  note: string;
  head: string[];
  rows: string[][];
  /** How many cells at the left name a row; 1 unless told. */
  keys?: number;
}

/** True in `npm run lab`: everything runs, and tables are written. */
export const inLab = process.env['WEFT_LAB'] === '1';

/** A test of `npm run lab` alone; elsewhere it is said that it was left out. */
export function labIt(name: string, options: TestOptions, run: () => Promise<void>): void {
  if (!inLab) console.log(`skipped: only in npm run lab: ${name}`);
  it.runIf(inLab)(name, options, run);
}

/** Puts rows into a page's section, whose name sorts as it is to be read; each row says when it was measured. Outside of the lab: nothing. */
export function writeTable(name: string, table: Table, page: Page = 'connectivity'): void {
  if (!inLab || table.rows.length === 0) return;
  const file = join(projectRoot, `docs/${page}.md`);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const day = new Date().toISOString().slice(0, 10);
  const head = [...table.head, 'day'];
  const measured = table.rows.map((row) => [...row, day]);
  const rows = mergedRows(sectionOf(text, name), head, measured, table.keys ?? 1);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Linux ${release()}`;
  const section = `## ${table.title}\n\n${table.note} (${machine})\n\n${markdownTable(head, rows)}`;
  writeFileSync(file, withSection(text, HEADS[page], name, section));
}
