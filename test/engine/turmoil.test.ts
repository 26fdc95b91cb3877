// Restarts, kills, moves, sleep, partitions and toggles in random order: afterwards everybody must know everything again.
import { describe, it } from 'vitest';
import type { SimHost } from './support/host.ts';
import { agree, allOnline, home } from './support/lab.ts';
import type { World } from './support/world.ts';

const NAMES = ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina', 'hugo', 'ines', 'jens'];
const STEPS = 6;

function disturb(world: World, hosts: readonly SimHost[], host: SimHost, what: number): void {
  const index = hosts.indexOf(host);
  if (what === 0) host.restart();
  else if (what === 1) host.move(`10.${index}.${Math.floor(world.chance() * 250)}.1:4000`);
  else if (what === 2) host.sleep(30_000);
  else if (what === 3) {
    host.kill();
    world.after(10_000, () => (host.alive ? undefined : host.start()));
  } else if (what === 4) {
    for (const [place, each] of hosts.entries()) each.group = place % 2;
    world.run(100_000);
    for (const each of hosts) each.group = 0;
  } else {
    host.do('network.down', {});
    const up = (): void => {
      if (host.alive) host.begin('network.up', {});
      else world.after(20_000, up);
    };
    world.after(3_000, up);
  }
}

function turmoil(seed: number): void {
  const { world, hosts } = home(seed, NAMES.slice(0, 3 + (seed % 8)));
  world.run(20_000);
  for (let step = 0; step < STEPS; step++) {
    const host = hosts[Math.floor(world.chance() * hosts.length)] as SimHost;
    if (host.alive) disturb(world, hosts, host, Math.floor(world.chance() * 6));
    if (host.alive && host.dataplane.nets.size > 0) host.groups(`239.1.1.${step}`);
    world.run(world.chance() * 8_000);
  }
  world.run(95_000);
  world.until('all online', () => hosts.every((host) => allOnline(host, hosts.length)), 60_000);
  world.until('one view', () => agree(hosts), 5_000);
  const receives = (from: SimHost, to: SimHost): boolean =>
    from === to || to.joined.every(({ group }) => from.receivers(group).includes(to.name));
  world.until('groups', () => hosts.every((from) => hosts.every((to) => receives(from, to))), 5_000);
}

describe('turmoil', () => {
  it('ends in order, whatever the seed', () => {
    const first = Number(process.env['WEFT_SEED'] ?? 1_240);
    for (let seed = first; seed < first + 40; seed++) turmoil(seed);
  }, 180_000);
});
