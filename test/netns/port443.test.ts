// Port 443 by the helper: who sits behind a firewall that lets only TLS to 443 pass joins by it; off, the port is free for others.
import { afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import { Internet } from './support/internet.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite } from './support/site.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const JOIN_MS_MAX = 15_000;

const listening = async (host: Host): Promise<string[]> =>
  ((await host.status()) as unknown as { listening: string[] }).listening;
const problems = async (host: Host): Promise<string[]> =>
  ((await host.status()) as unknown as { problems: { code: string }[] }).problems.map(({ code }) => code);

describe.skipIf(reason)('port 443', () => {
  let internet: Internet | undefined;
  afterEach(() => internet?.close());

  it(
    'is bound by the helper as the settings say, and reached from behind a strict firewall',
    { timeout: 120_000 },
    async () => {
      internet = await Internet.create();
      const [server, strict] = [
        await addSite(internet, 'open', 'server'),
        await addSite(internet, 'tls-only', 'strict'),
      ];
      const [open, behind] = [server.host, strict.host];
      await Promise.all([open.startDaemon(), behind.startDaemon()]);
      await open.mustWeft('create', 'home');
      await until('adapter', 10_000, async () => (await open.network()).adapter);
      expect((await behind.weft('join', await open.mustWeft('invite'))).code, 'no way in without it').not.toBe(0);

      // Somebody else has it: said, and nothing is lost.
      const other = open.start(['socat', 'TCP-LISTEN:443,fork,reuseaddr', 'EXEC:/bin/cat']);
      await until('the other program listens', 5_000, async () =>
        (await open.must(['ss', '-Hltn', 'sport = :443'])).trim(),
      );
      await open.mustWeft('settings', 'port443=on');
      expect(await problems(open)).toContain('port-taken');
      await other.stop('SIGTERM');
      await open.mustWeft('settings', 'port443=on');
      expect(await problems(open)).not.toContain('port-taken');
      expect(await listening(open)).toEqual(expect.arrayContaining(['0.0.0.0:443', '[::]:443']));

      const started = Date.now();
      const link = await open.mustWeft('invite');
      await behind.mustWeft('join', link);
      const target = (await open.overlay()).ipv4;
      await until('a packet', JOIN_MS_MAX, () => behind.ping(target, '-W', '0.5'));
      const seconds = (Date.now() - started) / 1000;
      expect(seconds * 1_000).toBeLessThan(JOIN_MS_MAX);
      const view = (await behind.network()).members.find(({ name }) => name === open.name);
      expect(view).toMatchObject({ path: 'direct', transport: 'tls' });
      figure(
        'joined by port 443 of the helper',
        `${seconds.toFixed(1)} s, ${view?.transport}`,
        `≤ ${JOIN_MS_MAX / 1000} s`,
      );

      await open.mustWeft('settings', 'port443=off');
      expect(await listening(open)).not.toContain('0.0.0.0:443');
      expect((await open.must(['ss', '-Hltn', 'sport = :443'])).trim()).toBe('');
    },
  );
});
