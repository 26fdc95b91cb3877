// Members that mean ill, with real sessions and keys. Everybody else must not notice, and must count what was tried.
import { encodeMessage } from '../../../app/wire/messages/message.ts';
import { decodeTreeMessage, encodeTreeMessage, type TreeMessage } from '../../../app/wire/messages/tree.ts';
import type { SimHost } from '../support/host.ts';
import { DRAIN_S, GROUP, gather, stream, type Scenario } from '../support/scenario.ts';
import type { Simulation } from '../support/simulation.ts';

/** What one member does again and again. Each does one thing: who is put out for one could not do another. */
const OFFENCES = ['statements', 'drops', 'casts', 'flood'] as const;
type Offence = (typeof OFFENCES)[number];
const FIRST_S = 5;
const EVERY_S = 1;
/** Far more than a group of one sender is granted. */
const FLOOD_PER_S = 2_000;
const FLOOD_BYTES = 1_200;
const FLOOD_S = 3;
/** Of thousands. */
const FALSE_CASTS_LEAST = 100;

type TreeName = Pick<TreeMessage, 'origin' | 'start' | 'tree' | 'epoch'>;

const others = (host: SimHost): { handle: number; origin: string }[] =>
  host.network.roll.members().flatMap(({ origin }) => {
    const handle = host.network.peers.of(origin)?.handle;
    return handle === undefined ? [] : [{ handle, origin }];
  });

/** "This member has left all groups and is off", in the name of others, with a signature that is not theirs. */
function forgeStatements(host: SimHost): void {
  const { net, paths } = host.network;
  const peers = others(host);
  for (const { origin } of peers) {
    const known = paths.presence(origin);
    if (!known) continue;
    const bytes = Uint8Array.from(known.bytes);
    // The sequence grows, so that it would count.
    bytes[14] = ((bytes[14] as number) + 1) & 0xff;
    const message = encodeMessage({ type: 'presences', statements: [{ ageSeconds: 0, bytes }] });
    for (const { handle } of peers) host.node.sendControl(net, handle, message);
  }
}

/** "You are not part of this tree any more", said by who is nobody's parent in it. */
function forgeDrops(host: SimHost, trees: readonly TreeName[]): void {
  const { net } = host.network;
  for (const name of trees) {
    const message = encodeTreeMessage({ type: 'treeDrop', ...name });
    for (const { handle } of others(host)) host.node.sendControl(net, handle, message);
  }
}

/** Remembers the newest epoch of each tree that is offered to it. */
function listen(host: SimHost): () => TreeName[] {
  const known = new Map<string, TreeName>();
  host.listener = (bytes) => {
    const message = decodeTreeMessage(bytes);
    if (typeof message === 'string' || message.type !== 'treeOffer') return;
    const { origin, start, tree, epoch } = message;
    known.set(`${origin} ${tree}`, { origin, start, tree, epoch });
  };
  return () => [...known.values()];
}

function flood(sim: Simulation, host: SimHost): void {
  const { net } = host.network;
  const startUs = sim.now;
  const endUs = startUs + FLOOD_S * 1_000_000;
  const everyUs = Math.round(1_000_000 / FLOOD_PER_S);
  sim.world.addFlow({ node: host.index, net, to: GROUP, bytes: FLOOD_BYTES, everyUs, startUs, endUs });
}

/** Others' counters of these names, all together. */
const counted = (honest: readonly SimHost[], names: readonly string[]): number =>
  honest.reduce((sum, { node }) => {
    const { counters } = node.stats();
    return sum + names.reduce((all, name) => all + (counters[name] ?? 0), 0);
  }, 0);

function offend(sim: Simulation, host: SimHost, offence: Offence, turn: number, trees: readonly TreeName[]): void {
  if (offence === 'statements') forgeStatements(host);
  else if (offence === 'drops') forgeDrops(host, trees);
  else if (offence === 'casts') sim.world.replay(host.index, turn % 2 === 1);
}

/** What the others must have noticed. */
function noticed(sim: Simulation, honest: readonly SimHost[]): void {
  if (counted(honest, ['treeWrongParent']) < FALSE_CASTS_LEAST) sim.fail('nobody counted false casts');
  const put = honest.filter(({ logged }) => logged.some((line) => line.includes('a member says too much')));
  if (put.length === 0) sim.fail('nobody put out who forged statements');
}

export const hostile: Scenario = {
  name: 'hostile',
  about: 'members forge statements and drops, replay and damage casts, and flood; nobody else may notice',
  least: 12,
  // A member that floods fills a slow uplink of its own, and others' with what its share lets through: nothing is promised there yet.
  fixed: { upBps: 0, downBps: 0 },
  run(sim) {
    const hosts = gather(sim);
    const ill = sim.chance.some(hosts.slice(sim.options.senders), OFFENCES.length);
    const trees = ill.map(listen);
    for (const host of ill) sim.turn(host);
    stream(sim, hosts);
    const honest = hosts.filter((host) => !ill.includes(host));
    for (let at = FIRST_S; at < sim.options.seconds; at += EVERY_S) {
      sim.after(at, () => {
        for (const [index, offence] of OFFENCES.entries())
          offend(sim, ill[index] as SimHost, offence, at, trees[index]?.() ?? []);
      });
    }
    sim.after(sim.options.seconds / 2, () => flood(sim, ill[OFFENCES.indexOf('flood')] as SimHost));
    sim.run(sim.options.seconds + DRAIN_S);
    noticed(sim, honest);
  },
};
