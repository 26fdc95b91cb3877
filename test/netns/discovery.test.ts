// Must be shown 3: two real avahi daemons find each other's services without any command; an SSDP search is answered.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { existsSync } from 'node:fs';
import type { Host } from './support/host.ts';
import { Lab } from './support/lab.ts';
import { startAvahi, type Avahi } from './support/avahi.ts';
import { joinAll, lanOf } from './support/lan.ts';
import { until, whyNot } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
const noAvahi =
  reason ??
  (existsSync('/usr/sbin/avahi-daemon') && existsSync('/usr/bin/avahi-browse')
    ? null
    : 'avahi-daemon or avahi-utils is missing');
if (noAvahi) console.log(`skipped: discovery: ${noAvahi}`);

const FOUND_MS_MAX = 3000;
/** avahi sees a new adapter, waits for its addresses and probes there first. */
const APPEARS_MS_MAX = 10_000;

describe.skipIf(noAvahi)('discovery by avahi', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  const daemons: Avahi[] = [];
  beforeAll(async () => {
    lab = await lanOf(['anna', 'ben']);
    [anna, ben] = [lab.host('anna'), lab.host('ben')];
    // The underlay must not help: avahi there would find the service by itself.
    await lab.inSwitch([
      'nft',
      'add table bridge t; add chain bridge t f { type filter hook forward priority 0; }; add rule bridge t f udp dport 5353 drop',
    ]);
    daemons.push(await startAvahi(anna), await startAvahi(ben));
  });
  afterAll(async () => {
    for (const daemon of daemons) await daemon.stop();
    await lab?.close();
  });

  it('browses and resolves a service of the other host within 3 s', async () => {
    const [published, browsing] = daemons as [Avahi, Avahi];
    const publisher = published.run(['avahi-publish', '-s', 'Stage lights', '_osc._udp', '9000', 'room=4']);
    await publisher.says(/Established/, 5000);
    const started = Date.now();
    const { ipv4, adapter } = await anna.overlay();
    const browser = browsing.run(['avahi-browse', '-r', '-p', '_osc._udp']);
    await browser.says(
      new RegExp(`^=;${adapter};IPv4;Stage.*;${ipv4.replaceAll('.', '\\.')};9000;.*$`, 'm'),
      FOUND_MS_MAX + 2000,
    );
    const ms = Date.now() - started;
    figure('avahi-browse -r finds a remote service', `${ms} ms`, '≤ 3 s');
    expect(ms).toBeLessThan(FOUND_MS_MAX);
    await browser.stop();
    await publisher.stop();
  });
});

const noResolve = noAvahi ?? (existsSync('/usr/bin/avahi-resolve') ? null : 'avahi-utils has no avahi-resolve');

describe.skipIf(noResolve)('avahi that runs before the adapter exists', () => {
  let lab: Lab;
  const daemons: Avahi[] = [];
  afterAll(async () => {
    for (const daemon of daemons) await daemon.stop();
    await lab?.close();
  });

  it('finds services and members’ names as soon as there is one', { timeout: 90_000 }, async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben'] });
    const hosts = [lab.host('anna'), lab.host('ben')] as [Host, Host];
    const [anna, ben] = hosts;
    await lab.inSwitch([
      'nft',
      'add table bridge t; add chain bridge t f { type filter hook forward priority 0; }; add rule bridge t f udp dport 5353 drop',
    ]);
    for (const host of hosts) {
      daemons.push(await startAvahi(host));
      expect(await host.must(['ip', '-o', 'link'])).not.toContain('weft0');
    }
    const [published, browsing] = daemons as [Avahi, Avahi];
    const publisher = published.run(['avahi-publish', '-s', 'Stage lights', '_osc._udp', '9000']);
    await publisher.says(/Established/, 5000);
    for (const host of hosts) await host.startDaemon();
    await joinAll(lab, ['anna', 'ben']);
    const ready = Date.now();
    const { ipv4, adapter } = await anna.overlay();
    const browser = browsing.run(['avahi-browse', '-r', '-p', '_osc._udp']);
    const service = new RegExp(`^=;${adapter};IPv4;Stage.*;${ipv4.replaceAll('.', '\\.')};9000;.*$`, 'm');
    await browser.says(service, APPEARS_MS_MAX);
    figure(
      'avahi from before the adapter finds a remote service',
      `${Date.now() - ready} ms`,
      `≤ ${APPEARS_MS_MAX} ms`,
    );
    await browser.stop();
    await publisher.stop();
    const name = `${anna.name}-home.local`;
    const asked = browsing.run(['avahi-resolve', '-4', '-n', name]);
    const { stdout, stderr } = await asked.done;
    expect(stdout, stderr).toContain(`${name}\t${ipv4}`);
    expect(ben.daemon?.ended).toBeNull();
  });
});

describe.skipIf(reason)('discovery by plain sockets', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await lanOf(['anna', 'ben']);
  });
  afterAll(() => lab?.close());

  it('answers an SSDP search', async () => {
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    const [a, b] = [await anna.overlay(), await ben.overlay()];
    const server = anna.program('ssdp', 'answer', a.ipv4);
    await server.says(/ready/, 5000);
    await until('ben knows the subscriber', 3000, async () =>
      (await ben.network()).groups.some((g) => g.address === '239.255.255.250'),
    );
    const search = await ben.program('ssdp', 'search', b.ipv4).done;
    expect(search.code, search.stderr).toBe(0);
    expect(JSON.parse(search.stdout).from).toBe(a.ipv4);
    await server.stop();
  });

  it('answers <member>-<network>.local by mDNS', async () => {
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    const [a, b] = [await anna.overlay(), await ben.overlay()];
    const found = await until('mDNS answer', 5000, async () => {
      const asked = await ben.exec([
        'dig',
        '+short',
        '+time=1',
        '+tries=1',
        '-b',
        b.ipv4,
        '-p',
        '5353',
        '@224.0.0.251',
        'anna-home.local',
        'A',
      ]);
      // dig drops answers that come from an address it did not ask; a program of our own listens properly.
      return (
        asked.stdout.includes(a.ipv4) ||
        (await ben.program('mdns', 'anna-home.local', b.ipv4).done).stdout.includes(a.ipv4)
      );
    });
    expect(found).toBe(true);
  });
});
