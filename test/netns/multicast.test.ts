// Must be shown 2: plain sockets, any member to any others; who did not join gets nothing; broadcast once; SSM; all-nodes.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { countUnderlay, underlayCounts } from './support/count.ts';
import { joinAll, lanOf } from './support/lan.ts';
import { projectRoot, until, whyNot, type Running } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const PACKETS = 200;
const LEAVE_MS_MAX = 2000;
const names = ['anna', 'ben', 'cleo', 'dan'];

interface Heard {
  count: number;
  from: Record<string, { count: number; unique: number; bytes: number }>;
}

async function heard(receiver: Running): Promise<Heard> {
  const { stdout } = await receiver.stop();
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Heard;
}

async function listen(host: Host, ...args: string[]): Promise<Running> {
  const receiver = host.program('receive', ...args);
  await receiver.says(/ready/, 5000);
  return receiver;
}

type Overlay = Awaited<ReturnType<Host['overlay']>>;

/** How sockets name the adapter for the group's family. */
const device = ({ ipv4, adapter }: Overlay, group: string): string => (group.includes(':') ? `::%${adapter}` : ipv4);

/** Until the sender knows that all these hosts joined. */
async function joined(sender: Host, group: string, count: number): Promise<void> {
  await until(`${sender.name} knows ${count} receivers of ${group}`, 5000, async () => {
    const { groups } = await sender.network();
    return (groups.find(({ address }) => address === group)?.members.length ?? 0) >= count;
  });
}

