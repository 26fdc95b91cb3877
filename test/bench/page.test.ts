import { describe, expect, it } from 'vitest';
import { page, type Setup } from './page.ts';
import { plot } from './plot.ts';
import { Results } from './results.ts';
import { scenes } from './scenes.ts';

function setup(figures: Record<string, Record<string, number>>): Setup {
  const results = new Results('/dev/null', true);
  for (const [peer, own] of Object.entries(figures))
    results.samples.push({ peer, scene: 'pair', transport: 'udp', round: 1, figures: own });
  const column = (name: string, kind: 'self' | 'peer' | 'floor') => ({ name, kind, version: '1' });
  const columns = [column('Weft', 'self'), column('wireguard-go', 'peer'), column('bare veth', 'floor')];
  const absent = [{ name: 'ZeroTier', why: 'no package' }];
  return { results, scenes, columns, absent, machine: 'm', busyBefore: 0.01, command: 'c', day: 'd', plots: [] };
}

describe('the page', () => {
  const text = page(setup({ Weft: { tcp1: 9, rss: 200 }, 'wireguard-go': { tcp1: 3 } }));
  const line = (start: string) => text.split('\n').find((candidate) => candidate.startsWith(start));
  it('gives ratios and verdicts', () => {
    expect(line('| TCP, 1 stream, Gbit/s')).toBe(
      '| TCP, 1 stream, Gbit/s | 9.00 | wireguard-go 3.00 | 3.00 × | ≥ 2.3 × | ≥ 3 × | aim reached |',
    );
    expect(line('| resident memory')).toContain('| 200 |  |  | ≤ 120 | ≤ 90 | **missed** |');
  });
  it('says what is absent and what was not measured', () => {
    expect(text).toContain('- ZeroTier: no package');
    expect(line('| UDP 64 B')).toContain('not measured');
  });
  it('has a table per scene with columns that hold something', () => {
    expect(text).toContain('| TCP, 1 stream, Gbit/s | 9.00 | 3.00 |\n');
    expect(text).toContain('## Idle\n\nNot measured in this run.');
  });
});

describe('a busy machine', () => {
  it('is told', () => {
    const quiet = setup({});
    expect(page(quiet)).not.toContain('not quiet');
    expect(page({ ...quiet, busyBefore: 0.5 })).toContain('not quiet: 50 %');
  });
});

describe('plots', () => {
  it('draw what there is, and escape names', () => {
    const bars = [
      { name: 'a<b', value: 2, kind: 'self' as const },
      { name: 'c', value: NaN, kind: 'peer' as const },
    ];
    const svg = plot([{ title: 't & u', digits: 1, better: 'more', bars }]);
    expect(svg).toContain('a&lt;b');
    expect(svg).toContain('t &amp; u');
    expect(svg?.match(/<rect x=/g)).toHaveLength(1);
    expect(plot([{ title: '', digits: 1, better: 'less', bars: bars.slice(1) }])).toBeNull();
  });
});
