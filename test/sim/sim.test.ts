// All scenarios on few members: with one seed that stays, and with everything drawn from a new one. The same seed gives the same run.
import { describe, expect, it } from 'vitest';
import { churn } from './scenarios/churn.ts';
import { crowd } from './scenarios/crowd.ts';
import { forgers } from './scenarios/forgers.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { draw } from './support/draw.ts';
import { figuresOf } from './support/figures.ts';
import type { SimOptions } from './support/options.ts';
import { play } from './support/play.ts';
import type { Scenario } from './support/scenario.ts';
import { FIXED, LIVELY, RANDOM, RUN_LIMIT_MS } from './support/seeds.ts';

const MEMBERS = 12;
const SECONDS = 40;
/** Each found a fault once: far members judged unreachable, a tree dropped whose origin had not been heard of yet. */
const FOUND = [110, 114, 1_847_670_385];
/** Warnings that engines may write: about members that do mean ill. */
const EXPECTED = /a member says too much/;

function run(scenario: Scenario, options: Partial<SimOptions>, least = 1): void {
  const { verdict, sim } = play(scenario, options);
  expect(verdict.due).toBeGreaterThanOrEqual(least);
  expect(sim.hosts.flatMap(({ logged }) => logged).filter((line) => !EXPECTED.test(line))).toEqual([]);
}

describe.each(SCENARIOS.map((scenario) => ({ scenario, name: scenario.name })))('$name', ({ scenario }) => {
  const { seconds = SECONDS } = scenario.defaults ?? {};
  const short = { seconds: Math.min(seconds, scenario.name === 'partition' ? seconds : SECONDS) };

  it(
    `${MEMBERS} members, seed ${FIXED}`,
    () => run(scenario, { seed: FIXED, nodes: MEMBERS, senders: 2, ...LIVELY, ...short }, 1_000),
    RUN_LIMIT_MS,
  );

  it(
    `all drawn from seed ${RANDOM}`,
    () => run(scenario, { ...draw(scenario, RANDOM, MEMBERS), crypto: 'fake', ...short }),
    RUN_LIMIT_MS,
  );

  if (scenario.name === 'partition')
    it.each(FOUND)(
      '16 members, seed %i',
      (seed) => run(scenario, { seed, nodes: 16, senders: 2, ...LIVELY }, 1_000),
      RUN_LIMIT_MS,
    );
});

describe('members known by their records alone', () => {
  it(
    'cost those awake nothing but memory, and joiners come in',
    () => {
      const played = play(crowd, { seed: RANDOM, nodes: 200, awake: 6, seconds: 6 });
      const { members, records, joins, joinP95Ms } = figuresOf(played);
      expect({ members, records, joins }).toEqual({ members: 56, records: 250, joins: 50 });
      expect(joinP95Ms).toBeLessThan(5_000);
    },
    RUN_LIMIT_MS,
  );
});

describe('where signatures of casts are not looked at', () => {
  it(
    'those who forge are believed',
    () => {
      const planted = { seed: FIXED, nodes: MEMBERS, seconds: 30, plantNoVerify: true };
      expect(() => play(forgers, planted)).toThrow(/arrived more than once[^]*--plantNoVerify true/);
    },
    RUN_LIMIT_MS,
  );
});

describe('the same seed', () => {
  const digest = (options: Partial<SimOptions>): string =>
    play(churn, { nodes: 6, seconds: 30, ...LIVELY, ...options }).digest;

  it(
    'is the same run, byte for byte',
    () => {
      expect(digest({ seed: RANDOM })).toBe(digest({ seed: RANDOM }));
      expect(digest({ seed: RANDOM })).not.toBe(digest({ seed: RANDOM + 1 }));
    },
    RUN_LIMIT_MS,
  );

  it(
    'also with real signatures',
    () => {
      expect(digest({ seed: 5, crypto: 'real' })).toBe(digest({ seed: 5, crypto: 'real' }));
    },
    RUN_LIMIT_MS,
  );
});