describe.skipIf(reason)('multicast between plain sockets', () => {
  let lab: Lab;
  let hosts: Host[];
  beforeAll(async () => {
    lab = await lanOf(names);
    hosts = names.map((name) => lab.host(name));
  });
  afterAll(() => lab?.close());

  for (const [label, group] of [
    ['IPv4', '239.7.7.7'],
    ['IPv6', 'ff15::7777'],
  ] as const)
    it(`${label}: each member reaches the two others that joined, and only them`, async () => {
      for (const sender of hosts) {
        const [first, second, outsider] = hosts.filter((host) => host !== sender) as [Host, Host, Host];
        const own = await sender.overlay();
        const receivers = await Promise.all(
          [first, second].map(async (host) =>
            listen(host, '--group', group, '--interface', device(await host.overlay(), group), '--port', '5007'),
          ),
        );
        await joined(sender, group, 2);
        await countUnderlay(outsider, 700);
        await countUnderlay(sender, 700);
        const args = [
          '--to',
          group,
          '--interface',
          device(own, group),
          '--port',
          '5007',
          '--count',
          String(PACKETS),
          ...['--size', '900', '--rate', '1000'],
        ];
        await (
          await sender.program('send', ...args).done
        ).stdout;
        const results = await Promise.all(
          receivers.map((receiver) => new Promise((r) => setTimeout(r, 150)).then(() => heard(receiver))),
        );
        const source = group.includes(':') ? own.ipv6 : own.ipv4;
        for (const result of results) {
          const entry = Object.values(result.from)[0];
          expect(Object.keys(result.from), `${sender.name} to ${group}`).toHaveLength(1);
          expect(Object.keys(result.from)[0]).toBe(source);
          expect(entry, `${sender.name} to ${group}`).toMatchObject({ count: PACKETS, unique: PACKETS });
        }
        expect((await underlayCounts(outsider)).arrived, `${outsider.name} did not join`).toBe(0);
        await until(
          'all left',
          5000,
          async () => !(await sender.network()).groups.some(({ address }) => address === group),
        );
      }
    });

  for (const [label, group] of [
    ['IGMP', '239.7.7.8'],
    ['MLD', 'ff15::7778'],
  ] as const)
    it(`stops within 2 s of the leave by ${label}`, async () => {
      const [anna, ben] = hosts as [Host, Host];
      const way = async (host: Host) => device(await host.overlay(), group);
      const receiver = await listen(ben, '--group', group, '--interface', await way(ben), '--port', '5008');
      await joined(anna, group, 1);
      const more = ['--port', '5008', '--count', '6000', '--rate', '1000', '--size', '900'];
      const sender = anna.program('send', '--to', group, '--interface', await way(anna), ...more);
      const flows = async () => {
        await countUnderlay(ben, 700);
        await new Promise((settle) => setTimeout(settle, 100));
        return (await underlayCounts(ben)).arrived > 0;
      };
      await until('packets flow', 3000, flows);
      const left = Date.now();
      await receiver.stop();
      await until('nothing arrives any more', LEAVE_MS_MAX, async () => !(await flows()), 10);
      figure(`leave by ${label} to silence`, `${Date.now() - left} ms`, '≤ 2 s');
      expect(sender.ended, 'the sender was still sending').toBe(null);
      await sender.stop();
    });

  it('brings subnet broadcast and 255.255.255.255 to everyone exactly once', async () => {
    const [anna, ...others] = hosts as [Host, ...Host[]];
    const { ipv4, adapter } = await anna.overlay();
    const subnet = (await anna.must(['ip', '-4', '-o', 'addr', 'show', 'dev', adapter])).match(/brd (\S+)/)?.[1] ?? '';
    expect(subnet).toMatch(/^\d+\./);
    for (const to of [subnet, '255.255.255.255']) {
      const receivers = await Promise.all(others.map((host) => listen(host, '--port', '5009')));
      // The limited broadcast follows the routing table: this host sends it through the adapter.
      await anna.must(['ip', 'route', 'replace', '255.255.255.255/32', 'dev', adapter]);
      await anna.program('send', '--to', to, '--port', '5009', '--bind', ipv4, '--count', '50', '--rate', '100').done;
      await new Promise((settle) => setTimeout(settle, 200));
      for (const receiver of receivers) {
        const result = await heard(receiver);
        expect(result.from[ipv4], `broadcast to ${to}`).toMatchObject({ count: 50, unique: 50 });
        expect(result.count, `broadcast to ${to}, from anybody`).toBe(50);
      }
    }
  });

  for (const [label, group, mode] of [
    ['IGMPv3, only one source', '232.7.7.9', 'include'],
    ['MLDv2, only one source', 'ff3e::7779', 'include'],
    ['IGMPv3, all but one source', '239.7.7.10', 'exclude'],
    ['MLDv2, all but one source', 'ff15::777a', 'exclude'],
  ] as const)
    it(`keeps source filters: ${label}`, async () => {
      const [anna, ben, cleo] = hosts as [Host, Host, Host];
      const [a, b, c] = await Promise.all([anna.overlay(), ben.overlay(), cleo.overlay()]);
      const address = (overlay: Overlay) => (group.includes(':') ? overlay.ipv6 : overlay.ipv4);
      const listed = mode === 'include' ? a : b;
      const program = join(projectRoot, 'test/netns/programs/filter.py');
      const receiver = cleo.start(['python3', program, group, '5010', c.adapter, mode, address(listed)]);
      await receiver.says(/ready/, 5000);
      await joined(anna, group, 1);
      await joined(ben, group, 1);
      await countUnderlay(cleo, 700);
      const more = ['--port', '5010', '--count', '100', '--size', '900', '--rate', '1000'];
      const send = (host: Host, from: Overlay) =>
        host.program('send', '--to', group, '--interface', device(from, group), ...more).done;
      await send(ben, b);
      expect((await underlayCounts(cleo)).arrived, 'the unwanted source stays at its sender').toBe(0);
      await send(anna, a);
      await until('all came', 3000, () => receiver.stdout.split('\n').filter(Boolean).length > 100).catch(
        () => undefined,
      );
      await receiver.stop();
      const sources = receiver.stdout.trim().split('\n').slice(1);
      expect(sources).toEqual(Array.from({ length: 100 }, () => address(a)));
    });

  for (const size of [4_000, 20_000])
    it(`carries multicast packets of ${size} bytes`, async () => {
      const [anna, ...others] = hosts as [Host, ...Host[]];
      for (const group of ['239.7.7.11', 'ff15::777b']) {
        const from = await anna.overlay();
        const receivers = await Promise.all(
          others.map(async (host) =>
            listen(host, '--group', group, '--interface', device(await host.overlay(), group), '--port', '5011'),
          ),
        );
        await joined(anna, group, others.length);
        const more = ['--port', '5011', '--count', '20', '--rate', '50', '--size', String(size)];
        await anna.program('send', '--to', group, '--interface', device(from, group), ...more).done;
        await new Promise((settle) => setTimeout(settle, 300));
        for (const receiver of receivers) {
          const { from: seen } = await heard(receiver);
          const source = group.includes(':') ? from.ipv6 : from.ipv4;
          expect(seen, group).toEqual({ [source]: { count: 20, unique: 20, bytes: 20 * size } });
        }
      }
    });

  it('answers ping ff02::1 from every member', async () => {
    const [anna, ...others] = hosts as [Host, ...Host[]];
    const { adapter } = await anna.overlay();
    const found = await anna.exec(['ping', '-6', '-n', '-c', '3', '-i', '0.5', '-W', '2', `ff02::1%${adapter}`], {
      timeoutMs: 10_000,
    });
    for (const host of others)
      expect(found.stdout, host.name).toContain(await host.linkLocal((await host.overlay()).adapter));
  });

  it('the same group in two networks of the same hosts does not cross', async () => {
    await joinAll(lab, ['anna', 'ben', 'cleo'], 'work');
    const [anna, ben, cleo] = hosts as [Host, Host, Host];
    const group = '239.7.7.12';
    const program = join(projectRoot, 'test/netns/programs/filter.py');
    // ben listens in the one, cleo in the other.
    const ears = await Promise.all(
      (
        [
          [ben, 'home'],
          [cleo, 'work'],
        ] as const
      ).map(async ([host, network]) => {
        const ear = host.start(['python3', program, group, '5012', (await host.overlay(network)).adapter, 'any']);
        await ear.says(/ready/, 5000);
        await until(`anna knows ${host.name}'s group`, 5000, async () =>
          (await anna.network(network)).groups.some(
            ({ address, members }) => address === group && members.length === 1,
          ),
        );
        return ear;
      }),
    );
    const [home, work] = ears as [Running, Running];
    const own = { home: await anna.overlay('home'), work: await anna.overlay('work') };
    const send = async (network: 'home' | 'work') => {
      await Promise.all([ben, cleo].map((host) => countUnderlay(host, 700)));
      const more = ['--port', '5012', '--count', '100', '--size', '900', '--rate', '1000'];
      await anna.program('send', '--to', group, '--interface', own[network].ipv4, ...more).done;
    };
    const said = (ear: Running) => ear.stdout.trim().split('\n').slice(1);
    await send('home');
    await until('ben heard all', 3000, () => said(home).length >= 100);
    expect((await underlayCounts(cleo)).arrived, 'cleo takes part in the other network').toBe(0);
    await send('work');
    await until('cleo heard all', 3000, () => said(work).length >= 100);
    expect((await underlayCounts(ben)).arrived, 'ben takes part in the other network').toBe(0);
    expect(said(home)).toEqual(Array.from({ length: 100 }, () => own.home.ipv4));
    expect(said(work)).toEqual(Array.from({ length: 100 }, () => own.work.ipv4));
  });
});
