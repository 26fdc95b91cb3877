// The lab's lines have the rate, the delay and the loss of their profile: measured by ping and iperf3.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { Internet } from './support/internet.ts';
import { whyNot } from './support/shell.ts';
import { addSite, type Site } from './support/site.ts';
import { labIt } from './support/tables.ts';
import { applyProfile, layWire, lossRuns, profiles, type Wire } from './support/wire.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

describe.skipIf(reason)('lines', () => {
  let internet: Internet;
  let far: Site;
  beforeAll(async () => {
    internet = await Internet.create();
    far = await addSite(internet, 'open', 'far');
  });
  afterAll(() => internet?.close());

  const line = async (name: keyof typeof profiles): Promise<[Site, Wire]> => {
    const wire = await layWire(internet, name, profiles[name]);
    const site = await addSite(internet, 'open', name, { middle: wire });
    await applyProfile(internet, site, wire);
    await site.host.ping(far.ipv4);
    return [site, wire];
  };
  /** Median round trip in ms. */
  const roundTrip = async (site: Site): Promise<number> => {
    const { stdout } = await site.host.exec(['ping', '-n', '-c', '9', '-i', '0.05', '-W', '2', far.ipv4]);
    const times = [...stdout.matchAll(/time=([\d.]+)/g)].map((match) => Number(match[1])).sort((x, y) => x - y);
    return times[Math.floor(times.length / 2)] ?? NaN;
  };
  /** Bits per second that arrive of `sent`, by UDP in full frames; `reverse`: towards the site. */
  const arrives = async (site: Site, sent: number, seconds: number, reverse: boolean): Promise<number> => {
    const server = far.host.start(['iperf3', '-s', '-1', '--forceflush']);
    await server.says(/Server listening/, 5000);
    const options = ['-u', '-b', String(sent), '-l', '1400', '-t', String(seconds), '-J', ...(reverse ? ['-R'] : [])];
    const { end } = JSON.parse(await site.host.must(['iperf3', '-c', far.ipv4, ...options], 30_000));
    await server.stop();
    return end.sum_received.bits_per_second as number;
  };

  labIt('broadband: 100/20 Mbit/s, 20 ms', {}, async () => {
    const [site, wire] = await line('broadband');
    const ms = await roundTrip(site);
    const up = await arrives(site, 40e6, 2, false);
    const down = await arrives(site, 150e6, 2, true);
    figure('line broadband', `${ms} ms, ${(down / 1e6).toFixed(0)}/${(up / 1e6).toFixed(0)} Mbit/s`, '20 ms, 100/20');
    expect(ms).toBeGreaterThan(19.9);
    expect(ms).toBeLessThan(30);
    expect(up / 20e6).toBeGreaterThan(0.8);
    expect(up / 20e6).toBeLessThan(1.05);
    expect(down / 100e6).toBeGreaterThan(0.8);
    expect(down / 100e6).toBeLessThan(1.05);
    await wire.stop();
  });

  it('mobile: 10/3 Mbit/s, 80 ms, 1 % lost, nearly all of it in single frames', async () => {
    const [site, wire] = await line('mobile');
    const ms = await roundTrip(site);
    await arrives(site, 8e6, 4, true);
    const { toSite } = await wire.stop();
    figure('line mobile', `${ms} ms, towards the site ${lossRuns(toSite)}`, '80 ms, 1 %');
    expect(ms).toBeGreaterThan(79.9);
    expect(ms).toBeLessThan(95);
    expect(toSite.lost / (toSite.lost + toSite.passed)).toBeGreaterThan(0.005);
    expect(toSite.lost / (toSite.lost + toSite.passed)).toBeLessThan(0.018);
    expect(Number(Object.keys(toSite.runs).at(-1))).toBeLessThanOrEqual(3);
  });

  labIt('narrowband: 64 kbit/s, 300 ms', {}, async () => {
    const [site, wire] = await line('narrowband');
    const ms = await roundTrip(site);
    const up = await arrives(site, 90e3, 4, false);
    figure('line narrowband', `${ms} ms, ${(up / 1e3).toFixed(0)} kbit/s up`, '300 ms, 64 kbit/s');
    expect(ms).toBeGreaterThan(299.9);
    expect(ms).toBeLessThan(340);
    expect(up / 64e3).toBeGreaterThan(0.75);
    expect(up / 64e3).toBeLessThan(1.05);
    await wire.stop();
  });
});
