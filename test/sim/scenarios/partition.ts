// The network falls into two halves and comes together again.
import { DRAIN_S, gather, stream, type Scenario } from '../support/scenario.ts';

/** Shares of the scenario's time. */
const BEFORE = 0.2;
const APART = 0.3;
/** After this all must hear each other again: nothing before is due, everything after is. */
const HEAL_S = 30;

export const partition: Scenario = {
  name: 'partition',
  about: 'two halves lose each other, and meet again',
  defaults: { seconds: 400 },
  allowance: { settleUs: HEAL_S * 1_000_000 },
  demand: { healMs: HEAL_S * 1_000 },
  run(sim) {
    const hosts = gather(sim);
    stream(sim, hosts);
    const { seconds } = sim.options;
    sim.run(seconds * BEFORE);
    for (const host of hosts) sim.separate(host, sim.chance.below(2));
    sim.run(seconds * APART);
    for (const host of hosts) sim.separate(host, 0);
    sim.run(seconds * (1 - BEFORE - APART) + DRAIN_S);
  },
};
