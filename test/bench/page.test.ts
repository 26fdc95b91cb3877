import { describe, expect, it } from 'vitest';
import { page, shortfalls, type Setup } from './page.ts';
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
  const told = { machine: 'm', busyBefore: 0.01, command: 'c', day: 'd', plots: [] };
  return { results, scenes, columns, absent, simulated: [], ...told };
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

describe('several rounds', () => {
  it('show their spread', () => {
    const several = setup({ Weft: { tcp1: 9 } });
    several.results.samples.push({ peer: 'Weft', scene: 'pair', transport: 'udp', round: 2, figures: { tcp1: 8 } });
    expect(page(several)).toContain('| TCP, 1 stream, Gbit/s | 9.00 (8.00–9.00) |\n');
  });
});

describe('a run', () => {
  const within = { Weft: { tcp1: 9, rss: 90 }, 'wireguard-go': { tcp1: 3 } };
  it('succeeds when each bound that was looked at holds', () => {
    expect(shortfalls(setup(within))).toEqual([]);
  });
  it('falls short of a bound that is missed, and when Weft itself could not be measured', () => {
    expect(shortfalls(setup({ ...within, Weft: { tcp1: 3, rss: 90 } }))).toEqual([
      'TCP, 1 stream, Gbit/s | 3.00 | wireguard-go 3.00 | 1.00 × | ≥ 2.3 × | ≥ 3 × | **missed**',
    ]);
    const broken = setup(within);
    const place = { scene: 'eight', transport: 'udp', round: 1, figures: {} };
    broken.results.samples.push({ ...place, peer: 'wireguard-go', failed: ['x: its own matter'] });
    expect(shortfalls(broken)).toEqual([]);
    broken.results.samples.push({ ...place, peer: 'Weft', failed: ['multicast: silence'] });
    expect(shortfalls(broken)).toEqual(['Weft, eight: multicast: silence']);
  });
  it('judges all that a plain NIC shows, and copies beside the tree', () => {
    const plain = { 'plain.udp1300': 5, 'plain.pingLoad99': 3 };
    const missed = shortfalls(
      setup({
        Weft: { ...plain, copies: 5, degree: 4, strangers: 1 },
        'wireguard-go': { 'plain.udp1300': 6, 'plain.pingLoad99': 2 },
      }),
    );
    expect(missed).toHaveLength(4);
  });
});

describe('the cost against members', () => {
  it('stands real members beside simulated ones', () => {
    const simulated = [8, 128, 512].map((members) => ({ members, real: false, control: 9, memory: NaN }));
    const text = page({
      ...setup({ Weft: { 'm2.idleBytes': 10, 'm8.idleBytes': 40, 'm24.idleBytes': 80 } }),
      simulated,
    });
    expect(text).toContain('| 24 | real | 80.0 | – |\n| 8 | simulated | 9.0 | – |');
    expect(text).toMatch(/\| simulated members, 100 and more: growth .* \| 0.78 \| .* \| holds \|/);
    expect(text).toContain('real ones, from 2: 1.74 ×; simulated ones, from 8: 0.33 ×');
    expect(text).toMatch(/\| real members: .* \| 1.68 \| .* \| \*\*missed\*\* \|/);
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
