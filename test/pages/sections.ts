// A page put together from sections that different runs write: each between its own markers, in the order of their names.

const BEGIN = /^<!-- section (\S+) -->$/;
const END = '<!-- end -->';

/** The page with this section in place of what it had under the name. Everything outside of markers is the head's. */
export function withSection(page: string, head: string, name: string, text: string): string {
  const sections = sectionsOf(page);
  sections.set(name, text.trim());
  const parts = [...sections]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, body]) => `<!-- section ${key} -->\n\n${body}\n\n${END}\n`);
  return [head.trimEnd() + '\n', ...parts].join('\n');
}

/** What the page has under that name, without markers; '' when there is nothing. */
export const sectionOf = (page: string, name: string): string => sectionsOf(page).get(name) ?? '';

/**
 * The rows of the table in `section` with `rows` in their places, so that a part of a lab can be run again by itself. A row is known by
 * its first `keys` cells; new ones come last. A table with another head is a different one: nothing of it stays.
 */
export function mergedRows(
  section: string,
  head: readonly string[],
  rows: readonly string[][],
  keys: number,
): string[][] {
  const keyOf = (row: readonly string[]): string => row.slice(0, keys).map(cellText).join(' | ');
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  const cellsOf = (line: string): string[] => line.slice(2, -2).split(' | ');
  const [was, ...before] = lines.map(cellsOf);
  const isSame = was !== undefined && was.join() === head.map(cellText).join();
  const merged = new Map(isSame ? before.map((row) => [keyOf(row), row]) : []);
  for (const row of rows) merged.set(keyOf(row), row);
  return [...merged.values()];
}

function sectionsOf(page: string): Map<string, string> {
  const sections = new Map<string, string>();
  let name: string | null = null;
  let lines: string[] = [];
  for (const line of page.split('\n')) {
    const begin = BEGIN.exec(line);
    if (begin) {
      name = begin[1] as string;
      lines = [];
    } else if (line === END && name !== null) {
      sections.set(name, lines.join('\n').trim());
      name = null;
    } else if (name !== null) lines.push(line);
  }
  return sections;
}

const cellText = (cell: string): string => cell.replaceAll('|', '/');

/** A table in Markdown; a bar in a cell would end it. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
