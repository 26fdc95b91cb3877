// New devices join by a link, really: sponsor, records and all, while others receive.
import type { SimHost } from '../support/host.ts';
import { DRAIN_S, GROUP, gather, stream, type Scenario } from '../support/scenario.ts';
import type { Simulation } from '../support/simulation.ts';

const WEEK_S = 7 * 86_400;
/** Joiners in shares of the members at the start. */
const JOINERS = 0.5;
const JOIN_LIMIT_S = 30;

function invite(sim: Simulation, host: SimHost, uses: number): string {
  let link = '';
  host.call('invite.create', { role: 'member', uses, expiresSeconds: WEEK_S }, (outcome) => {
    if (!outcome.ok) sim.fail(`no invite: ${JSON.stringify(outcome.error)}`);
    link = outcome.value.link;
  });
  return link;
}

export const joins: Scenario = {
  name: 'joins',
  about: 'devices join by a link while others receive',
  run(sim) {
    const hosts = gather(sim);
    stream(sim, hosts);
    const count = Math.max(2, Math.round(sim.options.nodes * JOINERS));
    const link = invite(sim, hosts[0] as SimHost, count);
    let joined = 0;
    const begin = (): void => {
      const host = sim.addHost();
      sim.start(host);
      host.call('network.join', { link }, (outcome) => {
        if (!outcome.ok) sim.fail(`${host.name} could not join: ${JSON.stringify(outcome.error)}`);
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
