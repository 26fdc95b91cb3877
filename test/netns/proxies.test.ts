// Proxies that leave one transport alone as the way out: it carries unicast and multicast, and `status` names it and the proxy.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { layOut, measure, startAll, type Cell } from './support/grid.ts';
import { whyNoProxy } from './support/proxy.ts';
import { whyNot } from './support/shell.ts';
import type { SiteKind } from './support/site.ts';
import { inLab, writeTable } from './support/tables.ts';

const reason = whyNot() ?? whyNoProxy();
if (reason) console.log(`skipped: the cells of proxies: ${reason}`);

const SECONDS_MAX = 15;
const MULTICAST_SHARE_MIN = 0.95;
const rows: string[][] = [];

interface ProxyCell {
  what: string;
  kind: SiteKind;
  transport: string;
  /** The user names the proxy in the settings; otherwise it stands in the way unseen. */
  named: boolean;
  /** Something that squid's log must hold, and something that it must not. */
  logged: RegExp;
  never: RegExp;
}

const cells: ProxyCell[] = [
  {
    ...{ what: 'CONNECT denied, upgrades refused, Digest', kind: 'forward-proxy', transport: 'http', named: true },
    ...{ logged: /POST http:\/\/\S+:443\/socket\.io\/\S* TCP_\w+\/200/, never: /CONNECT \S+ TCP_TUNNEL\/200/ },
  },
  {
    ...{ what: 'opens TLS, upgrades refused', kind: 'intercepting-no-upgrade', transport: 'https', named: false },
    ...{ logged: /POST https:\/\/\S+\/socket\.io\/\S* TCP_\w+\/200/, never: /\/101/ },
  },
  {
    ...{
      what: 'CONNECT denied, upgrades forwarded, Basic',
      kind: 'forward-proxy-upgrade',
      transport: 'ws',
      named: true,
    },
    ...{ logged: /GET http:\/\/\S+:443\/ws\S* /, never: /CONNECT \S+ TCP_TUNNEL\/200/ },
  },
  {
    ...{ what: 'CONNECT to 443 alone, Digest', kind: 'digest-proxy', transport: 'tls', named: true },
    ...{ logged: /CONNECT \S+:443 TCP_TUNNEL\/200/, never: /CONNECT \S+ TCP_TUNNEL\/407/ },
  },
];

describe.skipIf(reason)('a proxy as the only way out', () => {
  let cell: Cell | undefined;
  afterEach(async () => {
    await cell?.internet.close();
    cell = undefined;
  });
  afterAll(() =>
    writeTable('3-proxies', {
      title: 'Proxies that leave one way',
      note: 'Debian’s squid is all that the router lets through. The member names it in its settings, or it opens TLS unseen.',
      head: ['squid', 'transport', 'proxy as shown', 's to first packet', 'multicast'],
      rows,
    }),
  );

  for (const { what, kind, transport, named, logged, never } of inLab ? cells : cells.slice(0, 1))
    it(`${what}: ${transport}`, { timeout: 120_000 }, async () => {
      cell = await layOut([kind, 'open'], false);
      const [site] = cell.sites;
      await startAll(cell);
      if (named) await cell.left.mustWeft('settings', `proxy=${site.proxy?.url}`);
      const seen = await measure(cell, 'direct');
      expect(seen.stopped).toBe('');
      expect(seen.path).toBe('direct');
      expect(seen.transport).toBe(transport);
      const view = (await cell.left.network()).members.find(({ name }) => name === cell?.right.name);
      expect(view?.proxy).toBe(named ? 'http://192.168.1.1:3128' : undefined);
      const asked = site.proxy?.requests().join('\n') ?? '';
      expect(asked).toMatch(logged);
      expect(asked).not.toMatch(never);
      expect(seen.seconds).toBeLessThanOrEqual(SECONDS_MAX);
      expect(Math.min(seen.multicast.toLeft, seen.multicast.toRight)).toBeGreaterThanOrEqual(MULTICAST_SHARE_MIN);
      const seconds = seen.seconds?.toFixed(1) ?? '–';
      const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
      figure(what, `${seen.transport}, ${seconds} s`, `${transport}, ≤ ${SECONDS_MAX} s`);
      rows.push([
        ...[what, seen.transport, view?.proxy ?? 'none', seconds],
        `${percent(seen.multicast.toRight)} → / ← ${percent(seen.multicast.toLeft)}`,
      ]);
    });
});
