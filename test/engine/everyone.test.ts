// What is for all members reaches whoever is one: joiners are added to what the data plane knows, who leaves or goes off is taken out.
import { expect, it, vi } from 'vitest';
import type { GroupConfig } from '../../app/engine/ports.ts';
import { SimHost } from './support/host.ts';
import { home } from './support/lab.ts';

const BROADCAST = '255.255.255.255';

it('everybody receives broadcast, from the first moment to the last', () => {
  const { world, hosts } = home(77, ['anna', 'bert', 'cleo', 'dora']);
  const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
  const told: GroupConfig[] = [];
  const { dataplane } = anna;
  const setGroups = dataplane.setGroups.bind(dataplane);
  vi.spyOn(dataplane, 'setGroups').mockImplementation((net, groups) => {
    told.push(...groups.filter(({ group }) => group === BROADCAST));
    setGroups(net, groups);
  });
  const heard = () => anna.receivers(BROADCAST).sort();
  expect(heard()).toEqual(['bert', 'cleo', 'dora']);

  const link = anna.link({ uses: 2, role: 'member' });
  for (const name of ['emil', 'fred']) {
    const joiner = new SimHost(world, name);
    joiner.join(link);
    world.until(`${name} is heard`, () => heard().includes(name), 10_000);
  }
  expect(told.map(({ receivers, more }) => [receivers.length, more])).toEqual([
    [1, true],
    [1, true],
  ]);
  expect(heard()).toEqual(['bert', 'cleo', 'dora', 'emil', 'fred']);

  // Guests receive channels alone.
  anna.do('member.setRole', { member: 'cleo', role: 'guest' });
  world.until('cleo is out', () => !heard().includes('cleo'), 10_000);
  bert.do('network.down', {});
  world.until('bert is out', () => !heard().includes('bert'), 10_000);
  bert.do('network.up', {});
  world.until('bert is back', () => heard().includes('bert'), 10_000);
  anna.do('member.remove', { member: 'emil' });
  world.until('emil is out', () => !heard().includes('emil'), 10_000);
  expect(heard()).toEqual(['bert', 'dora', 'fred']);
  // A member changes while another comes.
  anna.do('member.setRole', { member: 'cleo', role: 'member' });
  world.until('cleo is in', () => heard().includes('cleo'), 10_000);
  expect(heard()).toEqual(['bert', 'cleo', 'dora', 'fred']);
  world.until(
    'cleo knows them all',
    () => cleo.receivers(BROADCAST).sort().join(' ') === 'anna bert dora fred',
    10_000,
  );
});
