// Source filters: receivers that want one sender only, all but one, or change their minds while both send.
import { DRAIN_S, GROUP, gather, stream, type Scenario } from '../support/scenario.ts';

export const sources: Scenario = {
  name: 'sources',
  about: 'two or more send to one group; receivers filter by sender, and change that half-way',
  defaults: { senders: 2 },
  run(sim) {
    const hosts = gather(sim);
    const senders = hosts.slice(0, Math.max(2, sim.options.senders));
    const others = hosts.slice(senders.length);
    const [first, second] = senders as [(typeof hosts)[0], (typeof hosts)[0]];
    const wishes = [{}, { only: [first] }, { but: [first] }, { only: [second] }];
    const choose = (turn: number): void => {
      for (const [index, host] of others.entries()) sim.join(host, GROUP, wishes[(index + turn) % wishes.length]);
    };
    choose(0);
    stream(sim, hosts, senders.length);
    sim.run(sim.options.seconds / 2);
    choose(1);
    sim.run(sim.options.seconds / 2 + DRAIN_S);
  },
};
