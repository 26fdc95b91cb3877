// Must be shown 2: plain sockets, any member to any others; who did not join gets nothing; broadcast once; SSM; all-nodes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { countUnderlay, underlayCounts } from './support/count.ts';
import { lanOf } from './support/lan.ts';
import { until, whyNot, type Running } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const PACKETS = 200;
const LEAVE_MS_MAX = 2000;
const names = ['anna', 'ben', 'cleo', 'dan'];

interface Heard {
  count: number;
  from: Record<string, { count: number; unique: number }>;
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
        const device = async (host: Host) => {
          const { ipv4, adapter } = await host.overlay();
          return group.includes(':') ? `::%${adapter}` : ipv4;
        };
        const receivers = await Promise.all(
          [first, second].map(async (host) =>
            listen(host, '--group', group, '--interface', await device(host), '--port', '5007'),
          ),
        );
        await joined(sender, group, 2);
        await countUnderlay(outsider, 700);
        await countUnderlay(sender, 700);
        const args = [
          '--to',
          group,
          '--interface',
          await device(sender),
          '--port',
          '5007',
          '--count',
          String(PACKETS),
          '--size',
          '900',
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
          if (!group.includes(':')) expect(Object.keys(result.from)[0]).toBe(source);
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

  it('stops within 2 s of the leave', async () => {
    const [anna, ben] = hosts as [Host, Host];
    const group = '239.7.7.8';
    const { ipv4 } = await ben.overlay();
    const receiver = await listen(ben, '--group', group, '--interface', ipv4, '--port', '5008');
    await joined(anna, group, 1);
    const { ipv4: own } = await anna.overlay();
    const sender = anna.program(
      'send',
      '--to',
      group,
      '--interface',
      own,
      '--port',
      '5008',
      '--count',
      '6000',
      '--rate',
      '1000',
      '--size',
      '900',
    );
    await until('packets flow', 3000, async () => {
      await countUnderlay(ben, 700);
      await new Promise((settle) => setTimeout(settle, 100));
      return (await underlayCounts(ben)).arrived > 0;
    });
    const left = Date.now();
    await receiver.stop();
    await until(
      'nothing arrives any more',
      LEAVE_MS_MAX,
      async () => {
        await countUnderlay(ben, 700);
        await new Promise((settle) => setTimeout(settle, 100));
        return (await underlayCounts(ben)).arrived === 0;
      },
      10,
    );
    figure('leave to silence', `${Date.now() - left} ms`, '≤ 2 s');
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
      }
    }
  });

  it('keeps source filters: only the asked source arrives', async () => {
    const [anna, ben, cleo] = hosts as [Host, Host, Host];
    const group = '232.7.7.9';
    const [a, b, c] = await Promise.all([anna.overlay(), ben.overlay(), cleo.overlay()]);
    const receiver = await listen(cleo, '--group', group, '--source', a.ipv4, '--interface', c.ipv4, '--port', '5010');
    await joined(anna, group, 1);
    await joined(ben, group, 1);
    await countUnderlay(cleo, 700);
    const send = (host: Host, from: string) =>
      host.program('send', '--to', group, '--interface', from, '--port', '5010', '--count', '100', '--size', '900')
        .done;
    await send(ben, b.ipv4);
    expect((await underlayCounts(cleo)).arrived, 'the unwanted source stays at its sender').toBe(0);
    await send(anna, a.ipv4);
    await new Promise((settle) => setTimeout(settle, 150));
    expect(await heard(receiver)).toMatchObject({ count: 100, from: { [a.ipv4]: { count: 100, unique: 100 } } });
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
});
