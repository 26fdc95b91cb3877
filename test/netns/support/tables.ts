// The tables of docs/connectivity.md: each test file of the lab replaces its own, the page is put together from all of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './shell.ts';

const FOLDER = join(projectRoot, '.build/connectivity');

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
export function writeTable(name: string, table: Table): void {
  if (!inLab) return;
  mkdirSync(FOLDER, { recursive: true });
  const made = { ...table, day: new Date().toISOString().slice(0, 10) };
  writeFileSync(join(FOLDER, `${name}.json`), JSON.stringify(made));
  writeFileSync(join(projectRoot, 'docs/connectivity.md'), page());
}

function page(): string {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Linux ${release()}`;
  const head = `# Connectivity\n\nWritten by \`npm run lab\` on ${machine}. Sites are network namespaces behind nft NATs, Debian's squid, coturn and
miniupnpd; each kind is proved by test/netns/sites.test.ts, what theory allows is in test/netns/expected.ts.\n`;
  const names = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];
  return head + names.map((name) => section(JSON.parse(readFileSync(join(FOLDER, name), 'utf8')))).join('');
}

function section({ title, note, head, rows, day }: Table & { day: string }): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |`;
  const table = [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
  return `\n## ${title}\n\n${note} (${day})\n\n${table}\n`;
}
