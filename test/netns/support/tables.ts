// The tables of docs/connectivity.md and docs/multicast.md: each test file of the lab replaces its own. The first page is put together from
// all of its; into the second, which the simulator writes as well, each puts its section.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { MULTICAST_HEAD } from '../../pages/multicast.ts';
import { markdownTable, withSection } from '../../pages/sections.ts';
import { projectRoot } from './shell.ts';

export type Page = 'connectivity' | 'multicast';

const folderOf = (page: Page): string => join(projectRoot, '.build', page);

export interface Table {
  title: string;
  /** A sentence or two below the title. */
  note: string;
  head: string[];
  rows: string[][];
}

/** True in `npm run lab`: everything runs, and tables are written. */
export const inLab = process.env['WEFT_LAB'] === '1';

/** Keeps a table under a name that sorts as the tables are to be read, and writes the page. Does nothing outside of the lab. */
export function writeTable(name: string, table: Table, page: Page = 'connectivity'): void {
  if (!inLab) return;
  const made = { ...table, day: new Date().toISOString().slice(0, 10) };
  if (page === 'multicast') return writeSection(name, made);
  mkdirSync(folderOf(page), { recursive: true });
  writeFileSync(join(folderOf(page), `${name}.json`), JSON.stringify(made));
  writeFileSync(join(projectRoot, `docs/${page}.md`), pageOf(page));
}

function writeSection(name: string, made: Made): void {
  const file = join(projectRoot, 'docs/multicast.md');
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '';
  writeFileSync(file, withSection(page, MULTICAST_HEAD, name, section(made)));
}

const connectivityHead = (machine: string): string => `# Connectivity

Written by \`npm run lab\` on ${machine}. Sites are network namespaces behind nft NATs, Debian's squid, coturn and
miniupnpd; each kind is proved by test/netns/sites.test.ts, what theory allows is in test/netns/expected.ts.
`;

function pageOf(page: Page): string {
  const folder = folderOf(page);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Linux ${release()}`;
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const sections = names.map((name) => section(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Made));
  return connectivityHead(machine) + sections.join('');
}

type Made = Table & { day: string };

function section({ title, note, head, rows, day }: Made): string {
  return `\n## ${title}\n\n${note} (${day})\n\n${markdownTable(head, rows)}\n`;
}
