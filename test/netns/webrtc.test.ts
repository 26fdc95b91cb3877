// WebRTC and TURN, each as the only way between two members: they carry unicast and multicast, and `status` names them. The third
// member, on 443, passes on what the two have to tell each other, and none of their traffic.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { creatorOf, layOut, multicast, startAll, type Cell } from './support/grid.ts';
import type { Host } from './support/host.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite, type SiteKind } from './support/site.ts';
import { writeTable } from './support/tables.ts';
import { startTurn, whyNoTurn, type Turn } from './support/turn.ts';

const reason = whyNot() ?? whyNoTurn();
if (reason) console.log(`skipped: the cells of WebRTC and TURN: ${reason}`);

const SECONDS_MAX = 15;
/** Long enough for what could go another way to be there. */
const ALONE_MS = 8_000;
const SHARE_MIN = 0.95;
const rows: string[][] = [];

async function scene(kind: SiteKind): Promise<{ cell: Cell; turn: Turn }> {
  const cell = await layOut([kind, kind], true);
  const server = await addSite(cell.internet, 'open', 'server');
  const turn = await startTurn(cell.internet, server);
  await startAll(cell);
  const creator = creatorOf(cell);
  await creator.mustWeft('settings', 'relay=off');
  for (const host of [cell.left, cell.right]) await host.mustWeft('settings', 'relay=off', 'webrtc=off');
  await creator.mustWeft('create', 'home');
  for (const host of [cell.left, cell.right]) {
    await host.mustWeft('join', await creator.mustWeft('invite'));
    await until(`adapter of ${host.name}`, 20_000, async () => (await host.network()).adapter);
  }
  return { cell, turn };
}

const viewOf = async (host: Host, other: Host) =>
  (await host.network()).members.find(({ name }) => name === other.name);

describe.skipIf(reason)('the only way is', () => {
  let cell: Cell | undefined;
  afterEach(async () => {
    await cell?.internet.close();
    cell = undefined;
  });
  afterAll(() =>
    writeTable('5-webrtc', {
      title: 'WebRTC and TURN as the only way',
      note: 'The router of each lets TLS to 443 pass, and of UDP nothing but WebRTC’s (first row) or what goes to a TURN server (second). Seconds run from when WebRTC is switched on.',
      head: ['way', 's to first packet', 'what status says', 'multicast there and back'],
      rows,
    }),
  );

  it.each([
    ['WebRTC, addresses by STUN', 'webrtc-only', ({ stun }: Turn) => [`stun=${stun}`]],
    ['TURN', 'turn-only', ({ turn }: Turn) => [`turn=${turn}`]],
  ] as const)('%s', { timeout: 150_000 }, async (way, kind, settings) => {
    const made = await scene(kind);
    cell = made.cell;
    const { left, right } = cell;
    const target = (await right.overlay()).ipv4;
    await new Promise((settle) => setTimeout(settle, ALONE_MS));
    expect(await left.ping(target, '-W', '0.5'), 'nothing else leads there').toBe(false);
    expect((await viewOf(left, right))?.path).toBe('none');

    for (const host of [left, right]) await host.mustWeft('settings', 'webrtc=on', ...settings(made.turn));
    const started = Date.now();
    await until('first packet', 60_000, () => left.ping(target, '-W', '0.3'), 20);
    const seconds = (Date.now() - started) / 1000;
    const view = await viewOf(left, right);
    expect(view).toMatchObject({ path: 'direct', transport: 'webrtc' });
    if (way === 'TURN') expect(view?.proxy).toBe(`turn:${made.turn.stun.split(':')[0]}`);
    else expect(view?.proxy).toBeUndefined();
    const shares = await multicast(cell);
    expect(Math.min(shares.toLeft, shares.toRight)).toBeGreaterThanOrEqual(SHARE_MIN);
    expect(seconds).toBeLessThanOrEqual(SECONDS_MAX);
    const said = `${view?.path}, ${view?.transport}${view?.proxy ? ` through ${view.proxy}` : ''}`;
    figure(`${way} as the only way`, `${seconds.toFixed(1)} s: ${said}`, `≤ ${SECONDS_MAX} s`);
    rows.push([way, seconds.toFixed(1), said, `${shares.toRight * 100} % / ${shares.toLeft * 100} %`]);
  });
});
