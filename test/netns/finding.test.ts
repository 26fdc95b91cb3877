// Must be shown 1: LAN discovery, the DHT and port mapping, each as the only way, carry unicast and multicast; `status` names them.
import { afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { forwardings, startGateway, whyNoGateway, type GatewayProtocol } from './support/gateway.ts';
import { multicast } from './support/grid.ts';
import type { Host, StatusMember } from './support/host.ts';
import { Internet } from './support/internet.ts';
import { join, knowsAll, lanOf } from './support/lan.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite, type SiteKind } from './support/site.ts';
import { inLab, writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noGateway = reason ?? whyNoGateway();
if (noGateway && !reason) console.log(`skipped: port mapping: ${noGateway}`);

const LAN_MS_MAX = 15_000;
const DHT_MS_MAX = 60_000;
/** Long enough for a member that could be called to be reached. */
const ALONE_MS = 6_000;
const MULTICAST_SHARE_MIN = 0.95;
const DHT_PORT = 6881;
/** Each speaks nothing better than what it is named after. */
const gateways: { by: GatewayProtocol; kind: SiteKind }[] = [
  { by: 'pcp', kind: 'upnp' },
  ...(inLab
    ? ([
        { by: 'nat-pmp', kind: 'pmp-alone' },
        { by: 'upnp', kind: 'upnp-alone' },
      ] as const)
    : []),
];
const rows: string[][] = [];

interface Finding {
  nat: string;
  mapping: { state: string; by?: string; endpoints: string[] };
  lan: { on: boolean; found: number };
  dht: { on: boolean; found: number; last: string };
}
type Found = StatusMember & { foundBy?: string; endpoint?: string };

const findingOf = async (host: Host): Promise<Finding> =>
  ((await host.status()) as unknown as { finding: Finding }).finding;
const memberOf = async (host: Host, other: Host): Promise<Found | undefined> =>
  (await host.network()).members.find(({ name }) => name === other.name);
/** What discovery may do; the suite's environment switches it off. */
const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ WEFT_DISCOVERY: '', ...more });
const dhtOnly = ['lan=off', 'portMapping=off'];

async function direct(host: Host, other: Host, ms: number): Promise<Found> {
  return until(`${host.name} has a session with ${other.name}`, ms, async () => {
    const member = await memberOf(host, other);
    return member?.path === 'direct' ? member : null;
  });
}

/** Unicast and multicast both ways. */
async function carries(left: Host, right: Host): Promise<string> {
  const target = (await right.overlay()).ipv4;
  await until('a packet', 5_000, () => left.ping(target, '-W', '0.5'));
  const shares = await multicast({ left, right } as Parameters<typeof multicast>[0]);
  for (const share of Object.values(shares)) expect(share).toBeGreaterThanOrEqual(MULTICAST_SHARE_MIN);
  return `${(shares.toRight * 100).toFixed(0)} % / ${(shares.toLeft * 100).toFixed(0)} %`;
}

