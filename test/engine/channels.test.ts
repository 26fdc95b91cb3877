// Named channels: made, changed and closed by records; who may receive and send; taking part without an application.
import { describe, expect, it } from 'vitest';
import type { SimHost } from './support/host.ts';
import { home } from './support/lab.ts';

const channel = (host: SimHost, name: string) => host.network().channels?.find((one) => one.name === name);

describe('channels', () => {
  it('are the same everywhere, with an address and port of their own', () => {
    const { world, hosts } = home(500, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const made = anna.do('channel.create', { name: 'stage', repair: 'nack' });
    bert.do('channel.create', { name: 'stage', address: '239.9.9.9', port: 5004 });
    world.run(5_000);
    for (const host of hosts as SimHost[]) expect(host.network().channels).toHaveLength(2);
    expect(made.address).toMatch(/^239\.19[2-5]\./);
    const names = cleo.network().channels?.map(({ name }) => name);
    expect(names).toEqual(['stage', 'stage-2']);
    expect(anna.network().channels?.map(({ id }) => id)).toEqual(cleo.network().channels?.map(({ id }) => id));
  });

  it('do not share a group: who asks for a taken one is refused, and of two made at once one is there', () => {
    const { world, hosts } = home(503, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const place = { address: '239.9.9.9', port: 5004 };
    bert.do('channel.create', { name: 'stage', ...place });
    anna.do('channel.create', { name: 'radio', ...place });
    world.run(5_000);
    const [there] = cleo.network().channels ?? [];
    expect(cleo.network().channels).toHaveLength(1);
    for (const host of [anna, bert]) expect(host.network().channels?.map(({ id }) => id)).toEqual([there?.id]);
    expect(cleo.refuses('channel.create', { name: 'other', address: '239.9.9.9', port: 6000 })).toBe('group-taken');
    // A later word about the one that is there takes nothing from it.
    const maker = there?.name === 'stage' ? bert : anna;
    maker.do('channel.change', { channel: there?.name ?? '', repair: 'fec' });
    world.run(3_000);
    expect(cleo.network().channels).toMatchObject([{ id: there?.id, repair: 'fec' }]);
    maker.do('channel.close', { channel: there?.name ?? '' });
    world.run(3_000);
    expect(cleo.network().channels?.map(({ id }) => id)).not.toContain(there?.id);
  });

  it('reach whoever joined them, also after a restart, and only those who may receive', () => {
    const { world, hosts } = home(501, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const { address } = anna.do('channel.create', { name: 'stage', subscribers: ['anna', 'bert'] });
    world.run(5_000);
    bert.do('channel.join', { channel: 'stage' });
    expect(cleo.refuses('channel.join', { channel: 'stage' })).toBe('not-allowed');
    // An application of cleo's host joins the group all the same: nobody sends to it.
    cleo.groups(address);
    world.run(3_000);
    expect(anna.receivers(address)).toEqual(['bert']);
    bert.restart();
    world.run(10_000);
    expect(channel(bert, 'stage')?.joined).toBe(true);
    expect(anna.receivers(address)).toEqual(['bert']);
    bert.do('channel.leave', { channel: 'stage' });
    world.run(3_000);
    expect(anna.receivers(address)).toEqual([]);
  });

  it('are sent to only by who may publish, and changed only by who may change them', () => {
    const { world, hosts } = home(502, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const { address } = bert.do('channel.create', { name: 'radio', publishers: ['bert'] });
    world.run(5_000);
    cleo.do('channel.join', { channel: 'radio' });
    anna.do('channel.join', { channel: 'radio' });
    world.run(3_000);
    expect(bert.receivers(address)).toEqual(['anna', 'cleo']);
    expect(cleo.receivers(address)).toEqual([]);
    // Each host's data plane knows who may send, whatever senders think of it.
    expect(anna.publishers(address)).toEqual(['bert']);
    expect(cleo.refuses('channel.change', { channel: 'radio', publishers: null })).toBe('not-allowed');
    expect(channel(cleo, 'radio')).toMatchObject({ mayPublish: false, maySubscribe: true, mayChange: false });
    // Its maker and the network's owner may.
    bert.do('channel.change', { channel: 'radio', publishers: ['bert', 'cleo'] });
    world.run(3_000);
    expect(cleo.receivers(address)).toEqual(['anna']);
    expect(anna.publishers(address)).toBeUndefined();
    anna.do('channel.close', { channel: 'radio' });
    world.run(3_000);
    for (const host of hosts as SimHost[]) expect(host.network().channels).toEqual([]);
    expect(anna.refuses('channel.join', { channel: 'radio' })).toBe('no-such-channel');
  });
});
