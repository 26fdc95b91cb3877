// The report says what falls short, and draws what there is.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawChart } from './curves.ts';
import { LINES, type Line } from './lines.ts';
import { keep, readResults, resultsOf, variantOf, type Result } from './results.ts';
import { report } from './run.ts';
import { literatureTable, recordsTable, scaleTable } from './tables.ts';
import { bytesForRecord, missesOf, recordsMiss, shortBy } from './targets.ts';

const result = (over: Partial<Result>): Result => ({
  ...{ command: 'npm run sim', failure: '', members: 512, records: 512, alive: 400, virtualS: 1_800, realS: 600 },
  ...{ memberSecondsPerSecond: 1, memoryMB: 1_000, memoryPerMemberMB: 2, memoryPerRecordB: 3, due: 1, ratio: 0.999 },
  ...{ ratioFromStart: 0.99, healP50Ms: null, healMaxMs: null, senderCopiesMean: 4, kindsActive: [], kindsIdle: [] },
  ...{ gapMaxMs: 900, gapP50Ms: 100, gapP95Ms: 500, silences: 3, silenceP95Ms: 400, delaysMs: [1, 2, 3] },
  ...{ rdpMean: 1.5, rdpP95: 2, sendsPerDelivery: 1.01, twice: 0.01, stripes: 1, depth: 5, degreeMax: 6 },
  ...{
    senderCopiesMax: 6,
    senderCopiesP99: 4,
    degrees: [0.8, 0.1, 0.1],
    nonContributors: 0.8,
    neverSent: 0.5,
    outdegreeMax: 6,
    unwanted: 0,
  },
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

function inEmptyFolder(work: () => void): void {
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'weft-report-'));
  process.chdir(folder);
  try {
    work();
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
}

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

describe('what really was sent', () => {
  it('counts against the targets, not what was planned', () => {
    expect(missesOf('literature', result({ outdegreeMax: 12, degreeMax: 6, senderCopiesP99: 5 }))).toEqual([
      'outdegree ≤ 8: 12, short by 4',
      'sender’s copies ≤ 4 at p99: 5, short by 1',
    ]);
    expect(missesOf('literature', result({ outdegreeMax: 6, degreeMax: 9 }))).toEqual(['outdegree ≤ 8: 9, short by 1']);
  });
});

describe('a line that ran with other options', () => {
  const line = LINES.find(({ name }) => name === 'churn-30') as Line;

  it('is kept under them, shown as that, and meets no target for the line', () => {
    expect(variantOf(line, { nodes: 512 })).toBe('');
    expect(variantOf(line, { nodes: 64, seed: 2007 })).toBe('--nodes 64');
    const results = { 'churn-30 --nodes 64': result({ members: 64 }), 'churn-300': result({}) };
    expect(resultsOf(results, 'churn-30').map(({ variant }) => variant)).toEqual(['--nodes 64']);
    const table = literatureTable(results);
    expect(table).toContain('*not the line:* `--nodes 64`');
    expect(rowOf(table, '| delivered |')).toContain('not run');
    expect(table).toContain('Not run for this page: `churn-120`, `churn-30`');
  });

  it('goes when the line itself runs, and takes nothing else with it', () => {
    inEmptyFolder(() => {
      keep(line, { nodes: 64 }, result({ members: 64 }));
      keep(LINES[0] as Line, {}, result({}));
      expect(Object.keys(readResults())).toEqual(['churn-120', 'churn-30 --nodes 64']);
      keep(line, {}, result({}));
      expect(Object.keys(readResults())).toEqual(['churn-120', 'churn-30']);
    });
  });
});

describe('what a record costs', () => {
  const holding = (records: number, eachMB: number) => result({ records, memoryMB: 8 * eachMB, alive: 8 });
  const three = {
    'records-500': holding(500, 2),
    'records-1000': holding(1_000, 3),
    'records-4000': holding(4_000, 4),
  };

  it('is what the most records take more than the fewest, whatever a member takes without any', () => {
    expect(bytesForRecord(Object.values(three))).toBeCloseTo((2 * (1 << 20)) / 3_500);
    expect(bytesForRecord([three['records-500']])).toBeNaN();
    expect(recordsMiss(Object.values(three))).toBe('memory of a record ≤ 400 B: 599 B, short by 199 B');
    expect(recordsMiss([holding(0, 1), holding(1 << 20, 401)])).toBeNull();
    expect(recordsMiss([three['records-500']])).toBeNull();
  });

  it('is told from line to line', () => {
    const table = recordsTable(three);
    expect(rowOf(table, '| 1000 |')).toContain('| 2097 B |');
    expect(rowOf(table, '| 4000 |')).toContain('| 350 B |');
    expect(table).toContain('**599 B** for each record');
  });
});

describe('a report', () => {
  it('names what falls short, the model’s word included, after it wrote the page', () => {
    inEmptyFolder(() => {
      const [good, bad] = LINES as [Line, Line];
      keep(good, {}, result({}));
      expect(report([], {})).toEqual([]);
      const short = { gapP95Ms: 1_500, failure: '3 packets arrived more than once. {"due":1}' };
      keep(bad, {}, result({ ...short, command: 'npm run sim -- --mttf 1800' }));
      expect(report([], {})).toEqual([
        'churn-30: gap p95 ≤ 1 s: 1500 ms, short by 500 ms',
        'churn-30: the model: 3 packets arrived more than once.',
      ]);
      expect(existsSync('docs/multicast.md')).toBe(true);
    });
  });

  it('asks nothing of a healing where nothing was apart', () => {
    expect(missesOf('failures', result({ healMaxMs: null }))).toEqual([]);
    expect(missesOf('failures', result({ healMaxMs: 30_500 }))).toEqual([
      'heard again ≤ 30 s after a partition: 30500 ms, short by 500 ms',
    ]);
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
