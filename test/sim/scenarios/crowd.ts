// A large network by its records, some of it awake; devices join by a link at a steady rate, hear the stream, and switch off again.
import type { SimHost } from '../support/host.ts';
import { DRAIN_S, GROUP, gather, inviteLink, stream, type Scenario } from '../support/scenario.ts';

const JOINS_A_MINUTE = 500;
/** A joiner that is in stays this long: memory is for those that come next. */
const STAY_S = 1;
const JOIN_LIMIT_S = 60;
const AWAKE = 32;
/** Of the machine, for the whole run. */
const BUDGET = { wallS: 30 * 60, memoryMB: 16 * 1_024 };

export const crowd: Scenario = {
  name: 'crowd',
  about: `${JOINS_A_MINUTE} devices a minute join a large network (--nodes) of which some (--awake) run`,
  defaults: { nodes: 10_000, awake: AWAKE, seconds: 60 },
  run(sim) {
    sim.budget = BUDGET;
    const hosts = gather(sim);
    stream(sim, hosts);
    const { seconds } = sim.options;
    const count = Math.round((seconds * JOINS_A_MINUTE) / 60);
    const link = inviteLink(sim, hosts[0] as SimHost, count);
    let left = count;
    const begin = (): void => {
      const host: SimHost = sim.addHost();
      const since = sim.now;
      sim.start(host);
      host.call('network.join', { link }, (outcome) => {
        if (!outcome.ok) sim.fail(`${host.name} could not join: ${JSON.stringify(outcome.error)}`);
        sim.joinsMs.push((sim.now - since) / 1_000);
        sim.join(host, GROUP);
        left--;
        sim.after(STAY_S, () => sim.retire(host));
      });
    };
    for (let i = 0; i < count; i++) sim.after((seconds * i) / count, begin);
    sim.run(seconds);
    sim.until('all have joined', () => left === 0, JOIN_LIMIT_S);
    sim.run(STAY_S + DRAIN_S);
  },
};
