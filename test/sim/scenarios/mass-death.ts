// Three of ten members die at once; those that are left go on.
import { DRAIN_S, gather, stream, type Scenario } from '../support/scenario.ts';

const DYING = 0.3;

export const massDeath: Scenario = {
  name: 'mass-death',
  about: '30 % of the members die at the same moment',
  defaults: { seconds: 90 },
  demand: { ratio: 0.998 },
  run(sim) {
    const hosts = gather(sim);
    stream(sim, hosts);
    sim.run(sim.options.seconds / 3);
    const others = hosts.slice(sim.options.senders);
    for (const host of sim.chance.some(others, Math.round(others.length * DYING))) sim.kill(host);
    sim.run((sim.options.seconds * 2) / 3 + DRAIN_S);
  },
};
