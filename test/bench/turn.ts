// One peer's turn in one scene: fresh namespaces, the net laid and started, the measures taken, everything gone again.
import type { Host } from '../netns/support/host.ts';
import { Lab } from '../netns/support/lab.ts';
import { until } from '../netns/support/shell.ts';
import type { Effort, Figures } from './measure.ts';
import type { Net, Peer, Transport } from './peer.ts';
import type { Scene } from './scenes.ts';

const NAMES = ['anna', 'ben', 'cora', 'dan', 'eva', 'finn', 'gus', 'hana'];
/** As many as are asked for: after the names come numbers. */
const namesOf = (count: number) => Array.from({ length: count }, (_, index) => NAMES[index] ?? `host${index + 1}`);
const ANSWER_MS_MAX = 40_000;

async function offloadsOff(hosts: Host[]): Promise<void> {
  for (const host of hosts)
    await host.must(['ethtool', '-K', 'eth0', 'gso', 'off', 'gro', 'off', 'tso', 'off', 'tx-udp-segmentation', 'off']);
}

async function launch(net: Net, hosts: Host[]): Promise<void> {
  const [first] = hosts as [Host];
  // One after the other: servers and supernodes are on the first, and two dozen that start at once keep each other from answering.
  for (const host of hosts) {
    await net.launch(host);
    if (host !== first)
      await until(`${host.name} answers`, ANSWER_MS_MAX, () => first.ping(net.address(host), '-W', '0.5'), 100);
  }
  await net.settled?.();
}

export interface Turn {
  figures: Figures;
  failed: string[];
}

/** Never throws for what a peer cannot do: that is told in `failed`. */
export async function turn(peer: Peer, scene: Scene, transport: Transport, effort: Effort): Promise<Turn> {
  const figures: Figures = {};
  const failed: string[] = [];
  const say = (what: string, error: unknown) =>
    failed.push(`${what}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
  const lab = await Lab.create({ hosts: namesOf(scene.hosts) });
  const hosts = [...lab.hosts.values()];
  let net: Net | undefined;
  try {
    if (scene.plainNic) await offloadsOff(hosts);
    net = await peer.lay(lab, hosts, transport);
    if (!scene.cold) await launch(net, hosts);
    const bench = { lab, hosts, net, peer, transport, effort };
    for (const measure of scene.measures.filter(({ multicast }) => !multicast || peer.multicast))
      try {
        for (const [key, value] of Object.entries(await measure.run(bench))) figures[`${scene.prefix}${key}`] = value;
      } catch (error) {
        say(measure.name, error);
      }
  } catch (error) {
    say(transport, error);
  } finally {
    await net?.stop().catch((error) => say('stop', error));
    await lab.close();
  }
  return { figures, failed };
}
