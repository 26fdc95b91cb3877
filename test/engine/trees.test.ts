// Trees in running engines: who sends to many gets them, members take their parts, and what happens to members happens to the trees.
import { describe, expect, it } from 'vitest';
import type { SimHost } from './support/host.ts';
import { allOnline, home } from './support/lab.ts';
import type { World } from './support/world.ts';

const GROUP = '239.1.1.1';
const NAMES = ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina', 'hugo'];

function started(seed: number): { world: World; hosts: SimHost[]; anna: SimHost; others: SimHost[] } {
  const { world, hosts } = home(seed, NAMES);
  const [anna, ...others] = hosts as [SimHost, ...SimHost[]];
  for (const host of others) host.groups(GROUP);
  world.until('anna knows who receives', () => anna.receivers(GROUP).length === others.length, 10_000);
  return { world, hosts, anna, others };
}

/** Sends a packet and says whether all of them have it once, within the time. */
function reaches(world: World, from: SimHost, packet: string, to: readonly SimHost[]): void {
  from.cast(GROUP, packet);
  world.until(
    `${packet} is everywhere`,
    () => to.every((host) => host.casts.got.get(packet) === 1),
    from.casts.sendsOn.has(GROUP) ? 1_000 : 5_000,
  );
}

const own = (host: SimHost) => [...host.casts.trees].filter(([name]) => name.startsWith(originOf(host)));
const originOf = (host: SimHost): string => host.engine.networks.get(host.net)?.roll.selfOrigin ?? '';
const doubled = (hosts: readonly SimHost[]): string[] =>
  hosts.flatMap((host) => [...host.casts.got].flatMap(([packet, count]) => (count > 1 ? [packet] : [])));

/** A member that has others below it. */
const relayOf = (anna: SimHost, others: readonly SimHost[]): SimHost => {
  const relay = others.find(
    (host) => (host.casts.trees.get(own(anna)[0]?.[0] ?? '')?.at(-1)?.children.length ?? 0) > 0,
  );
  if (!relay) throw new Error('nobody passes on');
  return relay;
};

