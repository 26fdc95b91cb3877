// A symmetric NAT that counts its ports on, before a member that only lets in what it wrote to: met by a guessed port.
import { afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { daemonArgs, multicast, type Cell } from './support/grid.ts';
import type { Host } from './support/host.ts';
import { Internet } from './support/internet.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite, type Site } from './support/site.ts';
import { inLab, writeTable } from './support/tables.ts';
import { startTurn, whyNoTurn } from './support/turn.ts';

const reason = whyNot() ?? (inLab ? null : 'only in npm run lab');
if (reason) console.log(`skipped: port prediction: ${reason}`);

const DIRECT_S_MAX = 15;
const SHARE_MIN = 0.95;

interface Scene {
  left: Site;
  right: Site;
  open: Site[];
}

describe.skipIf(reason)('port prediction', () => {
  let internet: Internet | undefined;
  afterEach(() => internet?.close());

  /** `observers` open members; `settings` of the one behind the symmetric NAT. */
  async function scene(observers: number, settings: (net: Internet) => Promise<string[]>): Promise<Scene> {
    const net = (internet = await Internet.create());
    const open: Site[] = [];
    for (let n = 0; n < observers; n++) open.push(await addSite(net, 'open', `open${n + 1}`));
    const left = await addSite(net, 'symmetric-sequential', 'left');
    const right = await addSite(net, 'port-restricted', 'right');
    await Promise.all(
      [...open, left, right].map((site) =>
        site.host.startDaemon({ args: daemonArgs(site), env: { WEFT_DISCOVERY: '' } }),
      ),
    );
    for (const { host } of [...open, left, right])
      await host.mustWeft('settings', 'dht=off', 'lan=off', 'portMapping=off', 'webrtc=off');
    const more = await settings(net);
    if (more.length > 0) await left.host.mustWeft('settings', ...more);
    const creator = (open[0] as Site).host;
    await creator.mustWeft('create', 'home');
    for (const { host } of [...open.slice(1), left, right]) {
      await host.mustWeft('join', await creator.mustWeft('invite'));
      await until(`adapter of ${host.name}`, 15_000, async () => (await host.network()).adapter);
    }
    return { left, right, open };
  }

  const view = async (host: Host, other: Host) =>
    (await host.network()).members.find(({ name }) => name === other.name);

  it.each([
    ['two open members', 2, () => Promise.resolve([])],
    [
      'one open member and a STUN server',
      1,
      async (net: Internet) => [`stun=${(await startTurn(net, await addSite(net, 'open', 'server'))).stun}`],
    ],
  ] as const)('by what %s saw', { timeout: 120_000 }, async (what, observers, settings) => {
    const noTurn = observers === 1 ? whyNoTurn() : null;
    if (noTurn) return console.log(`skipped: ${what}: ${noTurn}`);
    const { left, right } = await scene(observers, settings);
    const started = Date.now();
    const target = (await left.host.overlay()).ipv4;
    await until('a packet', 10_000, () => right.host.ping(target, '-W', '0.3'), 20);
    await until(
      'direct at both ends',
      DIRECT_S_MAX * 1_000,
      async () => {
        await right.host.ping(target, '-W', '0.3');
        const views = [await view(left.host, right.host), await view(right.host, left.host)];
        return views.every((one) => one?.path === 'direct' && one.transport === 'udp');
      },
      200,
    );
    const seconds = (Date.now() - started) / 1_000;
    const seen = (await view(right.host, left.host)) as { endpoint?: string } | undefined;
    expect(seen?.endpoint).toMatch(new RegExp(`^${left.ipv4.replaceAll('.', '\\.')}:20\\d{3}$`));
    const pair = { left: left.host, right: right.host } as Cell;
    const shares = await multicast(pair);
    expect(Math.min(shares.toLeft, shares.toRight)).toBeGreaterThanOrEqual(SHARE_MIN);
    const told = `direct by udp after ${seconds.toFixed(1)} s, ${seen?.endpoint}`;
    figure(`symmetric, counting – port-restricted, seen by ${what}`, told, `≤ ${DIRECT_S_MAX} s`);
    writeTable('2-prediction', {
      title: 'A symmetric NAT that counts its ports',
      note: 'Before a member that lets in only what it wrote to (neither can be called). The port that the NAT draws next is guessed from those that others saw.',
      head: ['seen by', 'path', 'multicast there and back'],
      rows: [[what, told, `${shares.toRight * 100} % / ${shares.toLeft * 100} %`]],
    });
  });
});
