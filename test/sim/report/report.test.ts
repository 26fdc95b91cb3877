// The report says what falls short, and draws what there is.
import { describe, expect, it } from 'vitest';
import { drawChart } from './curves.ts';
import { LINES } from './lines.ts';
import type { Result } from './results.ts';
import { literatureTable, scaleTable, shortBy } from './tables.ts';

const result = (over: Partial<Result>): Result => ({
  ...{ command: 'npm run sim', failure: '', members: 512, records: 512, alive: 400, virtualS: 1_800, realS: 600 },
  ...{ memberSecondsPerSecond: 1, memoryMB: 1_000, memoryPerMemberMB: 2, memoryPerRecordB: 3, due: 1, ratio: 0.999 },
  ...{ gapMaxMs: 900, gapP50Ms: 100, gapP95Ms: 500, silences: 3, silenceP95Ms: 400, delaysMs: [1, 2, 3] },
  ...{ rdpMean: 1.5, rdpP95: 2, sendsPerDelivery: 1.01, twice: 0.01, stripes: 1, depth: 5, degreeMax: 6 },
  ...{ senderCopies: 4, degrees: [0.8, 0.1, 0.1], nonContributors: 0.8, neverSent: 0.5, outdegreeMax: 6, unwanted: 0 },
  ...{ controlActive: 900, controlIdle: 150, joins: 0, joinP50Ms: 0, joinP95Ms: 0, stressMean: 2, stressMax: 9 },
  datagrams: {
    sent: 1,
    arrived: 1,
    lostChance: 0,
    lostQueue: 0,
    lostNat: 0,
    lostPartition: 0,
    lostDead: 0,
    noRoute: 0,
  },
  ...{ digest: 'd', day: '2026-11-23', machine: '2 × CPU' },
  ...over,
});

const rowOf = (table: string, label: string): string => table.split('\n').find((line) => line.includes(label)) ?? '';

describe('a target', () => {
  const target = {
    ...{ text: '', bound: 0.998, better: 'more' as const },
    of: (one: Result) => one.ratio,
    shown: (value: number) => value.toFixed(3),
  };

  it('is missed by what the worst run lacks', () => {
    expect(shortBy(target, [result({ ratio: 0.999 })])).toBe('met');
    expect(shortBy(target, [result({ ratio: 0.999 }), result({ ratio: 0.99 })])).toBe('**0.008**');
    expect(shortBy(target, [])).toBe('not run');
  });
});

describe('the table beside the literature', () => {
  it('asks for few idle members only where there are stripes', () => {
    const single = literatureTable({ 'churn-30': result({}) });
    expect(rowOf(single, 'feeds nobody')).toContain('not run');
    const striped = literatureTable({ 'churn-30': result({}), stripes: result({ stripes: 4, nonContributors: 0.3 }) });
    expect(rowOf(striped, 'feeds nobody')).toContain('**5.0 %**');
  });

  it('names lines that were not run, and what the model said', () => {
    const table = literatureTable({ 'churn-30': result({ failure: '98 % delivered, too few. {"due":1}\nseed 1' }) });
    expect(table).toContain('Not run for this page: `churn-120`, `stripes`');
    expect(table).toContain('98 % delivered, too few.');
    expect(table).not.toContain('"due"');
  });
});

describe('the cost against members', () => {
  it('has a row for each size that ran', () => {
    const table = scaleTable({ 'scale-8': result({ members: 8, controlIdle: 80 }), 'scale-512': result({}) });
    expect(rowOf(table, '| 8 |')).toContain('**20 B/s**');
    expect(rowOf(table, '| 512 |')).toContain('met');
  });
});

describe('a chart', () => {
  it('draws points above zero, marks and names; nothing without points', () => {
    const chart = { title: 'T & t', xLabel: 'x', yLabel: 'y', marks: [{ label: 'bound', value: 40 }] };
    expect(drawChart({ ...chart, curves: [{ name: 'c', points: [[8, 0]] }] })).toBe(null);
    const svg =
      drawChart({
        ...chart,
        curves: [
          {
            name: 'c',
            points: [
              [8, 5],
              [64, 50],
            ],
          },
        ],
      }) ?? '';
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toContain('T &amp; t');
    expect(svg).toContain('bound');
  });
});

it('every line has a name of its own', () => {
  expect(new Set(LINES.map(({ name }) => name)).size).toBe(LINES.length);
});