describe('a stream to many', () => {
  it('to four goes to each, to seven takes a tree; the packets that waited go down it', () => {
    const { world, hosts } = home(600, NAMES);
    const [anna, ...others] = hosts as [SimHost, ...SimHost[]];
    for (const host of others.slice(0, 4)) host.groups(GROUP);
    world.until('4 receive', () => anna.receivers(GROUP).length === 4, 10_000);
    reaches(world, anna, 'direct', others.slice(0, 4));
    expect(anna.casts.trees.size).toBe(0);
    for (const host of others) host.groups(GROUP);
    world.until('7 receive', () => anna.receivers(GROUP).length === 7, 10_000);
    reaches(world, anna, 'first', others);
    const [tree] = own(anna);
    expect(anna.casts.sendsOn.get(GROUP)).toHaveLength(1);
    expect(tree?.[1].at(-1)?.children.length).toBeLessThan(7);
    for (const host of others) expect(host.casts.trees.get(tree?.[0] ?? ''), host.name).toHaveLength(1);
    for (let n = 0; n < 50; n++) anna.cast(GROUP, `p${n}`);
    world.run(500);
    for (const host of others) expect(host.casts.got.size, host.name).toBeGreaterThanOrEqual(51);
    expect(doubled(hosts as SimHost[])).toEqual([]);
  });

  it('is seen with its tree in the state of all that have a part in it', () => {
    const { world, anna, others } = started(601);
    reaches(world, anna, 'one', others);
    const [tree] = anna.network().trees ?? [];
    expect(tree).toMatchObject({ origin: anna.network().selfId, groups: [GROUP], receivers: 7, unserved: 0 });
    expect(tree?.edges).toHaveLength(7);
    const group = anna.network().groups.find(({ address }) => address === GROUP);
    expect(group?.sending).toMatchObject({ way: 'trees', receivers: 7, stripes: 1, relays: 0, unserved: 0 });
    const relay = relayOf(anna, others);
    expect(relay.network().trees?.[0]).toMatchObject({ origin: anna.network().selfId, groups: [GROUP] });
    expect(relay.network().trees?.[0]?.children).toBeGreaterThan(0);
    expect(others[0]?.network().groups.find(({ address }) => address === GROUP)?.sending).toEqual({
      way: 'direct',
      receivers: 6,
    });
  });

  it('goes on to the others when one leaves the group, and stops at that one', () => {
    const { world, anna, others } = started(602);
    reaches(world, anna, 'one', others);
    const [bert, ...rest] = others as [SimHost, ...SimHost[]];
    bert.groups();
    for (let n = 0; n < 60; n++) {
      anna.cast(GROUP, `p${n}`);
      world.run(100);
    }
    for (const host of rest)
      for (let n = 0; n < 60; n++) expect(host.casts.got.get(`p${n}`), `${host.name} p${n}`).toBe(1);
    expect(anna.network().trees?.[0]?.receivers).toBe(6);
    const before = bert.casts.unread;
    reaches(world, anna, 'last', rest);
    expect(bert.casts.got.has('last')).toBe(false);
    expect(bert.casts.unread).toBe(before);
  });

  it('reaches all others again after a member that passed it on has died', () => {
    const { world, anna, others } = started(603);
    reaches(world, anna, 'one', others);
    const relay = relayOf(anna, others);
    const rest = others.filter((host) => host !== relay);
    relay.kill();
    // Packets keep flowing, so that silence is noticed.
    for (let n = 0; n < 60; n++) {
      anna.cast(GROUP, `p${n}`);
      world.run(100);
    }
    reaches(world, anna, 'after', rest);
    expect(anna.network().trees?.[0]?.edges?.some(([, parent]) => parent === relay.network().selfId)).toBe(false);
  });

  it('can be read by who comes late, from then on only', () => {
    const { world, anna, others } = started(604);
    const hugo = others.at(-1) as SimHost;
    const first = others.slice(0, -1);
    hugo.groups();
    world.until('6 receive', () => anna.receivers(GROUP).length === 6, 10_000);
    for (let n = 0; n < 30; n++) reaches(world, anna, `p${n}`, first);
    hugo.groups(GROUP);
    world.until('hugo is in', () => hugo.casts.keys.size > 0, 5_000);
    const [key] = [...hugo.casts.keys.values()][0] ?? [];
    expect(key?.lowest).toBeGreaterThanOrEqual(30);
    world.run(1_000);
    reaches(world, anna, 'new', others);
    expect(hugo.casts.got.size).toBe(1);
  });

  it('takes another key when a member is removed, which never learns it', () => {
    const { world, anna, others } = started(605);
    reaches(world, anna, 'one', others);
    const [bert, ...rest] = others as [SimHost, ...SimHost[]];
    const casts = bert.casts;
    const key = () => own(anna)[0]?.[1].at(-1)?.key?.id;
    const before = key();
    anna.do('member.remove', { member: 'bert' });
    world.until('another key', () => key() !== before, 15_000);
    reaches(world, anna, 'after', rest);
    expect([...casts.keys.values()].flat().some(({ id }) => id === key())).toBe(false);
  });

  it('begins anew after its sender was restarted', () => {
    const { world, anna, others } = started(606);
    reaches(world, anna, 'one', others);
    anna.restart();
    // It may have known nobody's address on disk yet: then the others find it, once their sessions have fallen silent.
    world.until('anna is back', () => anna.receivers(GROUP).length === 7, 120_000);
    reaches(world, anna, 'two', others);
    for (const host of others) expect([...host.casts.trees.values()].length, host.name).toBe(1);
  });

  it('goes directly again when few are left to receive it', () => {
    const { world, anna, others } = started(607);
    reaches(world, anna, 'one', others);
    for (const host of others.slice(3)) host.groups();
    world.run(5_000);
    reaches(world, anna, 'two', others.slice(0, 3));
    anna.casts.end(GROUP);
    world.run(61_000);
    expect(anna.casts.sendsOn.size).toBe(0);
    expect(anna.casts.trees.size).toBe(0);
    for (const host of others) expect(host.casts.trees.size, host.name).toBe(0);
    reaches(world, anna, 'three', others.slice(0, 3));
  });

  it('is none while hosts only look for each other, and one when that goes on', () => {
    const { world, anna, others } = started(609);
    for (const host of others) host.groups('224.0.0.251');
    world.until('7 receive', () => anna.receivers('224.0.0.251').length === 7, 10_000);
    for (let second = 0; second < 10; second++) {
      anna.cast('224.0.0.251', `p${second}`);
      world.run(1_000);
      expect(anna.casts.trees.size, `after ${second} s`).toBe(0);
    }
    anna.cast('224.0.0.251', 'on');
    world.run(1_000);
    expect(anna.casts.trees.size).toBe(1);
    world.run(120_000);
    for (const host of others) expect(host.casts.got.get('on'), host.name).toBe(1);
  });

  it('leaves nothing behind when the network goes off, and comes again with it', () => {
    const { world, anna, others } = started(608);
    reaches(world, anna, 'one', others);
    anna.do('network.down', { network: 'home' });
    world.run(3_000);
    expect(anna.casts.trees.size).toBe(0);
    for (const host of others) expect(host.casts.trees.size, host.name).toBe(0);
    anna.do('network.up', { network: 'home' });
    world.until('anna is back', () => allOnline(anna, 8), 30_000);
    // What has no trees any more is sent directly for a while.
    world.run(10_000);
    reaches(world, anna, 'two', others);
    expect(anna.casts.sendsOn.has(GROUP)).toBe(true);
  });
});
