import { describe, expect, it } from 'vitest';
import { change, changes, kept, microPage, type Kept, type MicroSetup } from './micro-page.ts';

const work = (name: string, bytes = 0) => ({ name, what: `does ${name}`, bytes, batch: 64 });
const before: Kept = {
  tools: 'a',
  costs: { 'packet/a': { instructions: 100, ns: 9 }, 'packet/b': { instructions: 50 } },
};
const setup: MicroSetup = {
  works: [work('packet/a', 1_400), work('packet/b'), work('session/c')],
  costs: { 'packet/a': { instructions: 103, ns: 112, spreadNs: 2 }, 'packet/b': { instructions: 50.2 } },
  before,
  tools: 'a',
  machine: 'a machine',
  command: 'npm run bench -- --micro',
  day: '2026-01-01',
  busyBefore: 0,
  absent: [],
};

describe('instructions', () => {
  it('are set beside those of the page before', () => {
    expect(change('packet/a', setup.costs, before)).toBeCloseTo(0.03);
    expect(change('session/c', setup.costs, before)).toBeNull();
    expect(change('packet/a', setup.costs, null)).toBeNull();
    expect(changes(setup)).toEqual(['packet/a: +3.0 % instructions']);
  });
  it('of what was not measured stay as they were', () => {
    const costs = { 'packet/a': { ns: 8 }, 'session/c': { instructions: 7 } };
    expect(kept({ costs, before, tools: 'b' })).toEqual({
      tools: 'b',
      costs: {
        'packet/a': { instructions: 100, ns: 8 },
        'packet/b': { instructions: 50 },
        'session/c': { instructions: 7 },
      },
    });
  });
});

describe('the page', () => {
  it('has a table for each crate, and a dash where nothing is known', () => {
    const page = microPage(setup);
    expect(page).toContain('## native/packet\n');
    expect(page).toContain('| does packet/a (`packet/a`) | 103 | +3.0 % | 112 ± 2 | 100.0 |');
    expect(page).toContain('| does packet/b (`packet/b`) | 50 |  | – |  |');
    expect(page).toContain('| does session/c (`session/c`) | – |  | – |  |');
    expect(page).not.toContain('not quiet');
  });
  it('says what disturbs its figures', () => {
    const page = microPage({ ...setup, busyBefore: 0.5, tools: 'b', absent: ['There is no valgrind.'] });
    expect(page).toContain('50 % of its CPUs were busy');
    expect(page).toContain('made with other tools (a)');
    expect(page).toContain('- There is no valgrind.');
  });
});
