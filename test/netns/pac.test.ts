// A campus that lets nothing out but its proxy, and names it only in a PAC file: the one way out carries unicast and multicast.
import { afterAll, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { daemonArgs, multicast, type Cell } from './support/grid.ts';
import { Internet } from './support/internet.ts';
import { whyNoProxy } from './support/proxy.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite } from './support/site.ts';
import { writeTable } from './support/tables.ts';

const reason = whyNot() ?? whyNoProxy();
if (reason) console.log(`skipped: the cell of the PAC file: ${reason}`);

const SECONDS_MAX = 15;

describe.skipIf(reason)('a PAC file as the only way out', () => {
  let internet: Internet | undefined;
  afterAll(() => internet?.close());

  it('carries unicast and multicast, and status names the proxy', { timeout: 90_000 }, async () => {
    internet = await Internet.create();
    const open = await addSite(internet, 'open', 'left');
    const campus = await addSite(internet, 'proxy-pac', 'right');
    const [left, right] = [open.host, campus.host];
    await Promise.all([left.startDaemon({ args: daemonArgs(open) }), right.startDaemon()]);
    await left.mustWeft('create', 'home');
    await until('adapter of the creator', 10_000, async () => (await left.network()).adapter);
    const link = await left.mustWeft('invite');
    // Without the file there is no way out.
    const refused = await right.weft('join', link);
    expect(refused.code).not.toBe(0);
    await right.mustWeft('settings', `proxy=${campus.proxy?.pacUrl}`);
    const started = Date.now();
    await right.mustWeft('join', link);
    const target = (await left.overlay()).ipv4;
    await until('first packet', 20_000, () => right.ping(target, '-W', '0.3'), 20);
    const seconds = (Date.now() - started) / 1000;
    const cell: Cell = { sites: [open, campus], left, right, third: null, internet };
    const shares = await multicast(cell);
    const seen = (await right.network()).members.find(({ name }) => name === left.name);
    expect(seen?.path).toBe('direct');
    expect(seen?.transport).toMatch(/^(tls|wss|https)$/);
    expect(seen?.proxy).toBe('http://192.168.1.1:3128');
    expect(Math.min(shares.toLeft, shares.toRight)).toBeGreaterThanOrEqual(0.95);
    expect(seconds).toBeLessThanOrEqual(SECONDS_MAX);
    const told = `${seen?.transport} through ${seen?.proxy}, ${seconds.toFixed(1)} s`;
    figure('a PAC file as the only way out', told, `≤ ${SECONDS_MAX} s`);
    writeTable('3-pac', {
      title: 'A PAC file as the only way out',
      note: 'The campus router lets nothing pass but its squid, which only the PAC file of the settings names.',
      head: ['way', 's to first packet', 'multicast'],
      rows: [
        [
          `${seen?.transport} through ${seen?.proxy}`,
          seconds.toFixed(1),
          `${shares.toRight * 100} % → / ← ${shares.toLeft * 100} %`,
        ],
      ],
    });
  });
});
