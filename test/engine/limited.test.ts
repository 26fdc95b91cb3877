// Who floods is named while it lasts, and forgotten when it stops.
import { describe, expect, it } from 'vitest';
import { LIMITED_FOR_MS, LIMITED_MAX, Offences } from '../../app/engine/limited.ts';
import type { LimitedEvent } from '../../app/engine/ports.ts';
import type { SimHost } from './support/host.ts';
import { home } from './support/lab.ts';

describe('a member that floods', () => {
  it('is named with its group and a problem, until five seconds after the last word', () => {
    const { world, hosts } = home(700, ['anna', 'bert']);
    const [anna] = hosts as [SimHost, SimHost];
    const bert = anna.network().members.find(({ name }) => name === 'bert');
    const { net } = anna;
    const peer = anna.engine.networks.get(net)?.peers.of(originOf(anna, 'bert'))?.handle ?? 0;
    const group = '255.255.255.255';
    const limited = (event: Pick<LimitedEvent, 'peer' | 'group' | 'dropped'>): void =>
      anna.input({ kind: 'dataplane', events: [{ kind: 'limited', net, ...event }] });
    limited({ peer, group, dropped: 70 });
    world.run(200);
    expect(anna.network().limited).toMatchObject([{ member: bert?.id, group, dropped: 70 }]);
    expect(anna.network().problems).toContainEqual({ code: 'member-limited', data: { name: 'bert' } });
    world.run(LIMITED_FOR_MS - 500);
    limited({ dropped: 5 });
    world.run(1_000);
    expect(anna.network().limited).toMatchObject([{ member: anna.network().selfId, group: null, dropped: 5 }]);
    world.run(LIMITED_FOR_MS);
    expect(anna.network().limited).toBeUndefined();
    expect(anna.network().problems).toEqual([]);
  });

  it('says so itself, and others name it while it does', () => {
    const { world, hosts } = home(701, ['anna', 'bert', 'cleo']);
    const [anna, bert, cleo] = hosts as [SimHost, SimHost, SimHost];
    const { net } = bert;
    bert.input({ kind: 'dataplane', events: [{ kind: 'limited', net, group: '255.255.255.255', dropped: 70 }] });
    world.run(1_000);
    const member = bert.network().selfId;
    for (const host of [anna, cleo]) {
      expect(host.network().limited).toMatchObject([{ member, group: null, dropped: 0 }]);
      expect(host.network().problems).toContainEqual({ code: 'member-limited', data: { name: 'bert' } });
    }
    // Who goes without a word is not blamed for ever.
    world.run(LIMITED_FOR_MS + 1_000);
    for (const host of hosts) expect(host.network().limited).toBeUndefined();
  });

  it('is one of a bounded number, and its beginning is kept', () => {
    const offences = new Offences(() => {});
    for (let n = 0; n < 1_000; n++)
      offences.hear({ mono: n, wall: 1_000 + n }, 'a', { group: `239.0.0.${n}`, dropped: 1 });
    expect(offences.view(new Map([['a', 'id']]))).toHaveLength(LIMITED_MAX);
    offences.hear({ mono: 2_000, wall: 9_000 }, 'a', { group: '239.0.0.0', dropped: 9 });
    expect(offences.view(new Map([['a', 'id']])).at(0)).toEqual({
      member: 'id',
      group: '239.0.0.0',
      sinceMs: 1_000,
      dropped: 9,
    });
    expect(offences.view(new Map())).toEqual([]);
  });
});

const originOf = (host: SimHost, name: string): string =>
  host.engine.networks
    .get(host.net)
    ?.roll.members()
    .find((member) => member.name === name)?.origin ?? '';
