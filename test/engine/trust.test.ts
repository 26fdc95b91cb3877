// Who belongs, under races, partitions and removals.
import { describe, expect, it } from 'vitest';
import { STRANGER_BYTES_BURST } from '../../app/mesh/guard/peer-budget.ts';
import { decodeMessage, encodeMessage } from '../../app/wire/messages/message.ts';
import { encodePresenceBody, presenceSigned, type Presence } from '../../app/wire/messages/presence.ts';
import { concat } from '../../app/wire/text.ts';
import { crypto } from './support/crypto.ts';
import { SimHost } from './support/host.ts';
import { agree, home } from './support/lab.ts';

const REMOVAL_MS = 3_000;

describe('a one-use link', () => {
  it('used by two at once has one winner, the same everywhere', () => {
    for (let seed = 100; seed < 106; seed++) {
      const { world, hosts } = home(seed, ['anna', 'bert', 'cleo']);
      const link = (hosts[1] as SimHost).do('network.down', {}) && (hosts[0] as SimHost).link();
      (hosts[1] as SimHost).do('network.up', {});
      const dora = new SimHost(world, 'dora');
      const emil = new SimHost(world, 'emil');
      const answers = [dora.begin('network.join', { link }), emil.begin('network.join', { link })];
      world.until('both answered', () => answers.every(({ outcome }) => outcome !== null), 20_000);
      world.run(5_000);
      const names = ['dora', 'emil'].filter((name) => (hosts[0] as SimHost).member(name));
      expect(names).toHaveLength(1);
      expect(agree(hosts)).toBe(true);
      const loser = names[0] === 'dora' ? emil : dora;
      const outcome = answers[loser === dora ? 0 : 1]?.outcome;
      if (outcome?.ok) {
        world.until(
          'the loser knows',
          () => loser.network().problems.some(({ code }) => code === 'invite-lost'),
          10_000,
        );
      } else expect(outcome?.error.code).toMatch(/^invite-(used|lost)$/);
    }
  });

  it('used on both sides of a partition has one winner everywhere after it heals, and the loser learns it', () => {
    for (let seed = 110; seed < 114; seed++) {
      const { world, hosts } = home(seed, ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred']);
      const [anna, bert] = hosts as [SimHost, SimHost];
      world.run(1_000);
      const link = anna.link();
      world.run(1_000);
      // Three of six on either side, and the link names members of both.
      const right = [...hosts].filter((_, index) => index % 2 === 1);
      for (const host of right) host.group = 1;
      const gina = new SimHost(world, 'gina');
      const hugo = new SimHost(world, 'hugo');
      hugo.group = 1;
      gina.join(link);
      hugo.join(link);
      world.run(100_000);
      expect(anna.member('gina')?.online).toBe(true);
      expect(bert.member('hugo')?.online).toBe(true);
      expect(anna.sees('bert')).toBe(false);
      for (const host of [...right, hugo]) host.group = 0;
      world.until(
        `healed`,
        () => agree(hosts) && hosts.every((host) => host.network().members.every((m) => m.online)),
        90_000,
      );
      const winners = anna.network().members.filter(({ name }) => name === 'gina' || name === 'hugo');
      expect(winners).toHaveLength(1);
      const loser = winners[0]?.name === 'gina' ? hugo : gina;
      world.until('the loser knows', () => loser.network().problems.some(({ code }) => code === 'invite-lost'), 90_000);
      expect(loser.network().state).toBe('off');
      expect(loser.dataplane.nets.size).toBe(0);
    }
  });
});

describe('removal', () => {
  it('is everywhere within 3 s, ends sessions, and stops the removed device', () => {
    const { world, hosts } = home(120, ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina', 'hugo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const rest = hosts.filter((host) => host !== bert);
    anna.do('member.remove', { member: 'bert' });
    const start = world.mono;
    world.until('out', () => rest.every((host) => !host.member('bert')), REMOVAL_MS);
    world.until('stopped', () => bert.network().problems.some(({ code }) => code === 'removed'), REMOVAL_MS);
    world.run(REMOVAL_MS - (world.mono - start));
    expect(bert.dataplane.sessions).toBe(0);
    for (const host of rest) expect(host.dataplane.rotations).toBeGreaterThan(0);
    for (const host of rest)
      expect(host.adapters.names.get(host.net)?.some(({ name }) => name.startsWith('bert'))).toBe(false);
    bert.restart();
    world.run(5_000);
    expect(bert.network()).toMatchObject({ state: 'off', problems: [{ code: 'removed' }] });
    expect(bert.dataplane.sessions).toBe(0);
  });

  it('a copy of the removed device’s state hears only that it was removed', () => {
    const { world, hosts } = home(121, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    world.run(30_000);
    const copy = bert.store.copy();
    bert.kill();
    anna.do('member.remove', { member: 'bert' });
    world.run(5_000);
    const ghost = new SimHost(world, 'bert', { store: copy });
    const sent = anna.dataplane.sent.control + cleo.dataplane.sent.control;
    world.until('told', () => ghost.network().problems.some(({ code }) => code === 'removed'), 10_000);
    world.run(20_000);
    expect(ghost.dataplane.sessions).toBe(0);
    expect(ghost.network().members.some(({ name, online }) => name !== 'bert' && online)).toBe(false);
    expect(anna.dataplane.sent.control + cleo.dataplane.sent.control - sent).toBeLessThan(10_000);
    expect(ghost.network().members.map(({ name }) => name)).toEqual(['anna', 'bert', 'cleo']);
  });

  it('ends links that the removed member made or came in by; a fresh link brings the device back', () => {
    const { world, hosts } = home(122, ['anna', 'bert']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    anna.do('member.setRole', { member: 'bert', role: 'admin' });
    world.run(1_000);
    const made = bert.link({ uses: 3 });
    const cleo = new SimHost(world, 'cleo');
    cleo.join(made);
    world.run(1_000);
    expect(anna.do('member.remove', { member: 'bert' }).review).toEqual(['cleo']);
    world.run(3_000);
    expect(bert.try('network.join', { link: made })).toMatchObject({ ok: false });
    const dora = new SimHost(world, 'dora');
    expect(dora.try('network.join', { link: made })).toMatchObject({ ok: false, error: { code: 'invite-void' } });
    bert.join(anna.link());
    world.until('back', () => anna.sees('bert') && bert.sees('anna'), 3_000);
    expect(bert.network().problems).toEqual([]);
  });

  it('of somebody who was away is heard when it comes back', () => {
    const { world, hosts } = home(123, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    world.run(30_000);
    bert.kill();
    anna.do('member.remove', { member: 'bert' });
    world.run(60_000);
    bert.start();
    world.until('told', () => bert.network().problems.some(({ code }) => code === 'removed'), 10_000);
    expect(bert.dataplane.sessions).toBe(0);
  });
});

describe('a member that floods', () => {
  it('costs bounded work and is put out, the others go on', () => {
    const { world, hosts } = home(130, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const network = bert.engine.networks.get(bert.net);
    const target = network?.peers.of(network.roll.members().find(({ name }) => name === 'anna')?.origin ?? '');
    const junk = new Uint8Array(40).fill(7);
    const probe = encodeMessage({ type: 'probe' });
    const writes = anna.store.writes;
    for (let i = 0; i < 30_000; i++) {
      world.after(i / 30, () => void bert.dataplane.sendControl(bert.net, target?.handle ?? 0, i % 2 ? junk : probe));
    }
    world.run(2_000);
    expect(anna.dataplane.nets.get(anna.net)?.peers.get(1)?.half?.open ?? false).toBe(false);
    expect(anna.store.writes - writes).toBeLessThan(10);
    expect(anna.sees('cleo') && cleo.sees('anna')).toBe(true);
    world.until('forgiven', () => anna.member('bert')?.path === 'direct', 200_000);
  });

  it('takes nobody out of a group: neither by a leave it signs itself, nor by one that is long past', () => {
    const GROUP = '239.5.5.5';
    const { world, hosts } = home(132, ['anna', 'bert', 'cleo', 'dora']);
    const [anna, bert, cleo, dora] = hosts as [SimHost, SimHost, SimHost, SimHost];
    const network = cleo.engine.networks.get(cleo.net);
    if (!network) throw new Error('cleo has no network');
    const originOf = (name: string): string => network.roll.members().find((one) => one.name === name)?.origin ?? '';
    const told = (): Presence => network.paths.presence(originOf('bert')) as Presence;
    const before = told();
    bert.groups(GROUP);
    world.until('receives', () => [anna, dora].every((host) => host.receivers(GROUP).includes('bert')), 2_000);
    const now = told();
    expect(now.seq).toBeGreaterThan(before.seq);
    const body = encodePresenceBody({ ...now, seq: now.seq + 1, groups: [] });
    const signature = crypto.sign(network.roll.keys.signSeed, presenceSigned(network.roll.networkId, body));
    const send = (bytes: Uint8Array): void => {
      const handle = network.peers.of(originOf('anna'))?.handle ?? -1;
      cleo.dataplane.sendControl(
        cleo.net,
        handle,
        encodeMessage({ type: 'presences', statements: [{ ageSeconds: 0, bytes }] }),
      );
    };
    send(concat(body, signature));
    send(before.bytes);
    world.run(3_000);
    for (const host of [anna, dora]) expect(host.receivers(GROUP)).toContain('bert');
    // The real one is believed.
    bert.groups();
    world.until('left', () => [anna, dora].every((host) => !host.receivers(GROUP).includes('bert')), 2_000);
  });

  it('who was away when a member joined believes that member’s own word, with nobody else there', () => {
    const { world, hosts } = home(132, ['anna', 'bert', 'dora']);
    const [anna, bert, dora] = hosts as [SimHost, SimHost, SimHost];
    const link = anna.link();
    bert.kill();
    world.run(5_000);
    const cleo = new SimHost(world, 'cleo');
    cleo.join(link);
    world.until('cleo is in', () => cleo.engine.networks.size > 0 && cleo.member('bert') !== undefined, 20_000);
    world.run(2_000);
    for (const host of [anna, dora]) host.kill();
    bert.restart();
    world.until('bert knows cleo', () => bert.sees('cleo'), 60_000);
    const given = cleo.engine.networks.values().next().value?.roll.introduction() as Uint8Array[];
    expect(given.length).toBeLessThanOrEqual(32);
    expect(given.reduce((sum, record) => sum + record.length, 0)).toBeLessThan(STRANGER_BYTES_BURST / 4);
  });

  it('who was let in gets the next share of the records before it has called as a member', () => {
    const { world, hosts } = home(132, ['anna']);
    const [anna] = hosts as [SimHost];
    const { dataplane, net } = anna;
    const said: string[] = [];
    let joiner = 0;
    const send = dataplane.sendControl.bind(dataplane);
    dataplane.sendControl = (network, peer, bytes) => {
      const message = decodeMessage(bytes);
      const type = typeof message === 'string' ? message : message.type;
      if (type === 'joinAccepted') {
        joiner = peer;
        world.after(0, () => {
          said.length = 0;
          const heads = encodeMessage({ type: 'heads', hashes: [] });
          anna.input({ kind: 'dataplane', events: [{ kind: 'control', net, peer, bytes: heads }] });
          expect(said).toContain('records');
        });
      }
      if (peer === joiner) said.push(type);
      return send(network, peer, bytes);
    };
    new SimHost(world, 'cleo').join(anna.link());
    world.run(20_000);
    expect(joiner).toBeGreaterThan(0);
  });

  it('strangers are few at a time and leave nothing behind', () => {
    const { world, hosts } = home(131, ['anna', 'bert']);
    const [anna] = hosts as [SimHost];
    const link = anna.link();
    const peers = anna.dataplane.nets.get(anna.net)?.peers.size;
    for (let i = 0; i < 3_000; i++) {
      world.after(i, () =>
        anna.input({
          kind: 'dataplane',
          events: [
            {
              kind: 'stranger',
              net: anna.net,
              ask: 10_000 + i,
              key: world.bytes(32),
              hint: world.bytes(i % 60),
              from: '192.0.2.1:1',
            },
          ],
        }),
      );
    }
    world.run(1_500);
    expect(anna.dataplane.nets.get(anna.net)?.peers.size).toBeLessThan(40);
    const cleo = new SimHost(world, 'cleo');
    cleo.join(link);
    world.run(20_000);
    expect(anna.dataplane.nets.get(anna.net)?.peers.size).toBe((peers ?? 0) + 1);
  });
});
