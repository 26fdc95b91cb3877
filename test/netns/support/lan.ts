// Hosts that are already one LAN: what most tests begin with.
import { Lab } from './lab.ts';
import type { Host } from './host.ts';
import { until } from './shell.ts';

/** The first named host creates `network`, the others join by one link each. */
export async function lanOf(names: string[], network = 'home', env: NodeJS.ProcessEnv = {}): Promise<Lab> {
  const lab = await Lab.create({ hosts: names });
  try {
    await Promise.all(names.map((name) => lab.host(name).startDaemon({ env })));
    await joinAll(lab, names, network);
    return lab;
  } catch (error) {
    for (const host of lab.hosts.values()) process.stderr.write(`--- ${host.name}\n${host.daemon?.tail() ?? ''}\n`);
    await lab.close();
    throw error;
  }
}

export async function joinAll(lab: Lab, names: string[], network = 'home'): Promise<void> {
  const [first, ...rest] = names;
  const creator = lab.host(first ?? '');
  await creator.mustWeft('create', network);
  await until(`${creator.name} has its adapter`, 10_000, async () => (await creator.network(network)).adapter);
  for (const name of rest) await join(lab.host(name), await creator.mustWeft('invite', network), network);
  await Promise.all(names.map((name) => knowsAll(lab.host(name), names.length, network)));
}

/** Joins and awaits the adapter. */
export async function join(host: Host, link: string, network = 'home'): Promise<void> {
  await host.mustWeft('join', link);
  await until(`${host.name} has its adapter`, 10_000, async () => (await host.network(network)).adapter);
}

export async function knowsAll(host: Host, count: number, network = 'home'): Promise<void> {
  await until(`${host.name} sees ${count} members online`, 15_000, async () => {
    const { members } = await host.network(network);
    return members.filter((member) => member.online).length === count;
  });
}
