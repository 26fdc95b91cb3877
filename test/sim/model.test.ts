// The model itself: a model that asks for too little would let everything pass.
import { describe, expect, it } from 'vitest';
import { Deadlines } from './support/deadlines.ts';
import { Model } from './support/model.ts';

const ALLOWANCE = { settleUs: 10, flightUs: 2, repairUs: 0 };
const WHOLE = { fromUs: 0, toUs: 1_000 };
const GROUP = '239.1.1.1';

function pair(): Model {
  const model = new Model();
  for (const node of [1, 2, 3]) model.alive(0, node, true);
  model.joined(0, 2, GROUP, true);
  return model;
}

const due = (model: Model, allowance = ALLOWANCE): number[][] =>
  model.due(1, 2, GROUP, WHOLE, allowance).map(({ fromUs, toUs }) => [fromUs, toUs]);

describe('what is due', () => {
  it('everything once all has settled', () => {
    expect(due(pair())).toEqual([[10, 1_000]]);
    expect(pair().due(1, 3, GROUP, WHOLE, ALLOWANCE)).toEqual([]);
  });

  it('nothing around deaths, leaves and partitions', () => {
    const model = pair();
    model.alive(100, 2, false);
    model.alive(150, 2, true);
    model.joined(200, 2, GROUP, false);
    model.joined(250, 2, GROUP, true);
    model.partition(300, 1, 1);
    model.partition(400, 2, 1);
    expect(due(model)).toEqual([
      [10, 98],
      [160, 198],
      [260, 298],
      [410, 1_000],
    ]);
  });

  it('others’ deaths excuse only where repair takes time', () => {
    const model = pair();
    model.alive(500, 3, false);
    expect(due(model)).toEqual([[10, 1_000]]);
    expect(due(model, { ...ALLOWANCE, repairUs: 50 })).toEqual([
      [10, 498],
      [550, 1_000],
    ]);
  });

  it('forbidden is where nobody had joined', () => {
    const model = pair();
    model.joined(200, 2, GROUP, false);
    expect(model.forbidden(2, GROUP, WHOLE, 2)).toEqual([{ fromUs: 200, toUs: 998 }]);
    expect(model.forbidden(3, GROUP, WHOLE, 2)).toEqual([{ fromUs: 0, toUs: 998 }]);
  });
});

describe('deadlines', () => {
  it('a later word voids the earlier ones', () => {
    const deadlines = new Deadlines();
    deadlines.set(1, 50);
    deadlines.set(2, 20);
    deadlines.set(1, 10);
    deadlines.set(2, 70);
    deadlines.set(3, 10);
    expect(deadlines.next()).toBe(10);
    expect(deadlines.due(50)).toEqual([1, 3]);
    expect(deadlines.due(100)).toEqual([2]);
    deadlines.set(4, 5);
    deadlines.set(4, Infinity);
    expect(deadlines.next()).toBe(Infinity);
  });
});
