import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Row } from './measure.ts';
import { judge, Results } from './results.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('results', () => {
  it('are medians over rounds, and survive a run that was cut short', () => {
    const file = join(folder, 'samples.jsonl');
    const first = new Results(file, false);
    [5, 1, 3].forEach((tcp1, index) =>
      first.add({ peer: 'Weft', scene: 'pair', transport: 'udp', round: index + 1, figures: { tcp1 } }),
    );
    // JSON has no NaN: a figure that could not be taken comes back as null.
    first.add({
      peer: 'Weft',
      scene: 'pair',
      transport: 'udp',
      round: 4,
      figures: { tcp1: NaN },
      failed: ['tcp: no answer'],
    });
    const again = new Results(file, true);
    expect(again.median('Weft', 'tcp1')).toBe(3);
    expect(again.median('Weft', 'udp64')).toBeNaN();
    expect(again.spread('Weft', 'tcp1')).toEqual([1, 5]);
    expect(again.spread('Weft', 'udp64')).toBeNull();
    expect(again.failures()).toEqual(['Weft, pair: tcp: no answer']);
    expect(again.failures('Weft')).toHaveLength(1);
    expect(again.failures('tinc')).toEqual([]);
    expect(new Results(file, false).samples).toEqual([]);
  });
});

describe('a verdict', () => {
  const more: Row = { key: 'rate', label: '', better: 'more', digits: 1 };
  const less: Row = { key: 'cost', label: '', better: 'less', digits: 1 };
  const values: Record<string, Record<string, number>> = {
    Weft: { rate: 9, cost: 2 },
    slow: { rate: 3, cost: 8 },
    slower: { rate: 1, cost: 10, other: 4 },
    silent: { rate: 0, cost: NaN },
  };
  const look = (peer: string, key: string) => values[peer]?.[key] ?? NaN;
  const of = (row: Row, target: Parameters<typeof judge>[1]) =>
    judge(row, target, 'Weft', ['slow', 'slower', 'silent'], look);

  it('compares with the best of the others', () => {
    expect(of(more, { beside: 'best', must: 2, aim: 3 })).toMatchObject({ beside: 'slow', seen: 3, verdict: 'aim' });
    expect(of(more, { beside: 'best', must: 3, aim: 4 })).toMatchObject({ verdict: 'must' });
    expect(of(more, { beside: 'best', must: 4 })).toMatchObject({ verdict: 'missed' });
    expect(of(less, { beside: 'best', must: 1 / 3 })).toMatchObject({ beside: 'slow', seen: 0.25, verdict: 'must' });
  });
  it('looks into other rows where told', () => {
    expect(of(more, { beside: 'best', must: 2, rows: ['rate', 'other'] })).toMatchObject({
      beside: 'slower',
      seen: 2.25,
    });
  });
  it('bounds a figure itself', () => {
    expect(of(less, { beside: null, must: 3, aim: 2 })).toMatchObject({ seen: 2, verdict: 'aim' });
    expect(of(less, { beside: null, must: 1 })).toMatchObject({ verdict: 'missed' });
  });
  it('divides by another row of the same column where told', () => {
    expect(of(less, { beside: null, per: 'rate', must: 0.25 })).toMatchObject({ seen: 2 / 9, verdict: 'must' });
    expect(of(less, { beside: null, per: 'rate', must: 0.2 })).toMatchObject({ verdict: 'missed' });
    expect(of(less, { beside: null, per: 'other', must: 9 })).toMatchObject({ verdict: 'unknown' });
  });
  it('holds for a bound of none only when there is none', () => {
    const none = (value: number) => judge(less, { beside: null, must: 0 }, 'Weft', [], () => value).verdict;
    expect([none(0), none(1)]).toEqual(['must', 'missed']);
  });
  it('claims nothing where a figure is missing', () => {
    expect(of(more, { beside: 'silent', must: 2 })).toMatchObject({ verdict: 'unknown' });
    expect(of(less, { of: 'silent', beside: 'slow', must: 2 })).toMatchObject({ verdict: 'unknown' });
  });
});
