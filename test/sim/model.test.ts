// The model itself: a model that asks for too little would let everything pass.
import { describe, expect, it } from 'vitest';
import { Deadlines } from './support/deadlines.ts';
import { Model } from './support/model.ts';

const ALLOWANCE = { settleUs: 10, removalUs: 30, flightUs: 2, repairUs: 0 };
const ALL = { mode: 'exclude' as const, senders: [] };
const WHOLE = { fromUs: 0, toUs: 1_000 };
const GROUP = '239.1.1.1';

function pair(): Model {
  const model = new Model();
  for (const node of [1, 2, 3]) model.alive(0, node, true);
  model.joined(0, 2, GROUP, ALL);
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
    model.joined(200, 2, GROUP, null);
    model.joined(250, 2, GROUP, ALL);
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
    model.joined(200, 2, GROUP, null);
    expect(model.forbidden(1, 2, GROUP, WHOLE, ALLOWANCE)).toEqual([{ fromUs: 200, toUs: 998 }]);
    expect(model.forbidden(1, 3, GROUP, WHOLE, ALLOWANCE)).toEqual([{ fromUs: 0, toUs: 998 }]);
  });
});

describe('who may and wants', () => {
  const spans = (model: Model, sender: number): number[][][] => [
    model.due(sender, 2, GROUP, WHOLE, ALLOWANCE).map(({ fromUs, toUs }) => [fromUs, toUs]),
    model.forbidden(sender, 2, GROUP, WHOLE, ALLOWANCE).map(({ fromUs, toUs }) => [fromUs, toUs]),
  ];

  it('a source filter is about single senders', () => {
    const model = pair();
    model.joined(500, 2, GROUP, { mode: 'include', senders: [3] });
    expect(spans(model, 1)).toEqual([[[10, 498]], [[500, 998]]]);
    expect(spans(model, 3)).toEqual([[[10, 1_000]], []]);
    model.joined(500, 2, GROUP, { mode: 'exclude', senders: [3] });
    expect(spans(model, 3)).toEqual([[[10, 498]], [[500, 998]]]);
  });

  it('rights hold from the first packet on', () => {
    const model = pair();
    model.rights(GROUP, { publishers: [1], subscribers: null });
    expect(spans(model, 1)).toEqual([[[10, 1_000]], []]);
    expect(spans(model, 3)).toEqual([[], [[0, 1_000]]]);
    model.rights(GROUP, { publishers: null, subscribers: [3] });
    expect(spans(model, 1)).toEqual([[], [[0, 1_000]]]);
  });

  it('nothing passes to or from a removed member once its keys are void', () => {
    for (const removed of [1, 2]) {
      const model = pair();
      model.removed(400, removed);
      expect(spans(model, 1)).toEqual([[[10, 398]], [[430, 1_000]]]);
    }
  });

  it('nothing is owed to who means ill', () => {
    const model = pair();
    model.hostile(2);
    expect(spans(model, 1)).toEqual([[], []]);
  });
});

describe('what the model sums up', () => {
  it('how long hosts lived, how few received, when two met again', () => {
    const model = pair();
    model.alive(100, 2, false);
    model.alive(300, 2, true);
    expect(model.lived({ fromUs: 50, toUs: 400 })).toBe(3 * 350 - 200);
    model.joined(0, 3, GROUP, ALL);
    expect(model.fewestReceivers(1, GROUP, { fromUs: 50, toUs: 400 })).toBe(1);
    expect(model.fewestReceivers(1, GROUP, { fromUs: 300, toUs: 400 })).toBe(2);
    expect(model.fewestReceivers(3, GROUP, { fromUs: 300, toUs: 400 })).toBe(1);
    model.partition(500, 1, 1);
    model.partition(600, 2, 1);
    model.partition(700, 1, 0);
    model.partition(700, 2, 0);
    expect(model.met(1, 2)).toEqual([600]);
    expect(model.met(1, 3)).toEqual([700]);
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
