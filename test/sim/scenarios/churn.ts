// Members fail and come back, each after exponential times (MTTF and MTTR); the senders stay.
import type { SimHost } from '../support/host.ts';
import { DRAIN_S, gather, stream, type Scenario } from '../support/scenario.ts';
import type { Simulation } from '../support/simulation.ts';

function fail(sim: Simulation, host: SimHost): void {
  sim.after(sim.chance.exponential(sim.options.mttf), () => {
    sim.kill(host);
    sim.after(sim.chance.exponential(sim.options.mttr), () => {
      sim.start(host);
      fail(sim, host);
    });
  });
}

export const churn: Scenario = {
  name: 'churn',
  about: 'members fail and return after exponential times (--mttf, --mttr)',
  demand: { ratio: 0.998 },
  run(sim) {
    const hosts = gather(sim);
    stream(sim, hosts);
    for (const host of hosts.slice(sim.options.senders)) fail(sim, host);
    sim.run(sim.options.seconds + DRAIN_S);
  },
};
