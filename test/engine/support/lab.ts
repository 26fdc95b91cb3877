// Ready-made networks of simulated hosts.
import { SimHost, type SimHostOptions } from './host.ts';
import { World } from './world.ts';

/** Uses of one invite; larger networks get several. */
const USES_PER_INVITE = 8;

export function lab(
  seed: number,
  names: string[],
  options: Record<string, SimHostOptions> = {},
): { world: World; hosts: SimHost[] } {
  const world = new World({ seed });
  return { world, hosts: names.map((name) => new SimHost(world, name, options[name])) };
}

/** A network of these hosts, the first its creator, everybody online for everybody. */
export function home(
  seed: number,
  names: string[],
  options: Record<string, SimHostOptions> = {},
): { world: World; hosts: SimHost[] } {
  const { world, hosts } = lab(seed, names, options);
  const [creator, ...others] = hosts as [SimHost, ...SimHost[]];
  creator.create();
  let link = '';
  for (const [index, other] of others.entries()) {
    if (index % USES_PER_INVITE === 0) link = creator.link({ uses: USES_PER_INVITE, role: 'member' });
    other.join(link);
  }
  world.until('all online', () => hosts.every((host) => allOnline(host, hosts.length)), 30_000);
  return { world, hosts };
}

export const allOnline = (host: SimHost, count: number): boolean => {
  const { members } = host.network();
  return members.length === count && members.every((member) => member.online);
};

/** Everybody has the same members, with the same names, roles and addresses. */
export function agree(hosts: readonly SimHost[]): boolean {
  const view = (host: SimHost): string =>
    JSON.stringify(host.network().members.map(({ id, name, role, addresses }) => [id, name, role, addresses]));
  const first = view(hosts[0] as SimHost);
  return hosts.every((host) => view(host) === first);
}
