// Members are removed while they receive: each goes on listening with all keys that it has, and reads nothing once they are void.
import type { SimHost } from '../support/host.ts';
import { DRAIN_S, gather, stream, type Scenario } from '../support/scenario.ts';

/** Shares of the members, and of the scenario's time. */
const REMOVED = 0.2;
const FIRST = 0.25;
const SPREAD = 0.25;

export const removal: Scenario = {
  name: 'removal',
  about: 'a fifth of the members is removed while they receive, and goes on listening',
  demand: { ratio: 0.998 },
  run(sim) {
    const hosts = gather(sim);
    const senders = stream(sim, hosts);
    const [owner] = hosts as [SimHost];
    const others = hosts.slice(Math.max(1, senders.length));
    const leaving = sim.chance.some(others, Math.max(1, Math.round(others.length * REMOVED)));
    const { seconds } = sim.options;
    for (const [index, host] of leaving.entries())
      sim.after(seconds * (FIRST + (SPREAD * index) / leaving.length), () => sim.remove(owner, host));
    sim.run(seconds + DRAIN_S);
  },
};