describe.skipIf(reason)('found by', () => {
  let close: () => Promise<void> = async () => undefined;
  afterEach(async () => {
    await close();
    close = async () => undefined;
    writeTable('5-found-by', {
      title: 'Found by',
      note: 'Each is the only way that members have to each other. Seconds run from when both are up (mapping: from `weft join`).',
      head: ['way', 'seconds', 'what status says', 'multicast there and back'],
      rows,
    });
  });

  it('LAN: two hosts on one link, renumbered while both were off', { timeout: 120_000 }, async () => {
    const lab = await lanOf(['anna', 'ben'], 'home', env());
    close = () => lab.close();
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    for (const host of [anna, ben]) await host.mustWeft('settings', 'lan=off', 'dht=off', 'portMapping=off');
    for (const host of [anna, ben]) await host.stopDaemon();
    for (const host of [anna, ben])
      await host.script([
        'ip addr flush dev eth0 scope global',
        `ip addr add 192.168.99.${host.index + 40}/24 dev eth0`,
        'ip route add default dev eth0',
      ]);
    for (const host of [anna, ben]) await host.startDaemon({ env: env() });
    await new Promise((settle) => setTimeout(settle, ALONE_MS));
    expect((await memberOf(anna, ben))?.path).toBe('none');
    const started = Date.now();
    for (const host of [anna, ben]) await host.mustWeft('settings', 'lan=on');
    const views = await Promise.all([direct(anna, ben, LAN_MS_MAX), direct(ben, anna, LAN_MS_MAX)]);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    expect(views.map(({ foundBy }) => foundBy)).toContain('lan');
    const beacons = await Promise.all([anna, ben].map(async (host) => (await findingOf(host)).lan.found));
    expect(Math.max(...beacons)).toBeGreaterThan(0);
    const heard = await carries(anna, ben);
    rows.push(['LAN beacons', seconds, `foundBy ${views.map((view) => view.foundBy ?? '–').join(' / ')}`, heard]);
    figure('found by LAN beacons, all addresses stale', `${seconds} s`, `≤ ${LAN_MS_MAX / 1000} s`);
  });

  it('DHT: every known address stale', { timeout: 240_000 }, async () => {
    const internet = await Internet.create();
    close = () => internet.close();
    const left = await addSite(internet, 'port-restricted', 'left');
    const right = await addSite(internet, 'open', 'right');
    const nodes = await addSite(internet, 'open', 'nodes');
    const dht = nodes.host.program('dht', '--host', nodes.ipv4, '--port', String(DHT_PORT));
    await dht.says(/ready/, 20_000);
    const args = ['--listen', '0.0.0.0:4000'];
    const bootstrap = { WEFT_DHT_BOOTSTRAP: [0, 1].map((n) => `${nodes.ipv4}:${DHT_PORT + n}`).join() };
    const pair = [left.host, right.host] as const;
    for (const host of pair) await host.startDaemon({ args, env: env(bootstrap) });
    for (const host of pair) await host.mustWeft('settings', ...dhtOnly);
    await right.host.mustWeft('create', 'home');
    await join(left.host, await right.host.mustWeft('invite'));
    for (const host of pair) await knowsAll(host, 2);
    for (const host of pair) await host.stopDaemon();
    for (const site of [left, right]) await site.changeAddress();
    await Promise.all(pair.map((host) => host.startDaemon({ args, env: env(bootstrap) })));
    const started = Date.now();
    const views = await Promise.all([
      direct(left.host, right.host, DHT_MS_MAX),
      direct(right.host, left.host, DHT_MS_MAX),
    ]);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    expect(views.map(({ foundBy }) => foundBy)).toContain('dht');
    const ways = await Promise.all(pair.map(async (host) => (await findingOf(host)).dht));
    expect(Math.max(...ways.map(({ found }) => found))).toBeGreaterThan(0);
    // Who was called did not find the other: its status says that it is to be found there.
    for (const { on, last } of ways)
      expect([on, ['found', 'published', 'working'].includes(last)]).toEqual([true, true]);
    const heard = await carries(left.host, right.host);
    const said = views.map(({ foundBy }, at) => `foundBy ${foundBy ?? '–'}, DHT ${ways[at]?.last}`);
    rows.push(['DHT', seconds, said.join(' / '), heard]);
    figure('found by the DHT, all addresses stale', `${seconds} s`, `≤ ${DHT_MS_MAX / 1000} s`);
  });

  it.skipIf(noGateway).each(gateways)(
    'port mapping: two symmetric NATs, one with $by',
    { timeout: 180_000 },
    async ({ by, kind }) => {
      const internet = await Internet.create();
      close = () => internet.close();
      const left = await addSite(internet, kind, 'left', { publicAddress: '44.128.0.9' });
      const right = await addSite(internet, 'symmetric', 'right', { publicAddress: '44.128.0.10' });
      if (left.router) await startGateway(internet, left.router, by);
      const pair = [left.host, right.host] as const;
      for (const host of pair) await host.startDaemon({ env: env() });
      for (const host of pair) await host.mustWeft('settings', 'lan=off', 'dht=off', 'portMapping=off');
      await left.host.mustWeft('create', 'home');
      const without = await right.host.weft('join', await left.host.mustWeft('invite'));
      expect(without.code, 'nobody can be called without the mapping').not.toBe(0);
      await left.host.mustWeft('settings', 'portMapping=on');
      const { mapping } = await until('the router maps', 20_000, async () => {
        const finding = await findingOf(left.host);
        return finding.mapping.state === 'mapped' ? finding : null;
      });
      expect(mapping.endpoints).toContainEqual(expect.stringMatching(/^44\.128\.0\.9:\d+$/));
      expect(mapping.endpoints).toContain('44.128.0.9:443/tcp');
      expect(mapping.by).toBe(by);
      const started = Date.now();
      await join(right.host, await left.host.mustWeft('invite'));
      const view = await direct(right.host, left.host, 15_000);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      expect(view.endpoint).toMatch(/^44\.128\.0\.9:/);
      // The link named the endpoint first; that its router maps it, the member itself tells.
      await until(
        'known for a mapping',
        5_000,
        async () => (await memberOf(right.host, left.host))?.foundBy === 'mapping',
      );
      expect((await findingOf(left.host)).nat).toBe('mapped');
      const heard = await carries(right.host, left.host);
      rows.push([`port mapping by ${by}`, seconds, `mapped by ${mapping.by}: ${mapping.endpoints.join(', ')}`, heard]);
      figure(`reached by a port mapped by ${by} alone`, `${seconds} s by ${mapping.by}, ${view.transport}`, '≤ 15 s');
      const doctor = await left.host.weft('doctor');
      expect(doctor.stdout).toContain(`(${mapping.by})`);
      expect(doctor.stdout).toContain('its router forwards a port');
      // Off, by the setting or by the network's own switch: nothing stays open at the router.
      const open = async (wanted: boolean): Promise<boolean> =>
        left.router !== null && (await forwardings(left.router)).length > 0 === wanted;
      await left.host.mustWeft('settings', 'portMapping=off');
      await until('the router forgets', 10_000, () => open(false));
      await left.host.mustWeft('settings', 'portMapping=on');
      await until('the router maps again', 15_000, () => open(true));
      await left.host.mustWeft('down');
      await until('the router forgets again', 10_000, () => open(false));
    },
  );
});
