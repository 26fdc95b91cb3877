// Must be shown 1: three hosts, by CLI; from link to first ping; unicast of every kind; names; a second network.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './support/lab.ts';
import type { Host } from './support/host.ts';
import { join, joinAll, knowsAll } from './support/lan.ts';
import { until, whyNot } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

/** Promised bound from link to first ping on a LAN. */
const LINK_TO_PING_MS_MAX = 5000;
const IPERF_SECONDS = process.env.WEFT_LAB ? '2' : '1';

describe.skipIf(reason)('one LAN of three hosts', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  let cleo: Host;

  beforeAll(async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben', 'cleo'] });
    [anna, ben, cleo] = [lab.host('anna'), lab.host('ben'), lab.host('cleo')];
    await Promise.all([anna, ben, cleo].map((host) => host.startDaemon()));
  });
  afterAll(() => lab?.close());

  it('takes at most 5 s from the link to the first ping', async () => {
    await anna.mustWeft('create', 'home');
    const link = await anna.mustWeft('invite', 'home');
    expect(link).toMatch(/^weft:\/\/join\/#[A-Za-z0-9_-]+$/);
    const target = (await anna.overlay()).ipv4;
    const started = Date.now();
    await ben.mustWeft('join', link);
    await until('first ping', LINK_TO_PING_MS_MAX, () => ben.ping(target), 10);
    const ms = Date.now() - started;
    figure('link to first ping', `${ms} ms`, '≤ 5 s');
    expect(ms).toBeLessThan(LINK_TO_PING_MS_MAX);
    await join(cleo, await anna.mustWeft('invite'));
    await Promise.all([anna, ben, cleo].map((host) => knowsAll(host, 3)));
  });

  it('has offloads as it was told', async () => {
    const { adapter } = await anna.overlay();
    const features = await anna.must(['ethtool', '-k', adapter]);
    const wanted = process.env.WEFT_OFFLOADS === 'none' ? 'off' : 'on';
    for (const feature of ['tx-checksumming', 'tcp-segmentation-offload'])
      expect(features).toMatch(new RegExp(`^${feature}: ${wanted}`, 'm'));
    if (wanted === 'off') expect(features).toMatch(/^\ttx-udp-segmentation: off|^tx-udp-segmentation: off/m);
  });

  it('carries IPv4, IPv6 and fe80 between every pair', async () => {
    for (const from of [anna, ben, cleo])
      for (const to of [anna, ben, cleo]) {
        if (from === to) continue;
        const { ipv4, ipv6, adapter } = await to.overlay();
        const own = await from.overlay();
        const label = `${from.name} → ${to.name}`;
        await until(`${label} ${ipv4}`, 5000, () => from.ping(ipv4));
        await until(`${label} ${ipv6}`, 5000, () => from.ping(ipv6));
        await until(`${label} fe80`, 5000, async () => from.ping(`${await to.linkLocal(adapter)}%${own.adapter}`));
      }
  });

  it('carries packets of exactly the MTU, and larger ones in fragments', async () => {
    const { ipv4, ipv6, adapter } = await ben.overlay();
    const mtu = Number(await anna.must(['cat', `/sys/class/net/${adapter}/mtu`]));
    expect(await anna.ping(ipv4, '-M', 'do', '-s', String(mtu - 28))).toBe(true);
    expect(await anna.ping(ipv6, '-M', 'do', '-s', String(mtu - 48))).toBe(true);
    for (const size of ['4000', '20000', '60000']) {
      expect(await anna.ping(ipv4, '-M', 'dont', '-s', size), `${size} bytes by IPv4`).toBe(true);
      expect(await anna.ping(ipv6, '-s', size), `${size} bytes by IPv6`).toBe(true);
    }
    const tooBig = await anna.exec(['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', String(mtu), ipv4]);
    expect(tooBig.code).not.toBe(0);
  });

  it('carries iperf3 by TCP and UDP, both ways, IPv4 and IPv6', async () => {
    const { ipv4, ipv6 } = await ben.overlay();
    for (const address of [ipv4, ipv6])
      for (const extra of [[], ['-R'], ['-u', '-b', '20M', '-l', '1200'], ['-u', '-b', '20M', '-l', '1200', '-R']]) {
        const server = ben.start(['iperf3', '-s', '-1', '-B', address, '--forceflush']);
        await server.says(/Server listening/, 5000);
        const output = await anna.must(['iperf3', '-c', address, '-t', IPERF_SECONDS, '-J', ...extra], 20_000);
        await server.stop();
        const { end } = JSON.parse(output);
        const label = `${address} ${extra.join(' ')}`;
        if (extra.includes('-u')) {
          expect(end.sum.lost_percent, label).toBeLessThan(1);
          expect(end.sum.bits_per_second, label).toBeGreaterThan(15e6);
        } else expect(end.sum_received.bytes, label).toBeGreaterThan(5e6 * Number(IPERF_SECONDS));
      }
  });

  it('resolves member names on each host', async () => {
    const target = await ben.overlay();
    for (const host of [anna, cleo]) {
      const four = await until('name by IPv4', 5000, async () => {
        const found = await host.exec(['getent', 'ahostsv4', 'ben.home.weft']);
        return found.code === 0 && found.stdout;
      });
      expect(four).toContain(target.ipv4);
      const six = await host.must(['getent', 'ahostsv6', 'ben.home.weft']);
      expect(six).toContain(target.ipv6);
      expect(await host.ping('ben.home.weft')).toBe(true);
    }
    const own = await anna.overlay();
    const answer = await anna.must(['dig', '+short', '+time=2', `@${own.ipv4}`, 'ben.home.weft', 'A']);
    expect(answer.trim()).toBe(target.ipv4);
  });

  it('is in a second network at the same time', async () => {
    await joinAll(lab, ['cleo', 'anna'], 'club');
    const home = await anna.overlay('home');
    const club = await anna.overlay('club');
    expect(club.adapter).not.toBe(home.adapter);
    expect(club.ipv4).not.toBe(home.ipv4);
    await until('ping in club', 5000, async () => cleo.ping((await anna.overlay('club')).ipv4));
    await until('ping in home', 5000, async () => cleo.ping(home.ipv4));
    const named = await until('a name of the club', 5000, async () => {
      const found = await cleo.exec(['getent', 'ahostsv4', 'anna.club.weft']);
      return found.code === 0 && found.stdout;
    });
    expect(named).toContain(club.ipv4);
    expect((await ben.exec(['getent', 'ahostsv4', 'anna.club.weft'])).code).not.toBe(0);
    // Ben is not in the club: its address must lead nowhere from there.
    expect(await ben.ping(club.ipv4)).toBe(false);
  });
});
