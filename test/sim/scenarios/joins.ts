// New devices join by a link, really: sponsor, records and all, while others receive.
import type { SimHost } from '../support/host.ts';
import { DRAIN_S, GROUP, gather, inviteLink, stream, type Scenario } from '../support/scenario.ts';

/** Joiners in shares of the members at the start. */
const JOINERS = 0.5;
const JOIN_LIMIT_S = 30;

export const joins: Scenario = {
  name: 'joins',
  about: 'devices join by a link while others receive',
  run(sim) {
    const hosts = gather(sim);
    stream(sim, hosts);
    const count = Math.max(2, Math.round(sim.options.nodes * JOINERS));
    const link = inviteLink(sim, hosts[0] as SimHost, count);
    let joined = 0;
    const begin = (): void => {
      const host = sim.addHost();
      const since = sim.now;
      sim.start(host);
      host.call('network.join', { link }, (outcome) => {
        if (!outcome.ok) sim.fail(`${host.name} could not join: ${JSON.stringify(outcome.error)}`);
        sim.joinsMs.push((sim.now - since) / 1_000);
        joined++;
        sim.join(host, GROUP);
      });
    };
    const spread = sim.options.seconds / 2;
    for (let i = 0; i < count; i++) sim.after((spread * i) / count, begin);
    sim.run(spread);
    sim.until('all have joined', () => joined === count, JOIN_LIMIT_S);
    sim.run(sim.options.seconds / 2 + DRAIN_S);
  },
};
