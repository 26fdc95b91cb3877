// Channels that only some may send to, in running engines: what data planes are told, and that all nodes of their trees check.
import { describe, expect, it, vi } from 'vitest';
import type { GroupConfig, TreeConfig } from '../../app/engine/ports.ts';
import type { SimHost } from './support/host.ts';
import { home } from './support/lab.ts';

const NAMES = ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina'];
const key = (name: string): Uint8Array => new Uint8Array(32).fill(name.charCodeAt(0));

/** A data plane that can sign, and what it was told last of each group. */
function watch(host: SimHost): Map<string, GroupConfig> {
  const told = new Map<string, GroupConfig>();
  const { dataplane } = host;
  const setGroups = dataplane.setGroups.bind(dataplane);
  vi.spyOn(dataplane, 'setGroups').mockImplementation((net, groups) => {
    for (const group of groups) told.set(group.group, group);
    setGroups(net, groups);
  });
  Object.assign(dataplane, { castSigner: () => key(host.name) });
  return told;
}

const signersOf = (host: SimHost): (Uint8Array | undefined)[] =>
  [...host.casts.trees.values()].map((epochs) => (epochs.at(-1) as TreeConfig).signer);

describe('a channel that names its publishers', () => {
  it('is known everywhere as one whose casts are signed, and has trees of that kind, until everybody may send to it', () => {
    const { world, hosts } = home(510, NAMES);
    const all = hosts as SimHost[];
    const told = new Map(all.map((host) => [host, watch(host)]));
    const [anna, bert, cleo] = all as [SimHost, SimHost, SimHost];
    const { address } = anna.do('channel.create', { name: 'stage', repair: 'nack', publishers: ['bert'] });
    const open = anna.do('channel.create', { name: 'all', repair: 'nack' });
    world.run(3_000);
    for (const host of all) if (host !== bert) host.groups(address, open.address);
    world.until('bert knows who receives', () => bert.receivers(address).length === NAMES.length - 1, 10_000);
    const shown = (host: SimHost) => new Map(host.network().channels?.map(({ name, signed }) => [name, signed]));
    for (const host of all) {
      expect(told.get(host)?.get(address), host.name).toMatchObject({ signed: true });
      expect(told.get(host)?.get(open.address)?.signed, host.name).toBeUndefined();
      expect(Object.fromEntries(shown(host)), host.name).toEqual({ stage: true, all: false });
    }
    // Who may not send has nobody to send to, and checks all the same.
    expect(told.get(cleo)?.get(address)?.receivers).toEqual([]);
    bert.cast(address, 'signed');
    world.until('it is everywhere', () => all.every((host) => host === bert || host.casts.got.has('signed')), 5_000);
    for (const host of all) expect(signersOf(host), host.name).toEqual([key('bert')]);
    bert.cast(open.address, 'open');
    world.until('it is everywhere', () => all.every((host) => host === bert || host.casts.got.has('open')), 5_000);
    for (const host of all) expect(signersOf(host), host.name).toEqual([key('bert'), undefined]);
    // A list of everybody is a list.
    anna.do('channel.change', { channel: 'stage', publishers: NAMES });
    world.run(3_000);
    for (const host of all) expect(told.get(host)?.get(address)?.signed, host.name).toBe(true);
    anna.do('channel.change', { channel: 'stage', publishers: null });
    world.run(3_000);
    for (const host of all) expect(told.get(host)?.get(address)?.signed, host.name).toBeUndefined();
    for (const host of all) expect(shown(host).get('stage'), host.name).toBe(false);
    expect(signersOf(cleo)).toEqual([undefined]);
  });
});
