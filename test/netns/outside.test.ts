// What may be seen outside of the tunnel, on the cable of a member: with "look like the web" nothing but TLS to port 443, before and after it
// has joined; traffic classes of what is inside only as the settings say.
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { daemonArgs } from './support/grid.ts';
import type { Host } from './support/host.ts';
import { Internet } from './support/internet.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite, type Site } from './support/site.ts';
import { recordTcp, tlsWays, whyNoTshark } from './support/tshark.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noTshark = whyNoTshark();
if (noTshark && !reason) console.log(`skipped: whether what goes to 443 is TLS: ${noTshark}`);

/** Long enough for beacons, a router, the DHT and STUN to be asked, were they. */
const WATCH_MS = 6_000;
const EF = '0xb8';
const COUNTERS = ['datagrams', 'web', 'other', 'marked'] as const;
type Counter = (typeof COUNTERS)[number];
let internet: Internet | undefined;

afterEach(async () => {
  await internet?.close();
  internet = undefined;
});

/** Counts what leaves by the host's cable from now on. */
const watch = (host: Host): Promise<void> =>
  host.nft(`table inet weft_outside
delete table inet weft_outside
table inet weft_outside {
  ${COUNTERS.map((name) => `counter ${name} { }`).join('\n  ')}
  chain out {
    type filter hook output priority 0; oifname != "eth0" accept;
    ip dscp ef counter name marked
    meta l4proto udp counter name datagrams accept
    tcp dport 443 counter name web accept
    meta l4proto != { icmp, icmpv6, igmp } counter name other
  }
}
`);

async function seen(host: Host): Promise<Record<Counter, number>> {
  const listing = JSON.parse(await host.must(['nft', '-j', 'list', 'counters', 'table', 'inet', 'weft_outside'])) as {
    nftables: { counter?: { name: string; packets: number } }[];
  };
  const packets = (name: Counter) => listing.nftables.find(({ counter }) => counter?.name === name)?.counter?.packets;
  return Object.fromEntries(COUNTERS.map((name) => [name, packets(name) ?? NaN])) as Record<Counter, number>;
}

const pause = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));

/** An open member on 443 whose network the other one, behind an easy NAT, may join; the suite's environment forbids discovery. */
async function scene(): Promise<{ far: Site; near: Site }> {
  const net = (internet = await Internet.create());
  const [far, near] = [await addSite(net, 'open', 'far'), await addSite(net, 'easy-nat', 'near')];
  await far.host.startDaemon({ args: daemonArgs(far) });
  await near.host.startDaemon({ args: daemonArgs(near), env: { WEFT_DISCOVERY: '' } });
  await far.host.mustWeft('create', 'home');
  return { far, near };
}

async function joined(far: Host, near: Host): Promise<string> {
  await near.mustWeft('join', await far.mustWeft('invite'));
  const target = (await far.overlay()).ipv4;
  await until('an answer', 15_000, () => near.ping(target, '-W', '0.5'), 100);
  return target;
}

describe.skipIf(reason)('outside of the tunnel', () => {
  it('a device that looks like the web shows TLS to 443 and nothing else', { timeout: 120_000 }, async () => {
    const { far, near } = await scene();
    await near.host.mustWeft('settings', 'only443=on', `stun=${far.ipv4}:3478`);
    await watch(near.host);
    const recording = noTshark
      ? null
      : await recordTcp(internet as Internet, near.port, join((internet as Internet).folder, 'web.pcap'));
    const target = await joined(far.host, near.host);
    await near.host.exec(['ping', '-n', '-q', '-c', '20', '-i', '0.05', target]);
    await pause(WATCH_MS);
    const quiet = await seen(near.host);
    expect(quiet).toMatchObject({ datagrams: 0, other: 0 });
    expect(quiet.web).toBeGreaterThan(20);
    if (recording) {
      await recording.running.stop('SIGINT');
      const { ways, pure } = await tlsWays(recording);
      expect(ways).toBeGreaterThan(0);
      expect(pure).toBe(ways);
    }
    // The cell could tell: without the switch there are datagrams.
    await near.host.mustWeft('settings', 'only443=off');
    await until('datagrams', 15_000, async () => {
      await near.host.ping(target, '-W', '0.5');
      return (await seen(near.host)).datagrams > 0;
    });
    await until('a session by datagrams', 30_000, async () => {
      const member = (await near.host.network()).members.find(({ name }) => name === 'far');
      return member?.transport === 'udp';
    });
    // A session that is up leaves them as well.
    await near.host.mustWeft('settings', 'only443=on');
    await watch(near.host);
    await until('an answer by other means', 10_000, () => near.host.ping(target, '-W', '0.5'), 100);
    expect(await seen(near.host)).toMatchObject({ datagrams: 0, other: 0 });
    figure('“look like the web”: packets beside TLS to 443', `${quiet.datagrams + quiet.other} of ${quiet.web}`, '0');
  });

  it('shows traffic classes as the settings say', { timeout: 90_000 }, async () => {
    const { far, near } = await scene();
    const target = await joined(far.host, near.host);
    const marked = async (): Promise<number> => {
      await watch(near.host);
      const pings = await near.host.exec(['ping', '-n', '-q', '-c', '10', '-i', '0.05', '-Q', EF, target]);
      expect(pings.stdout).toMatch(/ 10 received/);
      return (await seen(near.host)).marked;
    };
    expect(await marked()).toBeGreaterThanOrEqual(10);
    await near.host.mustWeft('settings', 'trafficClass=off');
    expect(await marked()).toBe(0);
    await near.host.mustWeft('settings', 'trafficClass=on');
    expect(await marked()).toBeGreaterThanOrEqual(10);
  });
});
