// What every scenario is, and what they share.
import type { SimHost } from './host.ts';
import type { Allowance } from './model.ts';
import { probe } from './probe.ts';
import type { SimOptions } from './options.ts';
import type { Simulation } from './simulation.ts';
import type { Demand } from './verdict.ts';

export interface Scenario {
  name: string;
  about: string;
  /** Members without which it makes no sense. */
  least?: number;
  /** Where it differs from the common defaults. */
  defaults?: Partial<SimOptions>;
  /** What chance may not draw here. */
  fixed?: Partial<SimOptions>;
  allowance?: Partial<Allowance>;
  /** What must be met where it differs from `DEMAND`. */
  demand?: Partial<Demand>;
  run(sim: Simulation): void;
}

export const GROUP = '239.77.0.1';
/** Starts are spread over this many seconds. */
const START_SPREAD_S = 5;
const WEEK_S = 7 * 86_400;
/** Everybody knows everybody after this long, seconds; the larger the network the longer. */
const warmUp = (nodes: number): number => 15 + Math.min(45, nodes / 8);
/** The record of a channel reaches everybody. */
export const CHANNEL_S = 5;
/** The last packets arrive. */
export const DRAIN_S = 5;

/** A network of members that are all there and know each other; all have joined the group. */
export function gather(sim: Simulation): SimHost[] {
  const { nodes, awake, idle } = sim.options;
  const hosts = sim.enrolled(nodes, awake > 0 ? awake : nodes);
  for (const host of hosts) {
    sim.after(sim.chance.unit() * START_SPREAD_S, () => sim.start(host));
    sim.join(host, GROUP);
  }
  sim.run(START_SPREAD_S + warmUp(hosts.length));
  if (sim.options.repair !== 'open') {
    sim.channel(hosts[0] as SimHost, GROUP, { repair: sim.options.repair });
    sim.run(CHANNEL_S);
  }
  if (idle > 0) {
    sim.mark();
    sim.run(idle);
    sim.idleRate = sim.controlRate();
    sim.idleKinds = sim.controlKinds();
  }
  return hosts;
}

/** The scenario's streams begin. */
export function stream(sim: Simulation, hosts: readonly SimHost[], count = sim.options.senders): SimHost[] {
  const senders = hosts.slice(0, count);
  send(
    sim,
    senders.map((sender) => [sender, GROUP]),
  );
  return [...senders];
}

/** Streams of these hosts to these groups begin. */
export function send(sim: Simulation, streams: readonly (readonly [SimHost, string])[]): void {
  const { seconds } = sim.options;
  sim.mark();
  for (const [sender, group] of streams) sim.stream(sender, group, seconds);
  probe(sim, [...new Set(streams.map(([{ index }]) => index))], seconds);
}

/** A link by which `uses` devices may join. */
export function inviteLink(sim: Simulation, host: SimHost, uses: number): string {
  let link = '';
  host.call('invite.create', { role: 'member', uses, expiresSeconds: WEEK_S }, (outcome) => {
    if (!outcome.ok) sim.fail(`no invite: ${JSON.stringify(outcome.error)}`);
    link = outcome.value.link;
  });
  return link;
}
