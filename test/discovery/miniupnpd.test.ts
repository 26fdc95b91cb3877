// Port mapping at a real gateway: Debian's miniupnpd with nft in a namespace, a host behind it.
import esbuild from 'esbuild';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must, run, type Running, start, whyNot } from '../netns/support/shell.ts';

const reason = whyNot() ?? (existsSync('/usr/sbin/miniupnpd') ? null : 'miniupnpd is not installed');
if (reason) console.log(`skipped: ${reason}`);
const name = (what: string) => `w${process.pid}m${what}`;
const [gateway, host, outside] = [name('g'), name('h'), name('o')];
/** miniupnpd serves no documentation prefix; this one is for tests of amateur radio and leaves no namespace. */
const WAN = '44.128.0';
const GATEWAY_SETTLES_MS = 2000;
const TABLE = `table inet filter {
 chain miniupnpd {
 }
 chain forward {
  type filter hook forward priority 0; policy accept;
  jump miniupnpd
 }
 chain prerouting_miniupnpd {
 }
 chain postrouting_miniupnpd {
 }
 chain prerouting {
  type nat hook prerouting priority -100;
  jump prerouting_miniupnpd
 }
 chain postrouting {
  type nat hook postrouting priority 100;
  jump postrouting_miniupnpd
  oifname "wan0" masquerade
 }
}
`;
const CONFIG = `ext_ifname=wan0
listening_ip=lan0
http_port=0
enable_natpmp=yes
enable_upnp=yes
min_lifetime=120
max_lifetime=86400
upnp_table_name=filter
upnp_nat_table_name=filter
secure_mode=yes
uuid=00000000-0000-0000-0000-000000000001
allow 1-65535 192.168.88.0/24 1-65535
`;

let folder = '';
let daemon: Running | null = null;
const ip = (...args: string[]) => must('ip', args);
const within = (namespace: string, ...command: string[]) => must('ip', ['netns', 'exec', namespace, ...command]);

describe.skipIf(reason !== null)('port mapping at miniupnpd', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-map-'));
    for (const one of [gateway, host, outside]) {
      await ip('netns', 'add', one);
      await ip('-n', one, 'link', 'set', 'lo', 'up');
    }
    await ip('link', 'add', 'lan0', 'netns', gateway, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
    await ip('link', 'add', 'wan0', 'netns', gateway, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside);
    const addresses = [
      [gateway, 'lan0', '192.168.88.1/24'],
      [gateway, 'wan0', `${WAN}.1/24`],
      [host, 'eth0', '192.168.88.2/24'],
      [outside, 'eth0', `${WAN}.9/24`],
    ] as const;
    for (const [namespace, link, address] of addresses) {
      await ip('-n', namespace, 'addr', 'add', address, 'dev', link);
      await ip('-n', namespace, 'link', 'set', link, 'up');
    }
    await ip('-n', host, 'route', 'add', 'default', 'via', '192.168.88.1');
    writeFileSync(join(folder, 'table.nft'), TABLE);
    await within(gateway, 'nft', '-f', join(folder, 'table.nft'));
    writeFileSync(join(folder, 'upnpd.conf'), CONFIG);
    const files = ['-f', join(folder, 'upnpd.conf'), '-P', join(folder, 'pid')];
    daemon = start('ip', ['netns', 'exec', gateway, '/usr/sbin/miniupnpd', '-d', ...files]);
    // It answers searches only some time after its start, and nothing tells when.
    await new Promise((done) => setTimeout(done, GATEWAY_SETTLES_MS));
    await esbuild.build({
      entryPoints: [join(import.meta.dirname, 'programs/map-ports.ts')],
      outfile: join(folder, 'map-ports.cjs'),
      bundle: true,
      platform: 'node',
      // The oldest Node that Weft's bundles run on.
      target: 'node16',
      format: 'cjs',
      logLevel: 'warning',
    });
  });
  afterAll(async () => {
    daemon?.child.kill();
    await daemon?.done;
    for (const one of [gateway, host, outside]) await run('ip', ['netns', 'del', one]);
    rmSync(folder, { recursive: true, force: true });
  });

  for (const by of ['pcp', 'nat-pmp', 'upnp'])
    it(`maps by ${by}, the gateway forwards, and nothing is left at the end`, async () => {
      const program = start('ip', ['netns', 'exec', host, process.execPath, join(folder, 'map-ports.cjs'), by]);
      await expect.poll(() => program.stdout, { timeout: 10_000 }).toContain('"state":"mapped"');
      expect(program.stdout).toContain(`"endpoint":"${WAN}.1:4000/udp","by":"${by}"`);
      expect(program.stdout).toContain(`"endpoint":"${WAN}.1:443/tcp","by":"${by}"`);
      const rules = await within(gateway, 'nft', 'list', 'ruleset');
      expect(rules.match(/dnat (?:ip )?to 192\.168\.88\.2:4000/g)?.length).toBe(2);
      program.child.kill();
      expect((await program.done).code).toBe(0);
      expect(await within(gateway, 'nft', 'list', 'ruleset')).not.toContain('192.168.88.2');
    });
});
