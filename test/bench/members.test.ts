import { describe, expect, it } from 'vitest';
import { fromTheFewest, growth, memberFigures, perRecord, simulated, steepening, type Point } from './members.ts';

const point = (members: number, control: number, more: Partial<Point> = {}): Point => ({
  ...{ members, control, real: false, memory: NaN },
  ...more,
});

describe('growth with members', () => {
  it('is 1 for the logarithm, less for what is flatter, more for what is steeper', () => {
    expect(growth([point(1024, 100), point(4, 20), point(64, 999)])).toBe(1);
    expect(growth([point(4, 20), point(1024, 20)])).toBe(0.2);
    expect(growth([point(4, 20), point(1024, 5120)])).toBeCloseTo(51.2);
  });
  it('claims nothing with one number of members', () => {
    expect(growth([point(8, 20), point(8, 30)])).toBeNaN();
    expect(growth([])).toBeNaN();
  });
});

describe('what a doubling adds', () => {
  it('is as much at each step of a logarithm, whatever it begins with', () => {
    expect(steepening([point(2, 1), point(8, 11), point(32, 21), point(64, 26)])).toBe(1);
    expect(steepening([point(64, 26), point(2, 25), point(8, 25.5)])).toBeCloseTo((0.5 / 3) * 4);
  });
  it('is more where it becomes steeper anywhere, and nothing where it falls', () => {
    expect(steepening([point(2, 2), point(4, 4), point(8, 8), point(16, 8)])).toBe(2);
    expect(steepening([point(2, 9), point(4, 9), point(8, 8)])).toBe(0);
    expect(steepening([point(2, 9), point(4, 9), point(8, 10)])).toBe(Infinity);
  });
  it('claims nothing with two numbers of members', () => {
    expect(steepening([point(8, 20), point(16, 30)])).toBeNaN();
  });
  it('is told beside the whole growth', () => {
    const real = [point(2, 4, { real: true }), point(8, 24, { real: true })];
    expect(fromTheFewest([...real, point(8, 9), point(512, 9)])).toBe(
      'Growth beside the logarithm of their number: real ones, from 2: 2.00 ×; simulated ones, from 8: 0.33 ×. ',
    );
    expect(fromTheFewest([point(8, 9)])).toBe('');
  });
});

describe('what the simulator keeps', () => {
  const line = (members: number, more: object = {}) => ({ members, records: members, controlIdle: 9, ...more });
  const weighed = (records: number, memory: number) => line(8, { records, memoryMB: 8 * memory, alive: 8 });
  const text = JSON.stringify({
    'scale-100': line(100),
    'records-4000': weighed(4_000, 5),
    'records-1000': weighed(1_000, 2),
    'records-2000': weighed(2_000, 99),
    'scale-8': line(8),
    'scale-10000': line(10_000, { failure: 'it fell short' }),
    'churn-30': line(128),
    'scale-9': line(9, { controlIdle: null }),
  });
  it('is read where it ran to its end and idle', () => {
    expect(simulated(text).map(({ members }) => members)).toEqual([8, 100, 1_000, 2_000, 4_000]);
  });
  it('is judged from a hundred members on', () => {
    const points = [point(8, 20), point(128, 60), point(512, 60), point(2, 9, { real: true })];
    expect(memberFigures(points).growthSimulated).toBeCloseTo(7 / 9);
  });
  it('is judged apart from real hosts, memory by what the most records take more than the fewest', () => {
    const real = [2, 4, 8].map((members) => point(members, members ** 2, { real: true, memory: members }));
    expect(memberFigures([...real, ...simulated(text)])).toMatchObject({ growthReal: 4, perRecord: (1 << 20) / 1_000 });
    expect(perRecord(real)).toBeNaN();
    expect(perRecord([point(99, 9, { memory: 9 })])).toBeNaN();
  });
});
