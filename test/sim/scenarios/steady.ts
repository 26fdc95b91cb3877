// Nothing happens but traffic; a third of the members leave the group half-way.
import { DRAIN_S, GROUP, gather, stream, type Scenario } from '../support/scenario.ts';

const LEAVERS_EVERY = 3;

export const steady: Scenario = {
  name: 'steady',
  about: 'members stay; a third leaves the group half-way',
  run(sim) {
    const hosts = gather(sim);
    stream(sim, hosts);
    sim.run(sim.options.seconds / 2);
    const others = hosts.slice(sim.options.senders);
    for (const [index, host] of others.entries()) if (index % LEAVERS_EVERY === 0) sim.leave(host, GROUP);
    sim.run(sim.options.seconds / 2 + DRAIN_S);
  },
};
