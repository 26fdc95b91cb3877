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

/** A table in Markdown; a bar in a cell would end it. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
