// The 64-member cut, with a seed that stays and new ones; and planted bugs, which must be found.
import { describe, expect, it } from 'vitest';
import { churn } from './scenarios/churn.ts';
import { massDeath } from './scenarios/mass-death.ts';
import { steady } from './scenarios/steady.ts';
import { play } from './support/play.ts';
import { FIXED, RANDOM, RUN_LIMIT_MS } from './support/seeds.ts';

describe('64 members', () => {
  const cuts = [
    { scenario: steady, seed: FIXED, seconds: 30 },
    { scenario: churn, seed: RANDOM, seconds: 40 },
    { scenario: massDeath, seed: (RANDOM + 1) % 2 ** 32, seconds: 36 },
  ];

  it.each(cuts.map((cut) => ({ ...cut, name: cut.scenario.name })))(
    '$name, seed $seed',
    ({ scenario, seed, seconds }) => {
      const { verdict } = play(scenario, { seed, seconds, nodes: 64, mttf: 300, mttr: 60 });
      expect(verdict.due).toBeGreaterThan(8_000);
    },
    RUN_LIMIT_MS,
  );
});

describe('a planted bug', () => {
  it(
    'is found in spite of the faults, and names seed and command',
    () => {
      const planted = { seed: 77, nodes: 12, plantDropEvery: 100 };
      expect(() => play(steady, planted)).toThrow(
        /at least .* was due[^]*seed 77[^]*again: npm run sim -- --scenario steady --seed 77/,
      );
    },
    RUN_LIMIT_MS,
  );

  it(
    'is found where nothing is repaired, and all else works',
    () => {
      const planted = { seed: 77, nodes: 24, seconds: 40, plantNoRepair: true };
      expect(() => play(steady, planted)).toThrow(/at least 99.950 % was due[^]*--plantNoRepair true/);
      expect(play(steady, { ...planted, plantNoRepair: false }).failure).toBe('');
    },
    RUN_LIMIT_MS,
  );

  it(
    'is found where one packet in ten thousand is lost and none should be',
    () => {
      const planted = { seed: 77, nodes: 48, seconds: 30, faults: false, plantDropEvery: 10_000 };
      expect(() => play(steady, planted)).toThrow(/at least 100.000 % was due/);
    },
    RUN_LIMIT_MS,
  );
});
