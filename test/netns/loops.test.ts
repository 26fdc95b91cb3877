// Weft inside Weft, and adapters bridged to one LAN: whatever somebody wires in a circle, traffic stays bounded.
import { afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import { Lab } from './support/lab.ts';
import { joinAll, lanOf } from './support/lan.ts';
import { must, until, whyNot } from './support/shell.ts';
import { writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

/** What WireGuard's own tests allow for ten pings into a loop. */
const BYTES_MAX = 70_000;
/** What ten broadcasts, or ten packets to a group, may cost when they come back by a bridge: the packets, some times over, and control. */
const BRIDGED_BYTES_MAX = 70_000;
/** Long enough for a loop to fill any link. */
const AFTER_MS = 3_000;

let lab: Lab | undefined;
const rows: string[][] = [];
afterEach(async () => {
  await lab?.close();
  lab = undefined;
  const note = 'Bytes that a host sent on its cable. `WEFT_LAB=1 npx vitest run test/netns/loops.test.ts`.';
  writeTable('7-loops', { title: 'Loops', note, head: ['what', 'seen', 'bound'], rows }, 'multicast');
});

const pause = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));
const sentBytes = async (host: Host, device: string): Promise<number> => {
  const [link] = JSON.parse(await host.must(['ip', '-j', '-s', 'link', 'show', 'dev', device])) as [
    { stats64: { tx: { bytes: number } } },
  ];
  return link.stats64.tx.bytes;
};

/** Bytes that the hosts send by `device` while `work` is done and for a while after it. */
async function cost(hosts: Host[], device: string, work: () => Promise<unknown>): Promise<number> {
  const all = async () => (await Promise.all(hosts.map((host) => sentBytes(host, device)))).reduce((a, b) => a + b, 0);
  const before = await all();
  await work();
  await pause(AFTER_MS);
  return (await all()) - before;
}

function tell(what: string, bytes: number, bound: number): void {
  figure(what, `${bytes} bytes`, `< ${bound}`);
  rows.push([what, `${bytes} bytes`, `< ${bound}`]);
  expect(bytes, what).toBeLessThan(bound);
}

const pings = (host: Host, to: string) =>
  host.exec(['ping', '-n', '-c', '10', '-i', '0.1', '-W', '1', to], { timeoutMs: 15_000 });

describe.skipIf(reason)('loops', () => {
  it('the way to a member’s own address leads through the tunnel', async () => {
    lab = await lanOf(['anna', 'ben']);
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    const [a, b] = [await anna.overlay(), await ben.overlay()];
    expect(await anna.ping(b.ipv4)).toBe(true);
    await anna.must(['ip', 'route', 'add', `${ben.ipv4}/32`, 'via', b.ipv4, 'dev', a.adapter]);
    await anna.must(['ip', '-6', 'route', 'add', `${ben.ipv6}/128`, 'via', b.ipv6, 'dev', a.adapter]);
    const bytes = await cost([anna], a.adapter, () => pings(anna, b.ipv4));
    tell('ten pings, the underlay’s way led into the adapter: into the adapter', bytes, BYTES_MAX);
    await anna.must(['ip', 'route', 'del', `${ben.ipv4}/32`]);
    await anna.must(['ip', '-6', 'route', 'del', `${ben.ipv6}/128`]);
    await until('the tunnel is back', 30_000, () => anna.ping(b.ipv4));
  });

  it('one Weft inside another', async () => {
    // Two engines on each host; those of the second network may reach each other by the first one's adapter as well.
    lab = await Lab.create({ hosts: ['anna', 'ben'] });
    const hosts = [lab.host('anna'), lab.host('ben')] as [Host, Host];
    const [anna, ben] = hosts;
    for (const host of hosts) await host.startDaemon({ args: ['--adapter', 'weft0'] });
    await joinAll(lab, ['anna', 'ben'], 'outer');
    const outer = await ben.overlay('outer');
    const first = hosts.map((host) => ({ host, state: host.state, daemon: host.daemon }));
    for (const host of hosts) {
      host.state = `${host.state}-inner`;
      await host.must(['mkdir', '-m', '700', host.state]);
      await host.startDaemon({ args: ['--adapter', 'weft8'] });
    }
    await joinAll(lab, ['anna', 'ben'], 'inner');
    const inner = await ben.overlay('inner');
    expect(await anna.ping(outer.ipv4)).toBe(true);
    for (const to of [outer.ipv4, inner.ipv4]) {
      const bytes = await cost(hosts, 'eth0', () => pings(anna, to));
      tell(`ten pings, Weft inside Weft, the ${to === inner.ipv4 ? 'inner' : 'outer'} one`, bytes, BYTES_MAX);
    }
    // The first engines end with the lab.
    for (const host of hosts) await host.stopDaemon();
    for (const { host, state, daemon } of first) Object.assign(host, { state, daemon });
  });

  it('both adapters in a bridge with one LAN', async () => {
    lab = await lanOf(['anna', 'ben']);
    const hosts = [lab.host('anna'), lab.host('ben')] as [Host, Host];
    const [anna, ben] = hosts;
    await lab.inSwitch(['ip', 'link', 'add', 'lan', 'type', 'bridge', 'mcast_snooping', '0', 'forward_delay', '0']);
    await lab.inSwitch(['ip', 'link', 'set', 'lan', 'up']);
    const { adapter, ipv4 } = await anna.overlay();
    const receiver = ben.program(
      'receive',
      '--group',
      '239.4.4.4',
      '--interface',
      (await ben.overlay()).ipv4,
      '--port',
      '5004',
    );
    await receiver.says(/ready/, 5_000);
    await until('anna knows the group', 5_000, async () =>
      (await anna.network()).groups.some(({ address }) => address === '239.4.4.4'),
    );
    for (const host of hosts) {
      const far = `l${host.index}`;
      await must('ip', [
        'link',
        'add',
        far,
        'netns',
        lab.switchName,
        'type',
        'veth',
        'peer',
        'name',
        'lan0',
        'netns',
        host.namespace,
      ]);
      await lab.inSwitch(['ip', 'link', 'set', far, 'master', 'lan', 'up']);
      await host.script([
        'ip link add both type bridge mcast_snooping 0 forward_delay 0',
        `ip link set ${adapter} master both`,
        'ip link set lan0 master both up',
        'ip link set both up',
      ]);
    }
    for (const [what, to] of [
      ['broadcasts', '255.255.255.255'],
      ['packets to a group', '239.4.4.4'],
      ['packets to a group of the link', '224.0.0.1'],
    ] as const) {
      const more = [
        '--port',
        '5004',
        '--count',
        '10',
        '--rate',
        '50',
        '--size',
        '200',
        '--bind',
        ipv4,
        '--interface',
        ipv4,
      ];
      await anna.must(['ip', 'route', 'replace', '255.255.255.255/32', 'dev', adapter]);
      const bytes = await cost(hosts, 'eth0', () => anna.program('send', '--to', to, ...more).done);
      tell(`ten ${what}, both adapters bridged to one LAN`, bytes, BRIDGED_BYTES_MAX);
      // Nothing goes on going round.
      const rest = await cost(hosts, 'eth0', () => pause(0));
      tell(
        `in the ${AFTER_MS / 1_000} s behind ten ${what}, both adapters bridged to one LAN`,
        rest,
        BRIDGED_BYTES_MAX / 2,
      );
    }
    for (const host of hosts) expect((await host.status()).networks).toHaveLength(1);
  });
});
