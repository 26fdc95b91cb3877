// Weft inside Weft, and adapters bridged to one LAN: whatever somebody wires in a circle, traffic stays bounded.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { joinAll, lanOf } from './support/lan.ts';
import { must, until, whyNot } from './support/shell.ts';
import { inLab, writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

/** What WireGuard's own tests allow for ten pings into a loop. */
const BYTES_MAX = 70_000;
/** Long enough for a loop to fill any link. */
const AFTER_MS = inLab ? 3_000 : 1_000;
const GROUP = '239.4.4.4';
const PORT = '5004';
const SIZE = 200;

const rows: string[][] = [];
afterAll(() => {
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

function tell(what: string, bytes: number): void {
  figure(what, `${bytes} bytes`, `< ${BYTES_MAX}`);
  rows.push([what, `${bytes} bytes`, `< ${BYTES_MAX}`]);
  expect(bytes, what).toBeLessThan(BYTES_MAX);
}

/** Puts the host's adapter into a bridge with a cable to the LAN in the switch's namespace. */
async function bridged(lab: Lab, host: Host, adapter: string): Promise<void> {
  const far = `l${host.index}`;
  const ends = ['link', 'add', far, 'netns', lab.switchName, 'type', 'veth', 'peer', 'name', 'lan0'];
  await must('ip', [...ends, 'netns', host.namespace]);
  await lab.inSwitch(['ip', 'link', 'set', far, 'master', 'lan', 'up']);
  await host.script([
    'ip link add both type bridge mcast_snooping 0 forward_delay 0',
    `ip link set ${adapter} master both`,
    'ip link set lan0 master both up',
    'ip link set both up',
  ]);
}

const pings = (host: Host, to: string) =>
  host.exec(['ping', '-n', '-c', '10', '-i', '0.1', '-W', '1', to], { timeoutMs: 15_000 });

describe.skipIf(reason)('loops', () => {
  let lab: Lab;
  let hosts: [Host, Host];
  beforeAll(async () => {
    lab = await lanOf(['anna', 'ben']);
    hosts = [lab.host('anna'), lab.host('ben')];
  });
  afterAll(() => lab?.close());

  it('the way to a member’s own address leads through the tunnel', async () => {
    const [anna, ben] = hosts;
    const [a, b] = [await anna.overlay(), await ben.overlay()];
    expect(await anna.ping(b.ipv4)).toBe(true);
    await anna.must(['ip', 'route', 'add', `${ben.ipv4}/32`, 'via', b.ipv4, 'dev', a.adapter]);
    await anna.must(['ip', '-6', 'route', 'add', `${ben.ipv6}/128`, 'via', b.ipv6, 'dev', a.adapter]);
    const bytes = await cost([anna], a.adapter, () => pings(anna, b.ipv4));
    tell('ten pings, the underlay’s way led into the adapter: into the adapter', bytes);
    await anna.must(['ip', 'route', 'del', `${ben.ipv4}/32`]);
    await anna.must(['ip', '-6', 'route', 'del', `${ben.ipv6}/128`]);
    await until('the tunnel is back', 30_000, () => anna.ping(b.ipv4));
  });

  it('one Weft inside another', async () => {
    // Two engines on each host; those of the second network may reach each other by the first one's adapter as well.
    const [anna, ben] = hosts;
    const outer = await ben.overlay();
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
      tell(`ten pings, Weft inside Weft, the ${to === inner.ipv4 ? 'inner' : 'outer'} one`, bytes);
    }
    await Promise.all(hosts.map((host) => host.stopDaemon()));
    for (const { host, state, daemon } of first) Object.assign(host, { state, daemon });
  });

  it('both adapters in a bridge with one LAN', async () => {
    const [anna, ben] = hosts;
    await lab.inSwitch(['ip', 'link', 'add', 'lan', 'type', 'bridge', 'mcast_snooping', '0', 'forward_delay', '0']);
    await lab.inSwitch(['ip', 'link', 'set', 'lan', 'up']);
    const { adapter, ipv4 } = await anna.overlay();
    const way = (await ben.overlay()).ipv4;
    const receiver = ben.program('receive', '--group', GROUP, '--interface', way, '--port', PORT);
    await receiver.says(/ready/, 5_000);
    await until('anna knows the group', 5_000, async () =>
      (await anna.network()).groups.some(({ address }) => address === GROUP),
    );
    for (const host of hosts) await bridged(lab, host, adapter);
    await anna.must(['ip', 'route', 'replace', '255.255.255.255/32', 'dev', adapter]);
    const how = `--port ${PORT} --count 10 --rate 50 --size ${SIZE} --bind ${ipv4} --interface ${ipv4}`.split(' ');
    for (const [what, to] of [
      ['broadcasts', '255.255.255.255'],
      ['packets to a group', GROUP],
      ['packets to all on the link', '224.0.0.1'],
    ] as const) {
      const lan = await sentBytes(ben, 'lan0');
      const bytes = await cost(hosts, 'eth0', () => anna.program('send', '--to', to, ...how).done);
      expect((await sentBytes(ben, 'lan0')) - lan, `${what} went by ben’s bridge`).toBeGreaterThanOrEqual(10 * SIZE);
      tell(`ten ${what}, both adapters bridged to one LAN`, bytes);
    }
    for (const host of hosts) expect((await host.status()).networks).toHaveLength(1);
  });
});
