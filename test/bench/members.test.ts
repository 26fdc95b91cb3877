import { describe, expect, it } from 'vitest';
import { growth, memberFigures, perRecord, simulated, type Point } from './members.ts';

const point = (members: number, control: number, more: Partial<Point> = {}): Point => ({
  ...{ members, control, real: false, perRecord: NaN, memory: NaN },
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

describe('what the simulator keeps', () => {
  const line = (members: number, more: object = {}) => ({ members, controlIdle: 9, memoryPerRecordB: 500, ...more });
  const text = JSON.stringify({
    'scale-100': line(100, { memoryPerRecordB: 390 }),
    'scale-8': line(8),
    'scale-10000': line(10_000, { failure: 'it fell short' }),
    'churn-30': line(128),
    'scale-9': line(9, { controlIdle: null }),
  });
  it('is read where it ran to its end and idle', () => {
    expect(simulated(text).map(({ members }) => members)).toEqual([8, 100]);
  });
  it('is judged apart from real hosts, memory by the most members', () => {
    const real = [point(2, 10, { real: true }), point(4, 40, { real: true })];
    expect(memberFigures([...real, ...simulated(text)])).toMatchObject({ growthReal: 2, perRecord: 390 });
    expect(perRecord(real)).toBeNaN();
    expect(perRecord([point(99, 9, { perRecord: 9000 })])).toBeNaN();
  });
});
