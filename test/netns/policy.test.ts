// What an administrator forbids does not happen, whatever the settings say: tunnels in HTTP, port mapping, WebRTC (relaying: relays.test.ts).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { forwardings, startGateway, whyNoGateway } from './support/gateway.ts';
import { daemonArgs, layOut } from './support/grid.ts';
import { Internet } from './support/internet.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite } from './support/site.ts';
import { inLab } from './support/tables.ts';
import { startTurn, whyNoTurn } from './support/turn.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noGateway = reason ?? whyNoGateway();
if (noGateway && !reason) console.log(`skipped: forbidden port mapping: ${noGateway}`);
const noTurn = reason ?? whyNoTurn() ?? (inLab ? null : 'only in npm run lab');
if (noTurn && !reason) console.log(`skipped: forbidden WebRTC: ${noTurn}`);
if (!inLab && !reason)
  console.log('skipped: forbidden HTTP tunnels: joins that must fail take long, only in npm run lab');

/** Where the same pair without the policy had been connected for long. */
const PATIENCE_MS = 15_000;
/** Searches for a router go on for some seconds. */
const MAPPING_MS = 8_000;

let internet: Internet | undefined;
afterEach(async () => {
  await internet?.close();
  internet = undefined;
});

function forbid(net: Internet, ...what: string[]): NodeJS.ProcessEnv {
  const file = join(net.folder, `no-${what.join('-')}.json`);
  const rules = Object.fromEntries(what.map((name) => [name, false]));
  writeFileSync(file, JSON.stringify({ version: 1, ...rules }));
  return { WEFT_POLICY: file, WEFT_DISCOVERY: '' };
}

describe.skipIf(reason)('an administrator forbids', () => {
  it.skipIf(!inLab)('tunnels in HTTP: none is dialled, none is taken', { timeout: 120_000 }, async () => {
    const cell = await layOut(['udp-blocked', 'open'], true);
    const { left, right, sites } = cell;
    const third = cell.third?.host;
    internet = cell.internet;
    const web = { WEFT_TRANSPORTS: 'ws,wss,http,https' };
    const none = forbid(internet, 'http');
    const args = daemonArgs(sites[1]);
    await Promise.all([
      left.startDaemon({ env: { ...web, ...none, WEFT_DISCOVERY: 'none' } }),
      right.startDaemon({ args, env: { WEFT_DISCOVERY: 'none' } }),
      third?.startDaemon({ args, env: { ...none, WEFT_DISCOVERY: 'none' } }),
    ]);
    await right.mustWeft('create', 'home');
    // Nothing but the web leads out of there, and that is forbidden.
    const refused = await left.weft('join', await right.mustWeft('invite'), '--json');
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'nobody-reached' } });
    expect(await left.mustWeft('doctor')).not.toMatch(/wss|https/);
    await left.stopDaemon();
    await left.startDaemon({ env: web });
    await left.mustWeft('join', await right.mustWeft('invite'));

    // The port of who may not be a web server answers no request, and takes streams that are none.
    const ask = (address: string) =>
      right.exec(['curl', '-sk', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', `https://${address}:443/`]);
    expect((await ask(sites[1].ipv4)).stdout).toBe('404');
    expect((await ask(cell.third?.ipv4 ?? '')).stdout).toBe('000');
    await third?.mustWeft('create', 'office');
    const other = await left.weft('join', (await third?.mustWeft('invite')) ?? '', '--json');
    expect(JSON.parse(other.stdout)).toMatchObject({ error: { code: 'nobody-reached' } });
    await left.stopDaemon();
    await left.startDaemon({ env: { WEFT_TRANSPORTS: 'tls' } });
    await left.mustWeft('join', (await third?.mustWeft('invite')) ?? '');
  });

  it.skipIf(noGateway)('port mapping: no router is asked', { timeout: 60_000 }, async () => {
    internet = await Internet.create();
    const site = await addSite(internet, 'upnp', 'left', { publicAddress: '44.128.0.9' });
    const router = site.router;
    if (!router) throw new Error('this site has a router');
    await startGateway(internet, router);
    const asked = router.start(['tcpdump', '-i', 'lan', '-n', '-l', 'udp port 5351 or udp port 1900 or tcp port 5000']);
    await asked.says(/listening on/, 5_000);
    await site.host.startDaemon({ env: forbid(internet, 'portMapping') });
    await site.host.mustWeft('settings', 'lan=off', 'dht=off', 'portMapping=on');
    await site.host.mustWeft('create', 'home');
    await new Promise((settle) => setTimeout(settle, MAPPING_MS));
    expect(await forwardings(router)).toEqual([]);
    expect(asked.stdout).toBe('');
    expect(await site.host.mustWeft('doctor')).toContain('Port mapping is forbidden by the administrator.');
    // The same machine without the policy.
    await site.host.stopDaemon();
    await site.host.startDaemon({ env: { WEFT_DISCOVERY: '' } });
    await until('the router maps', 20_000, async () => (await forwardings(router)).length > 0, 200);
    // What was captured comes in blocks.
    await until('the capture has seen it', 5_000, () => asked.stdout !== '');
  });

  it.skipIf(noTurn)('WebRTC: where it is the only way there is none', { timeout: 150_000 }, async () => {
    const cell = await layOut(['webrtc-only', 'webrtc-only'], true);
    internet = cell.internet;
    const { left, right } = cell;
    const third = cell.third;
    if (!third) throw new Error('this cell has a third member');
    const { stun } = await startTurn(internet, await addSite(internet, 'open', 'server'));
    const calm = { WEFT_DISCOVERY: 'none' };
    await Promise.all([
      left.startDaemon({ env: { ...forbid(internet, 'webrtc'), ...calm } }),
      right.startDaemon({ env: calm }),
      third.host.startDaemon({ args: daemonArgs(third), env: calm }),
    ]);
    for (const host of [left, right, third.host])
      await host.mustWeft('settings', 'relay=off', 'webrtc=on', `stun=${stun}`);
    await third.host.mustWeft('create', 'home');
    for (const host of [left, right]) {
      await host.mustWeft('join', await third.host.mustWeft('invite'));
      await until('adapter', 20_000, async () => (await host.network()).adapter);
    }
    const target = (await right.overlay()).ipv4;
    const reached = () => left.ping(target, '-W', '0.5');
    const late = Date.now() + PATIENCE_MS;
    while (Date.now() < late) expect(await reached()).toBe(false);
    expect(await left.must(['cat', `/proc/${left.daemon?.child.pid}/maps`])).not.toMatch(/node_datachannel/);
    await left.stopDaemon();
    await left.startDaemon({ env: calm });
    await until('a packet without the policy', 60_000, reached, 50);
  });
});
