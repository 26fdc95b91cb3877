// The members through which most is passed on die one after another, each as the trees are by then; they do not come back.
import { DRAIN_S, gather, stream, type Scenario } from '../support/scenario.ts';
import { busiest } from '../support/probe.ts';
import type { SimHost } from '../support/host.ts';

const FIRST_S = 10;
const EVERY_S = 5;
/** At most so many of the members. */
const DYING = 0.3;

export const relayDeaths: Scenario = {
  name: 'relay-deaths',
  about: 'the member that feeds most others dies, every 5 s',
  defaults: { seconds: 60 },
  demand: { ratio: 0.998 },
  run(sim) {
    const hosts = gather(sim);
    const senders = stream(sim, hosts);
    const dying = Math.floor(hosts.length * DYING);
    const { seconds } = sim.options;
    const [first] = senders as [SimHost];
    const byOrigin = new Map(hosts.map((host) => [host.network.paths.self, host]));
    let dead = 0;
    for (let at = FIRST_S; at < seconds - EVERY_S; at += EVERY_S) {
      sim.after(at, () => {
        const victims = busiest(sim, first.index).map((origin) => byOrigin.get(origin));
        const victim = victims.find((host) => host?.alive === true && !senders.includes(host));
        if (!victim || dead >= dying) return;
        dead++;
        sim.kill(victim);
      });
    }
    sim.run(seconds + DRAIN_S);
  },
};
