// Many hosts in one network, brought up some at a time: this machine runs all of them.
import { joinAll } from './lan.ts';
import type { Host, StatusTree } from './host.ts';
import { Lab } from './lab.ts';
import { until } from './shell.ts';

/** Daemons that start, and members that join, at the same time. */
const AT_ONCE = 6;
const KNOWN_MS = 120_000;

export const namesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `h${index + 1}`);

export async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
}

/** `count` hosts on one switch, all online for each other. `before` is done to each before its daemon starts. */
export async function crewOf(
  count: number,
  { env = {}, before }: { env?: NodeJS.ProcessEnv; before?: (host: Host) => Promise<unknown> } = {},
): Promise<{ lab: Lab; hosts: Host[] }> {
  const names = namesOf(count);
  const lab = await Lab.create({ hosts: names });
  const hosts = names.map((name) => lab.host(name));
  try {
    if (before) await inTurns(hosts, before);
    await inTurns(hosts, (host) => host.startDaemon({ env }));
    const [first, ...rest] = hosts as [Host, ...Host[]];
    await joinAll(lab, [first.name]);
    const link = await first.mustWeft('invite', '--uses', String(count));
    await inTurns(rest, async (host) => {
      await host.mustWeft('join', link);
      await until(`${host.name} has its adapter`, 30_000, async () => (await host.network()).adapter, 500);
    });
    await inTurns(hosts, (host) => online(host, count));
    return { lab, hosts };
  } catch (error) {
    for (const host of hosts) process.stderr.write(`--- ${host.name}\n${host.daemon?.tail() ?? ''}\n`);
    await lab.close();
    throw error;
  }
}

export const online = (host: Host, count: number): Promise<unknown> =>
  until(
    `${host.name} sees ${count} members online`,
    KNOWN_MS,
    async () => (await host.network()).members.filter((member) => member.online).length === count,
    1_000,
  );

/** Until the host knows that so many others receive the group. */
export const joined = (host: Host, group: string, count: number): Promise<unknown> =>
  until(
    `${host.name} knows ${count} receivers of ${group}`,
    30_000,
    async () => {
      const { groups } = await host.network();
      const found = groups.find(({ address }) => address === group);
      return (found?.members.length ?? 0) - (found?.joined ? 1 : 0) === count;
    },
    300,
  );

/** The host's own tree (or stripes) for the group, once it serves so many. */
export async function standing(host: Host, group: string, receivers: number, withinMs = 30_000): Promise<StatusTree[]> {
  return until(
    `${host.name} has trees for ${receivers} receivers of ${group}`,
    withinMs,
    async () => {
      const { trees = [] } = await host.network();
      const own = trees.filter((tree) => tree.parent === null && tree.groups.includes(group));
      return own.length > 0 && own.every((tree) => tree.receivers === receivers && tree.unserved === 0) && own;
    },
    300,
  );
}
