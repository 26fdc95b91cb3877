// Channels with rights: who may not send is heard by nobody, who may not receive gets nothing, and the entitled miss nothing.
import type { SimHost } from '../support/host.ts';
import { CHANNEL_S, DRAIN_S, gather, send, type Scenario } from '../support/scenario.ts';

const TO_ALL = '239.77.1.1';
const TO_SOME = '239.77.1.2';

export const rights: Scenario = {
  name: 'rights',
  about: 'one channel that only one may send to, and one that only half may receive; others try',
  least: 5,
  run(sim) {
    const hosts = gather(sim);
    const [owner, publisher, intruder] = hosts as [SimHost, SimHost, SimHost];
    const subscribers = [publisher, ...hosts.slice(3).filter((_, index) => index % 2 === 0)];
    sim.channel(owner, TO_ALL, { repair: sim.options.repair, publishers: [publisher] });
    sim.channel(owner, TO_SOME, { repair: sim.options.repair, subscribers });
    for (const host of hosts) for (const group of [TO_ALL, TO_SOME]) sim.join(host, group);
    sim.run(CHANNEL_S);
    send(sim, [
      [publisher, TO_ALL],
      [intruder, TO_ALL],
      [publisher, TO_SOME],
    ]);
    sim.run(sim.options.seconds + DRAIN_S);
  },
};
