// Text for people: tables, durations, sizes. Names come from other members, so nothing in them may steer the terminal.

/** Control characters (escape sequences among them) and bidirectional overrides as visible marks. */
export const clean = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');

/** Columns as wide as their widest cell, two spaces apart; an empty table is an empty text. */
export function table(head: string[], rows: string[][], indent = ''): string {
  if (rows.length === 0) return '';
  const lines = [head, ...rows.map((row) => row.map(clean))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => [...(line[column] ?? '')].length)));
  const pad = (cell: string, column: number): string => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length);
  return lines.map((line) => `${indent}${line.map(pad).join('  ').trimEnd()}\n`).join('');
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 24 * 3600, w: 7 * 24 * 3600 };

/** "90s", "30m", "24h", "7d", "2w" → seconds; null when it is something else. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})([smhdw])$/.exec(text.trim());
  return match ? Number(match[1]) * (UNITS[match[2] as string] as number) : null;
}

/** "HOST:PORT", "[V6]:PORT" → its parts; null when it is something else. */
export function parseAddress(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  return match && port <= 65_535 ? { host: (match[1] ?? match[2]) as string, port } : null;
}

export const bytes = (count: number): string => {
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`;
};
