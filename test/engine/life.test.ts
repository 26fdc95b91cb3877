// The life of a network: create, invite, join, know each other, leave, and all of it again after a restart.
import { describe, expect, it } from 'vitest';
import { SimHost } from './support/host.ts';
import { agree, allOnline, home, lab } from './support/lab.ts';
import { World } from './support/world.ts';

describe('create, invite, join', () => {
  it('a link joins a second device within a second', () => {
    const { world, hosts } = lab(1, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const id = anna.create();
    const start = world.mono;
    expect(bert.join(anna.link())).toBe(id);
    world.until('both online', () => anna.sees('bert') && bert.sees('anna'), 2_000);
    expect(world.mono - start).toBeLessThan(1_000);
    expect(bert.network()).toMatchObject({ name: 'home', state: 'connected', adapter: 'weft0', selfRole: 'member' });
    expect(bert.member('anna')).toMatchObject({ path: 'direct', dnsName: 'anna.home.weft', role: 'owner' });
    expect(bert.adapters.names.get(bert.net)?.map(({ name }) => name)).toEqual(['anna.home.weft', 'bert.home.weft']);
  });

  it('one that joined sponsors the next, with the creator gone and its state deleted', () => {
    const { world, hosts } = home(2, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const link = anna.link();
    world.run(1_000);
    anna.kill();
    anna.store.files.clear();
    anna.store.logs.clear();
    const dora = new SimHost(world, 'dora');
    dora.join(link);
    world.until('the three agree', () => agree([bert, cleo, dora]) && dora.sees('bert') && cleo.sees('dora'), 5_000);
    expect(dora.network().members.map(({ name }) => name)).toEqual(['anna', 'bert', 'cleo', 'dora']);
  });

  it('the preview says what the link says, and joining again is harmless', () => {
    const { hosts } = home(3, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const link = anna.link({ role: 'guest' });
    const cleo = new SimHost(anna.world, 'cleo');
    expect(cleo.do('network.preview', { link })).toMatchObject({
      networkName: 'home',
      inviter: 'anna',
      role: 'guest',
      waysIn: 2,
      alreadyMember: false,
    });
    expect(bert.join(link)).toBe(bert.network().id);
    expect(anna.do('invite.list', {}).invites.find(({ role }) => role === 'guest')).toMatchObject({ usesLeft: 1 });
  });

  it('two networks at once, each with its adapter', () => {
    const { world, hosts } = lab(4, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const home = anna.create('home');
    const work = bert.create('work');
    bert.join(anna.link({ network: home }));
    anna.join(bert.link({ network: work }));
    world.run(3_000);
    for (const host of hosts) {
      expect(host.network(home).members.every(({ online }) => online)).toBe(true);
      expect(host.network(work).members.every(({ online }) => online)).toBe(true);
      expect(host.engine.state().networks.map(({ adapter }) => adapter)).toEqual(['weft0', 'weft1']);
    }
    expect(anna.try('invite.create', {})).toMatchObject({ ok: false, error: { code: 'which-network' } });
    expect(anna.network(home).addresses[0]?.slice(0, 6)).not.toBe(anna.network(work).addresses[0]?.slice(0, 6));
  });

  it('links that are no links, damaged, expired, revoked or used up say so', () => {
    const { world, hosts } = home(5, ['anna', 'bert']);
    const [anna] = hosts as [SimHost];
    const cleo = new SimHost(world, 'cleo');
    const code = (link: string): string => {
      const outcome = cleo.try('network.join', { link });
      return outcome.ok ? 'ok' : outcome.error.code;
    };
    const link = anna.link();
    expect(code('https://example.org')).toBe('link-not-weft');
    expect(code(link.slice(0, -9))).toBe('link-damaged');
    expect(code(`${link.slice(0, -30)}AAAA${link.slice(-26)}`)).toBe('link-damaged');
    expect(code('weft://join/#; rm -rf ~')).toBe('link-damaged');
    anna.do('invite.revoke', { invite: link });
    expect(code(link)).toBe('invite-revoked');
    const once = anna.link();
    new SimHost(world, 'dora').join(once);
    expect(code(once)).toBe('invite-used');
    const short = anna.link({ expiresSeconds: 60 });
    world.run(61_000);
    expect(code(short)).toBe('invite-expired');
    expect(anna.do('invite.list', {}).invites.map(({ state }) => state)).toEqual([
      'open',
      'revoked',
      'used',
      'expired',
    ]);
    expect(cleo.engine.state().networks).toEqual([]);
    for (const host of hosts) expect(host.logged.join()).not.toContain(link.slice(-40));
  });

  it('a clock far behind is named, a clock that differs a little does not matter', () => {
    const world = new World({ seed: 6 });
    const anna = new SimHost(world, 'anna');
    const bert = new SimHost(world, 'bert', { wallSkewMs: -3_600_000 });
    const cleo = new SimHost(world, 'cleo', { wallSkewMs: 240_000 });
    anna.create();
    const link = anna.link({ uses: 2 });
    expect(bert.try('network.join', { link })).toMatchObject({ ok: false, error: { code: 'clock-wrong' } });
    cleo.join(link);
    world.until('both online', () => anna.sees('cleo') && cleo.sees('anna'), 2_000);
  });

  it('nobody reached is said after 15 s', () => {
    const { world, hosts } = lab(7, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    anna.create();
    const link = anna.link();
    anna.kill();
    const start = world.mono;
    expect(bert.try('network.join', { link })).toMatchObject({ ok: false, error: { code: 'nobody-reached' } });
    expect(world.mono - start).toBeLessThanOrEqual(15_100);
    expect(bert.dataplane.nets.size).toBe(0);
    anna.start();
    bert.join(link);
  });

  it('a guest cannot sponsor: the next way in is asked', () => {
    const { world, hosts } = lab(8, ['anna', 'gina', 'bert']);
    const [anna, gina, bert] = hosts as [SimHost, SimHost, SimHost];
    anna.create();
    gina.join(anna.link({ role: 'guest' }));
    expect(gina.try('invite.create', {})).toMatchObject({ ok: false, error: { code: 'not-allowed' } });
    world.run(2_000);
    bert.join(anna.link());
    expect(
      anna
        .network()
        .members.map(({ role }) => role)
        .sort(),
    ).toEqual(['guest', 'member', 'owner']);
  });

  it('leaving is heard by the others', () => {
    const { world, hosts } = home(9, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    bert.do('network.leave', {});
    expect(bert.engine.state().networks).toEqual([]);
    expect([...bert.store.files.keys()].filter((name) => name.startsWith('networks/'))).toEqual([]);
    world.until('gone', () => !anna.member('bert') && !cleo.member('bert'), 3_000);
    bert.join(anna.link());
    world.until('back with other keys', () => anna.sees('bert') && cleo.sees('bert'), 3_000);
  });

  it('renames and roles reach everybody', () => {
    const { world, hosts } = home(10, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    bert.do('member.rename', { name: 'Bert’s Büro' });
    anna.do('member.setRole', { member: 'cleo', role: 'admin' });
    anna.do('network.rename', { name: 'Werkstatt' });
    world.until('agreed', () => agree(hosts) && hosts.every((host) => host.network().name === 'Werkstatt'), 2_000);
    expect(anna.network().members.map(({ dnsName }) => dnsName)).toEqual([
      'anna.werkstatt.weft',
      'berts-buro.werkstatt.weft',
      'cleo.werkstatt.weft',
    ]);
    expect(bert.try('network.rename', { name: 'x' })).toMatchObject({ ok: false, error: { code: 'not-allowed' } });
    expect(anna.try('member.setRole', { member: 'anna', role: 'member' })).toMatchObject({
      error: { code: 'last-owner' },
    });
    expect(anna.do('network.recovery', {}).recovery).toMatch(/^weft-root-1:[a-z2-7]{52}:[a-z2-7]{52}$/);
    expect(bert.try('network.recovery', {})).toMatchObject({ error: { code: 'no-root-key' } });
  });
});

describe('restart', () => {
  it('everything is there again after kill -9, without the network that brought it', () => {
    const { world, hosts } = home(20, ['anna', 'bert', 'cleo']);
    const before = hosts.map((host) => host.network().members.map(({ id, addresses }) => [id, addresses]));
    for (const host of hosts) host.kill();
    world.run(5_000);
    for (const host of hosts) host.start();
    expect(hosts.map((host) => host.network().members.map(({ id, addresses }) => [id, addresses]))).toEqual(before);
    world.until('all online again', () => hosts.every((host) => allOnline(host, 3)), 5_000);
  });

  it('a kill at any write of a join leaves a device that can repeat the link', () => {
    for (let crash = 0; crash < 6; crash++) {
      const { world, hosts } = lab(30 + crash, ['anna', 'bert']);
      const [anna, bert] = hosts as [SimHost, SimHost];
      anna.create();
      const link = anna.link();
      bert.store.crashAfter = crash;
      const pending = bert.begin('network.join', { link });
      world.run(3_000);
      bert.store.crashAfter = Infinity;
      if (!bert.alive) bert.start();
      else bert.restart();
      if (pending.outcome?.ok) expect(bert.engine.state().networks).toHaveLength(1);
      bert.join(link);
      world.until('both online', () => anna.sees('bert') && bert.sees('anna'), 5_000);
      expect(anna.network().members).toHaveLength(2);
    }
  });

  it('a kill at any write of a creation leaves nothing or everything', () => {
    for (let crash = 0; crash < 6; crash++) {
      const { hosts } = lab(40 + crash, ['anna']);
      const [anna] = hosts as [SimHost];
      anna.store.crashAfter = crash;
      const pending = anna.begin('network.create', { name: 'home' });
      anna.store.crashAfter = Infinity;
      anna.restart();
      expect(anna.engine.state().networks).toHaveLength(pending.outcome?.ok ? 1 : 0);
      expect(anna.engine.state().problems).toEqual([]);
      anna.create('other');
    }
  });

  it('a damaged file of one network is a problem, and the other network runs', () => {
    const { world, hosts } = lab(50, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const one = anna.create('one');
    const two = anna.create('two');
    bert.join(anna.link({ network: two }));
    for (const name of ['local', 'records']) {
      anna.kill();
      anna.store.corrupt.add(`networks/${one}/${name}`);
      anna.start();
      expect(anna.engine.state().problems).toMatchObject([{ code: 'state-corrupt' }]);
      expect(anna.engine.state().networks.map(({ id }) => id)).toEqual([two]);
      world.until('the other runs', () => anna.network(two).members.every(({ online }) => online), 5_000);
      break;
    }
  });

  it('a full disk changes nothing and is said', () => {
    const { world, hosts } = home(51, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const before = JSON.stringify(anna.network().invites);
    anna.store.full = true;
    bert.store.full = true;
    for (const outcome of [
      anna.try('invite.create', {}),
      anna.try('member.rename', { name: 'ann' }),
      anna.try('member.remove', { member: 'bert' }),
      anna.try('network.create', { name: 'more' }),
      anna.try('network.down', {}),
      anna.try('settings.set', { deviceName: 'x' }),
      bert.try('network.leave', {}),
    ]) {
      expect(outcome).toMatchObject({ ok: false, error: { code: 'disk-full' } });
    }
    expect(JSON.stringify(anna.network().invites)).toBe(before);
    expect(anna.engine.state().networks).toHaveLength(1);
    expect(anna.engine.state().settings.deviceName).toBe('anna');
    anna.store.full = false;
    const link = anna.link();
    anna.store.full = true;
    const cleo = new SimHost(world, 'cleo');
    expect(cleo.try('network.join', { link })).toMatchObject({ ok: false, error: { code: 'sponsor-silent' } });
    anna.store.full = false;
    bert.store.full = false;
    cleo.join(link);
    world.until('agreed', () => agree([anna, bert, cleo]), 3_000);
  });

  it('off is off, also over a restart; on brings all back, and the adapter stays', () => {
    const { world, hosts } = home(52, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    bert.groups('239.1.2.3');
    world.run(1_000);
    bert.do('network.down', {});
    world.until('seen off', () => !anna.sees('bert') && !cleo.sees('bert'), 1_000);
    expect(bert.dataplane.sessions).toBe(0);
    expect(bert.adapters.carriers.get(bert.net)).toBe(false);
    expect(bert.adapters.requests.has(bert.net)).toBe(true);
    expect(bert.network().state).toBe('off');
    expect(anna.receivers('239.1.2.3')).toEqual([]);
    world.run(120_000);
    expect(bert.dataplane.sessions).toBe(0);
    bert.do('network.up', {});
    world.until('back', () => anna.sees('bert') && cleo.sees('bert'), 3_000);
    world.until('receives again', () => anna.receivers('239.1.2.3').includes('bert'), 2_000);
    bert.do('network.down', {});
    bert.restart();
    world.run(5_000);
    expect(bert.network()).toMatchObject({ state: 'off', on: false });
  });
});
