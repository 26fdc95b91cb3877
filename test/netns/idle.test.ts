// What an idle daemon has loaded: the DHT, WebRTC and what is known of proxies come with their first use.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import { join as joinNetwork } from './support/lan.ts';
import { Lab } from './support/lab.ts';
import { until, whyNot } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const LATE = ['dht', 'webrtc', 'proxies', 'pac', 'polling-client', 'polling-server', 'stun', 'mapping-clients'];

/** Files of this program that node's own loader names, without their ends. */
const loaded = (host: Host): Set<string> =>
  new Set([...(host.daemon?.stderr ?? '').matchAll(/load "(\S+)\.c?js"/g)].map(([, path = '']) => basename(path)));

const maps = (host: Host): Promise<string> => host.must(['cat', `/proc/${host.daemon?.child.pid}/maps`]);
const rssMB = async (host: Host): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await host.must(['cat', `/proc/${host.daemon?.child.pid}/status`]))?.[1]) / 1024;

describe.skipIf(reason)('an idle daemon', () => {
  let lab: Lab | undefined;
  afterEach(() => lab?.close());

  it('has loaded no DHT, no WebRTC and nothing of proxies, alone and with a member', { timeout: 90_000 }, async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben'] });
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    // A desktop whose settings would say when they are asked.
    const [desktop, asked] = [join(lab.folder, 'bin'), join(lab.folder, 'asked')];
    mkdirSync(desktop);
    writeFileSync(join(desktop, 'gsettings'), `#!/bin/sh\necho asked >>${asked}\nexit 1\n`);
    chmodSync(join(desktop, 'gsettings'), 0o755);
    const env = { NODE_DEBUG: 'module', PATH: `${desktop}:${process.env['PATH'] ?? ''}` };
    for (const host of [anna, ben]) await host.startDaemon({ env });
    const idle = await rssMB(anna);
    await anna.mustWeft('create', 'home');
    await joinNetwork(ben, await anna.mustWeft('invite'));
    const target = (await anna.overlay()).ipv4;
    await until('a packet', 10_000, () => ben.ping(target, '-W', '0.5'));
    for (const host of [anna, ben]) {
      const parts = loaded(host);
      expect(parts, 'the loader says what it loads').toContain('daemon');
      for (const part of LATE) expect(parts, `${host.name}: ${part}`).not.toContain(part);
      expect(await maps(host)).toMatch(/weft\.node/);
      expect(await maps(host)).not.toMatch(/node_datachannel/);
    }
    expect(existsSync(asked), 'nobody asked the desktop').toBe(false);
    figure('memory of an idle daemon', `${idle.toFixed(0)} MB, with a member ${(await rssMB(anna)).toFixed(0)} MB`, '');

    await anna.script([
      ...['ip link add wg0 type veth peer name cable0', 'ip addr add 10.99.0.1/24 dev wg0'],
      ...['ip link set wg0 up', 'ip link set cable0 up'],
    ]);
    // What looks for proxies does it then, and loads that alone.
    const doctor = await anna.mustWeft('doctor');
    expect(doctor).toContain('Other VPN adapters are up: wg0.');
    expect(doctor).toContain('No proxy is set on this machine.');
    expect(doctor).toMatch(/“ben” is reached by udp\. Last tries: udp \(\S+\) gets there\./);
    expect(existsSync(asked)).toBe(true);
    const parts = loaded(anna);
    expect(parts).toContain('proxies');
    for (const part of LATE.filter((name) => name !== 'proxies')) expect(parts, part).not.toContain(part);
  });
});
