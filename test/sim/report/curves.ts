// Curves over logarithmic axes as SVG, written by hand.

export interface Curve {
  name: string;
  points: readonly (readonly [number, number])[];
}

export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  curves: readonly Curve[];
  /** Lines across, such as targets. */
  marks?: readonly { label: string; value: number }[];
}

const WIDTH = 720;
const HEIGHT = 420;
const LEFT = 76;
const RIGHT = 24;
const TOP = 44;
const BOTTOM = 56;
/** Readable on light and on dark pages. */
const COLOURS = ['#2563eb', '#0f9d58', '#b45309', '#7c3aed'];

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Powers of ten around the values. */
function decades(values: readonly number[]): [number, number] {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.ceil(Math.log10(Math.max(...values)) - 1e-9);
  return [low, Math.max(high, low + 1)];
}

/** null without a point above zero. */
export function drawChart({ title, xLabel, yLabel, curves, marks = [] }: Chart): string | null {
  const shown = curves
    .map(({ name, points }) => ({ name, points: points.filter(([x, y]) => x > 0 && y > 0) }))
    .filter(({ points }) => points.length > 0);
  if (shown.length === 0) return null;
  const all = shown.flatMap(({ points }) => points);
  const [xLow, xHigh] = decades(all.map(([x]) => x));
  const [yLow, yHigh] = decades([...all.map(([, y]) => y), ...marks.map(({ value }) => value)]);
  const x = (value: number): string =>
    (LEFT + ((Math.log10(value) - xLow) / (xHigh - xLow)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string =>
    (HEIGHT - BOTTOM - ((Math.log10(value) - yLow) / (yHigh - yLow)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const parts: string[] = [
    `<text x="${LEFT}" y="22" font-size="14" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(xLabel)}</text>`,
    `<text x="${LEFT}" y="${TOP - 6}" font-size="11">${escaped(yLabel)}</text>`,
  ];
  for (let power = xLow; power <= xHigh; power++) {
    const at = x(10 ** power);
    parts.push(`<line x1="${at}" y1="${TOP}" x2="${at}" y2="${HEIGHT - BOTTOM}" stroke="#e2e8f0"/>`);
    parts.push(
      `<text x="${at}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${(10 ** power).toLocaleString('en')}</text>`,
    );
  }
  for (let power = yLow; power <= yHigh; power++) {
    const at = y(10 ** power);
    parts.push(`<line x1="${LEFT}" y1="${at}" x2="${WIDTH - RIGHT}" y2="${at}" stroke="#e2e8f0"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${(10 ** power).toLocaleString('en')}</text>`);
  }
  for (const { label, value } of marks) {
    parts.push(
      `<line x1="${LEFT}" y1="${y(value)}" x2="${WIDTH - RIGHT}" y2="${y(value)}" stroke="#dc2626" stroke-dasharray="6 4"/>`,
      `<text x="${WIDTH - RIGHT}" y="${y(value)}" dy="-5" text-anchor="end" fill="#dc2626">${escaped(label)}</text>`,
    );
  }
  for (const [index, { name, points }] of shown.entries()) {
    const colour = COLOURS[index % COLOURS.length] as string;
    const sorted = [...points].sort(([a], [b]) => a - b);
    const path = sorted.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [px, py] of sorted) parts.push(`<circle cx="${x(px)}" cy="${y(py)}" r="3.5" fill="${colour}"/>`);
    parts.push(`<text x="${LEFT + 12}" y="${TOP + 18 + 16 * index}" fill="${colour}">${escaped(name)}</text>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="Inter, system-ui, sans-serif" font-size="12" fill="#334155">
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}
