// Who is where: addresses change, members vanish, groups come and go; and what all that costs.
import { describe, expect, it } from 'vitest';
import { SimHost } from './support/host.ts';
import { allOnline, home } from './support/lab.ts';

const EIGHT = ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina', 'hugo'];

describe('addresses', () => {
  it('one host moves: the others follow within 2 s', () => {
    const { world, hosts } = home(200, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    world.run(10_000);
    bert.move('10.9.9.9:4000');
    world.until('followed', () => anna.member('bert')?.endpoint === '10.9.9.9:4000', 2_000);
    world.run(5_000);
    expect(hosts.every((host) => allOnline(host, 3))).toBe(true);
  });

  it('two that both moved find each other through a third', () => {
    const { world, hosts } = home(201, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    world.run(10_000);
    // Both are unreachable while they move, so neither can tell the other.
    anna.endpoints = ['10.1.1.1:4000'];
    bert.endpoints = ['10.2.2.2:4000'];
    anna.input({ kind: 'underlay', endpoints: anna.endpoints });
    bert.input({ kind: 'underlay', endpoints: bert.endpoints });
    world.until('found', () => anna.member('bert')?.endpoint === '10.2.2.2:4000', 5_000);
    world.until('all', () => hosts.every((host) => allOnline(host, 3)), 3_000);
    expect(cleo.member('anna')?.endpoint).toBe('10.1.1.1:4000');
  });

  it('a host that slept two minutes is back within 5 s', () => {
    const { world, hosts } = home(202, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    world.run(10_000);
    bert.sleep(120_000);
    world.run(119_000);
    expect(anna.sees('bert')).toBe(false);
    world.run(1_001);
    world.until('back', () => hosts.every((host) => allOnline(host, 3)), 5_000);
  });

  it('a member that lost its IPv4 address goes on with another one', () => {
    const { world, hosts } = home(205, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const roll = bert.engine.networks.get(bert.net)?.roll;
    if (!roll) throw new Error('no network');
    bert.groups('239.1.1.1');
    const members = roll.members.bind(roll);
    Object.defineProperty(roll, 'members', {
      value: () =>
        members().map((member) =>
          member.name === 'bert' ? (Object.create(member, { ipv4: { value: '10.99.1.2' } }) as typeof member) : member,
        ),
    });
    anna.do('member.rename', { name: 'ann' });
    world.until('readdressed', () => bert.adapters.requests.get(bert.net)?.ipv4 === '10.99.1.2/16', 1_000);
    world.run(50);
    bert.groups('239.1.1.1');
    world.until('all online', () => hosts.every((host) => allOnline(host, 3)), 3_000);
    expect(bert.network()).toMatchObject({ adapter: 'weft0', problems: [{ code: 'ipv4-conflict' }] });
    expect(bert.dataplane.nets.get(bert.net)?.config.ipv4).toBe('10.99.1.2');
    world.until('receives', () => anna.receivers('239.1.1.1').includes('bert'), 2_000);
  });

  it('an IPv4 prefix that overlaps leaves IPv6 alone', () => {
    const { hosts } = home(203, ['anna']);
    const [anna] = hosts as [SimHost];
    const bert = new SimHost(anna.world, 'bert');
    bert.adapters.failures = [{ code: 'prefix-overlaps', data: { local: '10.0.0.0/8' } }];
    bert.join(anna.link());
    anna.world.run(100);
    expect(bert.network().problems).toEqual([{ code: 'prefix-overlaps', data: { local: '10.0.0.0/8' } }]);
    expect(bert.network().adapter).toBe('weft0');
    expect(bert.adapters.requests.get(bert.net)?.ipv4).toBeUndefined();
    expect(bert.network().addresses).toHaveLength(1);
  });

  it('a taken adapter name is passed over unless the user chose it', () => {
    const { world, hosts } = home(204, ['anna']);
    const [anna] = hosts as [SimHost];
    const bert = new SimHost(world, 'bert');
    bert.adapters.failures = [{ code: 'name-taken' }];
    bert.join(anna.link());
    const cleo = new SimHost(world, 'cleo', { adapter: 'lan9' });
    cleo.adapters.failures = [{ code: 'name-taken' }];
    cleo.join(anna.link());
    world.run(100);
    expect(bert.network().adapter).toBe('weft1');
    expect(cleo.network()).toMatchObject({
      adapter: null,
      state: 'degraded',
      problems: [{ code: 'name-taken', data: { name: 'lan9' } }],
    });
    world.run(20_000);
    expect(cleo.network()).toMatchObject({ adapter: 'lan9', problems: [] });
  });
});

describe('offline', () => {
  it('is seen by everybody within 90 s when idle', () => {
    const { world, hosts } = home(210, EIGHT);
    world.run(60_000);
    const [victim, ...rest] = hosts as [SimHost, ...SimHost[]];
    victim.kill();
    world.until('all know', () => rest.every((host) => !host.sees('anna')), 90_000);
    victim.start();
    world.until('back', () => hosts.every((host) => allOnline(host, 8)), 10_000);
  });

  it('is seen within 5 s by everybody when one had traffic with it', () => {
    const { world, hosts } = home(211, EIGHT);
    world.run(60_000);
    const [victim, bert, ...rest] = hosts as [SimHost, SimHost, ...SimHost[]];
    bert.packet('anna');
    world.run(1_000);
    victim.kill();
    for (let i = 0; i < 50; i++) world.after(i * 100, () => bert.packet('anna'));
    world.until('bert knows', () => !bert.sees('anna'), 2_500);
    world.until('all know', () => rest.every((host) => !host.sees('anna')), 5_000);
  });

  it('a partition is seen on both sides, and heals', () => {
    const { world, hosts } = home(212, EIGHT);
    world.run(60_000);
    const right = hosts.slice(5);
    for (const host of right) host.group = 1;
    world.until(
      'seen',
      () =>
        hosts.every((host) => host.network().members.filter(({ online }) => online).length === (host.group ? 3 : 5)),
      100_000,
    );
    for (const host of right) host.group = 0;
    world.until('healed', () => hosts.every((host) => allOnline(host, 8)), 60_000);
  });

  it('a direct session ends when nobody uses it', () => {
    const names = [...EIGHT, 'ines', 'jens', 'kurt', 'lena', 'moni', 'nils'];
    const { world, hosts } = home(213, names);
    world.run(600_000);
    const [anna] = hosts as [SimHost];
    const far = names.find((name) => name !== 'anna' && anna.member(name)?.path === 'none');
    expect(far).toBeDefined();
    anna.packet(far as string);
    world.until('direct', () => anna.member(far as string)?.path === 'direct', 1_000);
    for (let i = 0; i < 8; i++) {
      for (let n = 0; n < 40; n++) anna.packet(far as string);
      world.run(60_000);
      expect(anna.member(far as string)?.path).toBe('direct');
    }
    world.run(480_000);
    expect(anna.member(far as string)).toMatchObject({ path: 'none', online: true });
  });
});

describe('groups', () => {
  it('reach every member within 2 s, as does the leave; source filters travel', () => {
    const { world, hosts } = home(220, EIGHT);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const others = hosts.filter((host) => host !== bert);
    world.run(30_000);
    bert.groups('239.1.1.1', { group: '232.1.1.1', mode: 'include', sources: ['10.1.2.3'] }, 'ff15::42', '224.0.0.1');
    world.until('joined', () => others.every((host) => host.receivers('239.1.1.1').join() === 'bert'), 2_000);
    expect(anna.dataplane.receivers(anna.net, '232.1.1.1')).toMatchObject([{ mode: 'include', sources: ['10.1.2.3'] }]);
    expect(anna.receivers('ff15::42')).toEqual(['bert']);
    expect(anna.network().groups).toMatchObject([
      { address: '232.1.1.1', joined: false },
      { address: '239.1.1.1', members: [bert.network().selfId] },
      { address: 'ff15::42' },
    ]);
    cleo.groups('239.1.1.1');
    world.until('two', () => anna.receivers('239.1.1.1').join() === 'bert,cleo', 2_000);
    bert.groups('ff15::42');
    world.until('left', () => others.every((host) => !host.receivers('239.1.1.1').includes('bert')), 2_000);
    expect(anna.dataplane.receivers(anna.net, '232.1.1.1')).toEqual([]);
  });

  it('broadcast and all-nodes go to everybody but guests', () => {
    const { world, hosts } = home(221, ['anna', 'bert']);
    const [anna] = hosts as [SimHost];
    const gina = new SimHost(world, 'gina');
    gina.join(anna.link({ role: 'guest' }));
    world.run(1_000);
    for (const group of ['255.255.255.255', 'ff02::1', '224.0.0.1']) expect(anna.receivers(group)).toEqual(['bert']);
  });

  it('many changes at once cost few statements', () => {
    const { world, hosts } = home(222, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    world.run(30_000);
    const before = bert.dataplane.sent.messages;
    for (let i = 0; i < 200; i++)
      world.after(i * 5, () => bert.groups(...Array.from({ length: (i % 7) + 1 }, (_, n) => `239.0.0.${n}`)));
    world.run(5_000);
    expect(bert.dataplane.sent.messages - before).toBeLessThan(100);
    expect(anna.receivers('239.0.0.3')).toEqual(['bert']);
  });

  it('a receiver stays one over its restart, and over the sender’s', () => {
    const { world, hosts } = home(223, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    bert.groups('239.1.1.1');
    world.run(60_000);
    bert.kill();
    world.run(3_000);
    expect(anna.receivers('239.1.1.1')).toEqual(['bert']);
    bert.start();
    let lost = 0;
    for (let i = 0; i < 100; i++) {
      world.run(50);
      if (!anna.receivers('239.1.1.1').includes('bert')) lost++;
    }
    expect(lost).toBe(0);
    anna.restart();
    world.until('the sender knows again', () => anna.receivers('239.1.1.1').includes('bert'), 2_000);
  });
});

describe('cost', () => {
  it('who is off is called straight: nobody says a way there, and others are not asked again and again', () => {
    const { world, hosts } = home(245, EIGHT);
    const [anna] = hosts as [SimHost];
    const gone = hosts.at(-1) as SimHost;
    const others = hosts.slice(0, -1);
    world.run(10_000);
    const calls: { vias: number; all: number }[] = [];
    for (const { dataplane } of others) {
      const connect = dataplane.connect.bind(dataplane);
      dataplane.connect = (net, peer, ways, hint) => {
        calls.push({ vias: ways.filter((way) => way.startsWith('via:')).length, all: ways.length });
        connect(net, peer, ways, hint);
      };
    }
    gone.kill();
    world.until('seen', () => others.every((host) => !host.sees('hugo')), 90_000);
    world.run(60_000);
    calls.length = 0;
    world.run(300_000);
    expect(calls.length).toBeGreaterThan(others.length);
    expect(calls.filter(({ all }) => all === 0)).toEqual([]);
    expect(calls.filter(({ vias }) => vias > 0)).toEqual([]);
    gone.start();
    world.until('back', () => allOnline(anna, 8), 10_000);
  });

  it('eight idle members say at most 60 B/s each, keepalives and handshakes included', () => {
    const { world, hosts } = home(230, EIGHT);
    // Sessions from the joins and their pruning have passed.
    world.run(20 * 60_000);
    const before = hosts.map((host) => host.dataplane.bytesSent);
    const seconds = 2 * 3_600;
    world.run(seconds * 1000);
    const rates = hosts.map((host, index) => (host.dataplane.bytesSent - (before[index] as number)) / seconds);
    expect(Math.max(...rates)).toBeLessThanOrEqual(60);
    // Sent and received together, on average.
    expect((2 * rates.reduce((a, b) => a + b)) / rates.length).toBeLessThanOrEqual(80);
    expect(hosts.every((host) => allOnline(host, 8))).toBe(true);
    console.log(`idle, B/s sent by each of 8: ${rates.map((rate) => rate.toFixed(1)).join(' ')}`);
  });

  it('40 members converge, with few neighbours each', () => {
    const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
    const { world, hosts } = home(231, names);
    world.run(60_000);
    for (const host of hosts) {
      const network = host.engine.networks.get(host.net);
      expect(network?.paths.neighbours().length).toBeGreaterThanOrEqual(3);
      expect(network?.paths.neighbours().length).toBeLessThanOrEqual(8);
      expect(network?.roll.all().length).toBeLessThan(40 * 12);
    }
    const [first] = hosts as [SimHost];
    hosts[30]?.groups('239.9.9.9');
    world.until(
      'all know',
      () => hosts.every((host) => host === hosts[30] || host.receivers('239.9.9.9').length === 1),
      2_000,
    );
    first.do('member.remove', { member: 'm17' });
    world.until('out', () => hosts.every((host) => host === hosts[17] || !host.member('m17')), 3_000);
  }, 120_000);
});
