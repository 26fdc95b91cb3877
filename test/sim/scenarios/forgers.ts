// A channel that only some may send to, whose relays mean ill: they subscribe, have the key, and make up casts in the publisher's name.
import { CHANNEL_S, DRAIN_S, gather, send, type Scenario } from '../support/scenario.ts';
import { childrenOf } from '../support/probe.ts';
import type { SimHost } from '../support/host.ts';
import type { Simulation } from '../support/simulation.ts';

const CHANNEL = '239.77.1.3';
/** The tree stands; then those who pass on begin to forge. */
const TURN_S = 6;
const EVERY_S = 1;
/** Others must be left to whom something is due. */
const ILL_SHARE_MAX = 0.5;

const counted = (hosts: readonly SimHost[], name: string): number =>
  hosts.reduce((sum, { node }) => sum + (node.stats().counters[name] ?? 0), 0);

/** Who passes on what the publisher sends. */
const relaysOf = (sim: Simulation, publisher: SimHost): SimHost[] => {
  const trees = childrenOf(sim, publisher.index);
  const feeds = ({ network }: SimHost): boolean => trees.some((tree) => (tree.get(network.paths.self) ?? 0) > 0);
  return sim.hosts.filter((host) => host !== publisher && host.alive && feeds(host));
};

export const forgers: Scenario = {
  name: 'forgers',
  about:
    'those who pass a channel with publisher rights on have its key and forge for others; nobody takes it, and they are found out',
  least: 12,
  // Whoever floods a slow uplink harms those below it whatever it says.
  fixed: { upBps: 0, downBps: 0, repair: 'nack' },
  defaults: { repair: 'nack' },
  run(sim) {
    const hosts = gather(sim);
    const [owner, publisher] = hosts as [SimHost, SimHost];
    sim.channel(owner, CHANNEL, { repair: sim.options.repair, publishers: [publisher] });
    for (const host of hosts) sim.join(host, CHANNEL);
    sim.run(CHANNEL_S);
    send(sim, [[publisher, CHANNEL]]);
    let forged = 0;
    let ill: SimHost[] = [];
    sim.after(TURN_S, () => {
      ill = relaysOf(sim, publisher).slice(0, Math.floor(hosts.length * ILL_SHARE_MAX));
      for (const host of ill) sim.turn(host);
    });
    for (let at = TURN_S + EVERY_S; at < sim.options.seconds; at += EVERY_S)
      sim.after(at, () => void (forged += ill.reduce((sum, { index }) => sum + sim.world.forge(index), 0)));
    sim.run(sim.options.seconds + DRAIN_S);
    if (forged === 0) sim.fail('nobody forged anything: the scenario tests nothing');
    // What is taken for the publisher's arrives twice, or in place of what it sent: the model sees that. Those who forge check as well.
    if (!sim.options.plantNoVerify && counted(hosts, 'treeBadSignatures') === 0)
      sim.fail('nobody found out who forged');
  },
};
