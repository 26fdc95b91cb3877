// A channel that only some may send to, whose subscribers mean ill: they have the key, pass on, and make up casts in the publisher's name.
import { CHANNEL_S, DRAIN_S, gather, send, type Scenario } from '../support/scenario.ts';
import { childrenOf } from '../support/probe.ts';
import type { SimHost } from '../support/host.ts';
import type { Simulation } from '../support/simulation.ts';

const CHANNEL = '239.77.1.3';
const FIRST_S = 8;
const EVERY_S = 1;
/** Of those who receive. */
const ILL_SHARE = 0.5;

const counted = (hosts: readonly SimHost[], name: string): number =>
  hosts.reduce((sum, { node }) => sum + (node.stats().counters[name] ?? 0), 0);

/** Whether one of them passes the publisher's packets on. */
const feeds = (sim: Simulation, publisher: SimHost, ill: readonly SimHost[]): boolean =>
  childrenOf(sim, publisher.index).some((tree) => ill.some((host) => (tree.get(host.network.paths.self) ?? 0) > 0));

export const forgers: Scenario = {
  name: 'forgers',
  about:
    'subscribers of a channel with publisher rights, who have its key, forge for those below them; nobody takes it, and they are found out',
  least: 12,
  // Whoever floods a slow uplink harms those below it whatever it says.
  fixed: { upBps: 0, downBps: 0, repair: 'nack' },
  defaults: { repair: 'nack' },
  run(sim) {
    const hosts = gather(sim);
    const [owner, publisher, ...rest] = hosts as [SimHost, SimHost, ...SimHost[]];
    sim.channel(owner, CHANNEL, { repair: sim.options.repair, publishers: [publisher] });
    for (const host of hosts) sim.join(host, CHANNEL);
    const ill = sim.chance.some(rest, Math.floor(rest.length * ILL_SHARE));
    for (const host of ill) sim.turn(host);
    sim.run(CHANNEL_S);
    send(sim, [[publisher, CHANNEL]]);
    let [forged, chances] = [0, 0];
    for (let at = FIRST_S; at < sim.options.seconds; at += EVERY_S) {
      sim.after(at, () => {
        chances += Number(feeds(sim, publisher, ill));
        for (const host of ill) forged += sim.world.forge(host.index);
      });
    }
    sim.run(sim.options.seconds + DRAIN_S);
    const honest = hosts.filter((host) => !ill.includes(host));
    if (forged === 0) sim.fail('nobody forged anything: the scenario tests nothing');
    // What is taken for the publisher's arrives twice, or in place of what it sent: the model sees that.
    if (chances > 1 && !sim.options.plantNoVerify && counted(honest, 'treeBadSignatures') === 0)
      sim.fail('nobody found out who forged');
  },
};
