// Bars as SVG, written by hand: one panel a row, one bar a peer.

export interface Panel {
  title: string;
  digits: number;
  better: 'more' | 'less';
  bars: { name: string; value: number; kind: 'self' | 'peer' | 'floor' }[];
}

const WIDTH = 720;
const NAME_WIDTH = 190;
const VALUE_WIDTH = 80;
const BAR_HEIGHT = 16;
const BAR_GAP = 5;
const PANEL_HEAD = 30;
const PANEL_GAP = 18;
const MARGIN = 16;
/** Readable on light and on dark pages. */
const colours = { self: '#2563eb', peer: '#94a3b8', floor: '#cbd5e1' };

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function panel({ title, digits, better, bars }: Panel, top: number): { svg: string; height: number } {
  const shown = bars.filter(({ value }) => Number.isFinite(value));
  const most = Math.max(...shown.map(({ value }) => value), Number.MIN_VALUE);
  const room = WIDTH - NAME_WIDTH - VALUE_WIDTH - 2 * MARGIN;
  const lines = shown.map(({ name, value, kind }, index) => {
    const y = top + PANEL_HEAD + index * (BAR_HEIGHT + BAR_GAP);
    const length = Math.max(1, (value / most) * room);
    const base = y + BAR_HEIGHT - 4;
    const left = MARGIN + NAME_WIDTH;
    return `<text x="${left - 8}" y="${base}" text-anchor="end"${kind === 'self' ? ' font-weight="bold"' : ''}>${escaped(name)}</text>
<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2" fill="${colours[kind]}"/>
<text x="${(left + length + 6).toFixed(1)}" y="${base}">${value.toFixed(digits)}</text>`;
  });
  const hint = better === 'more' ? 'more is better' : 'less is better';
  const head = `<text x="${MARGIN}" y="${top + 18}" font-size="14" font-weight="bold">${escaped(title)}<tspan font-weight="normal" font-size="11" dx="8">${hint}</tspan></text>`;
  return { svg: [head, ...lines].join('\n'), height: PANEL_HEAD + shown.length * (BAR_HEIGHT + BAR_GAP) };
}

/** A picture of all panels that have a value; null when none has. */
export function plot(panels: Panel[]): string | null {
  const parts: string[] = [];
  let top = MARGIN;
  for (const one of panels.filter(({ bars }) => bars.some(({ value }) => Number.isFinite(value)))) {
    const { svg, height } = panel(one, top);
    parts.push(svg);
    top += height + PANEL_GAP;
  }
  if (!parts.length) return null;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" font-family="Inter, system-ui, sans-serif" font-size="12" fill="#334155">
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}
