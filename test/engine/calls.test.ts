// Calls of the contract beside joining: settings, doctor, rates, who may do what; and changes told in moderation.
import { describe, expect, it } from 'vitest';
import { State, Traffic } from '../../app/contract/state.ts';
import { SimHost } from './support/host.ts';
import { home, lab } from './support/lab.ts';

describe('calls', () => {
  it('the state fits the contract, also while things are wrong', () => {
    const { world, hosts } = home(300, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    bert.groups('239.1.1.1');
    cleo.kill();
    anna.input({ kind: 'host', listening: ['0.0.0.0:1'], helper: 'missing', problems: [{ code: 'helper-missing' }] });
    world.run(120_000);
    const state = State.parse(anna.do('status', {}));
    expect(state).toMatchObject({
      helper: 'missing',
      listening: ['0.0.0.0:1'],
      problems: [{ code: 'helper-missing' }],
    });
    expect(state.networks[0]?.members.find(({ name }) => name === 'cleo')).toMatchObject({
      online: false,
      path: 'none',
      lastSeenMs: expect.any(Number) as number,
    });
  });

  it('settings are durable, and absent keys stay', () => {
    const { hosts } = lab(301, ['anna']);
    const [anna] = hosts as [SimHost];
    anna.do('settings.set', { theme: 'dark', listen: ['0.0.0.0:5000'] });
    anna.do('settings.set', { deviceName: 'kiosk' });
    anna.restart();
    expect(anna.engine.state().settings).toMatchObject({
      theme: 'dark',
      listen: ['0.0.0.0:5000'],
      deviceName: 'kiosk',
    });
    anna.create();
    expect(anna.network().members[0]?.name).toBe('kiosk');
  });

  it('say what may be seen outside, from the start on', () => {
    const { hosts } = lab(305, ['anna']);
    const [anna] = hosts as [SimHost];
    anna.do('settings.set', { only443: true, trafficClass: false });
    expect(anna.dataplane.outside).toEqual({ datagrams: false, trafficClass: false });
    anna.restart();
    expect(anna.dataplane.outside).toEqual({ datagrams: false, trafficClass: false });
    anna.do('settings.set', { only443: false, trafficClass: true });
    expect(anna.dataplane.outside).toEqual({ datagrams: true, trafficClass: true });
  });

  it('a way that was measured to be slow is paced, and several tell the own uplink to all', () => {
    const { world, hosts } = home(306, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    world.run(5_000);
    const told = (): number => {
      const origin = [...anna.engine.networks.values()][0]?.roll.selfOrigin ?? '';
      return [...bert.engine.networks.values()][0]?.paths.presence(origin)?.uplinkKBps ?? -1;
    };
    const handles = [...(anna.dataplane.nets.get(anna.net)?.peers.keys() ?? [])];
    const [first, second] = handles as [number, number];
    const line = (peer: number, bytesPerSecond: number): void =>
      anna.input({ kind: 'dataplane', events: [{ kind: 'line', net: anna.net, peer, bytesPerSecond }] });
    for (const host of [bert, cleo]) anna.packet(host.name);
    line(first, 6_000);
    world.run(1_000);
    expect(anna.dataplane.paces.get(first)).toEqual({ bytesPerSecond: 6_000, aggregateMs: 40 });
    expect(told()).toBe(0);
    line(second, 4_000);
    world.run(5_000);
    expect(told()).toBe(10);
    for (const peer of handles) line(peer, 0);
    world.run(15_000);
    expect(told()).toBe(0);
    expect(anna.dataplane.paces.get(first)).toEqual({});
  });

  it('rates are those of the last second', () => {
    const { world, hosts } = home(302, ['anna', 'bert']);
    const [anna] = hosts as [SimHost];
    anna.input({ kind: 'statsTick' });
    for (let i = 0; i < 50; i++) world.after(i * 10, () => anna.packet('bert'));
    world.run(1_000);
    anna.input({ kind: 'statsTick' });
    const traffic = Traffic.parse(anna.engine.traffic());
    expect(traffic.networks[0]?.txBytesPerSecond).toBe(5_000);
    expect(traffic.networks[0]?.members).toHaveLength(1);
  });

  it('the doctor names a wrong clock, a member out of reach, and a network that is off', () => {
    const { world, hosts } = lab(303, ['anna', 'bert', 'cleo'], {});
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    anna.create();
    const link = anna.link({ uses: 2 });
    bert.join(link);
    cleo.join(link);
    world.run(2_000);
    const codes = (host: SimHost): string[] => host.do('doctor.run', {}).items.map(({ code }) => code);
    expect(codes(anna)).toEqual(['members', 'direct', 'direct']);
    const late = new SimHost(world, 'late', { wallSkewMs: 20 * 60_000 });
    late.join(anna.link());
    world.run(2_000);
    expect(codes(late)).toContain('clock-wrong');
    cleo.kill();
    world.run(200_000);
    expect(codes(anna)).toContain('nobody-reached');
    anna.do('network.down', {});
    expect(codes(anna)).toEqual(['off']);
  });

  it('eight networks are enough, and a device whose secret is damaged makes no new one', () => {
    const { hosts } = lab(304, ['anna']);
    const [anna] = hosts as [SimHost];
    for (let i = 0; i < 8; i++) anna.create(`net ${i}`);
    expect(anna.try('network.create', { name: 'ninth' })).toMatchObject({ error: { code: 'too-many-networks' } });
    anna.kill();
    anna.store.corrupt.add('device');
    anna.start();
    expect(anna.try('network.create', { name: 'new' })).toMatchObject({ error: { code: 'state-corrupt' } });
    expect(anna.store.files.has('device')).toBe(false);
  });

  it('the last owner does not leave the others behind', () => {
    const { world, hosts } = home(305, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    expect(anna.try('network.leave', {})).toMatchObject({ error: { code: 'last-owner' } });
    anna.do('member.setRole', { member: 'bert', role: 'owner' });
    world.run(500);
    anna.do('network.leave', {});
    world.run(2_000);
    expect(bert.network().members.map(({ name, role }) => [name, role])).toEqual([['bert', 'owner']]);
    bert.do('network.leave', {});
    expect(bert.engine.state().networks).toEqual([]);
  });

  it('unknown and ambiguous names say so', () => {
    const { hosts } = home(306, ['anna', 'bert']);
    const [anna] = hosts as [SimHost];
    expect(anna.try('member.remove', { member: 'nobody' })).toMatchObject({ error: { code: 'no-such-member' } });
    expect(anna.try('invite.create', { network: 'nowhere' })).toMatchObject({ error: { code: 'no-such-network' } });
    expect(anna.try('invite.revoke', { invite: 'aaaa' })).toMatchObject({ error: { code: 'no-such-invite' } });
  });

  it('changes are told at most ten times a second', () => {
    const { world, hosts } = home(307, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const before = anna.changes;
    for (let i = 0; i < 300; i++) world.after(i * 10, () => bert.groups(`239.0.0.${i % 200}`));
    world.run(3_000);
    expect(anna.changes - before).toBeLessThanOrEqual(31);
    expect(anna.changes - before).toBeGreaterThan(2);
  });
});
