// Must be shown 4 and 5: no single point of failure; one-use links; removal.
import { afterEach, describe, expect, it } from 'vitest';
import { cpSync, existsSync } from 'node:fs';
import { join as pathJoin } from 'node:path';
import type { Host } from './support/host.ts';
import { Lab } from './support/lab.ts';
import { join, joinAll, knowsAll, lanOf } from './support/lan.ts';
import { until, whyNot } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const REMOVED_MS_MAX = 3000;
/** Of a ping between two members while a third dies. */
const UNNOTICED_GAP_MS_MAX = 500;
const GROUP = '239.4.4.4';
const PORT = '5044';
const CASTS_PER_SECOND = 200;
let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

/** Names of the counted members as this host sees them, sorted. */
const memberNames = async (host: Host) => (await host.network()).members.map(({ name }) => name).sort();

describe.skipIf(reason)('without its creator', () => {
  it('lets a fourth host join with an older invite, sponsored by another member', async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben', 'cleo', 'dan'] });
    const [anna, ben, cleo, dan] = ['anna', 'ben', 'cleo', 'dan'].map((name) => lab!.host(name)) as [
      Host,
      Host,
      Host,
      Host,
    ];
    await Promise.all([anna, ben, cleo, dan].map((host) => host.startDaemon()));
    await joinAll(lab, ['anna', 'ben', 'cleo']);
    const link = await anna.mustWeft('invite');
    const [bens, cleos] = [await ben.overlay(), await cleo.overlay()];
    await until('ben reaches cleo', 5000, () => ben.ping(cleos.ipv4));
    const receiver = cleo.program('receive', '--group', GROUP, '--interface', cleos.ipv4, '--port', PORT, '--live');
    await receiver.says(/ready/, 5000);
    const send = ['send', '--to', GROUP, '--interface', bens.ipv4, '--port', PORT, '--rate', String(CASTS_PER_SECOND)];
    const sender = ben.program(...(send as [string, ...string[]]), '--count', '100000');
    const pinger = ben.start(['ping', '-n', '-D', '-i', '0.02', '-W', '1', cleos.ipv4]);
    await Promise.all([receiver.says(/from /, 5000), pinger.says(/icmp_seq=20/, 5000)]);

    await anna.stopDaemon('SIGKILL');
    anna.wipe();
    await lab.cable('anna', false);
    await join(dan, link);
    // Those who stayed did not notice.
    await Promise.all([pinger.stop('SIGINT'), sender.stop()]);
    await receiver.stop();
    const times = [...pinger.stdout.matchAll(/^\[(\d+\.\d+)\].*icmp_seq=/gm)].map((match) => Number(match[1]) * 1000);
    const gap = Math.max(...times.slice(1).map((time, index) => time - (times[index] as number)));
    const numbers = [...receiver.stdout.matchAll(/from \S+ (\d+) /g)].map((match) => Number(match[1]));
    const missing = (numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1 - new Set(numbers).size;
    figure('the creator is killed: longest gap of a ping between two others', `${gap.toFixed(0)} ms`, '≤ 0.5 s');
    figure('and their multicast meanwhile', `${missing} of ${numbers.length} missing`, '0');
    expect(gap).toBeLessThan(UNNOTICED_GAP_MS_MAX);
    expect(numbers.length).toBeGreaterThan(CASTS_PER_SECOND / 2);
    expect(missing).toBe(0);
    for (const from of [ben, cleo, dan])
      for (const to of [ben, cleo, dan]) {
        if (from === to) continue;
        const { ipv4 } = await to.overlay();
        await until(`${from.name} → ${to.name}`, 5000, () => from.ping(ipv4));
      }
  });
});

describe.skipIf(reason)('a one-use link', () => {
  it('has one winner when two hosts use it at once', async () => {
    lab = await lanOf(['anna', 'ben']);
    const [cleo, dan] = [await lab.addHost('cleo'), await lab.addHost('dan')];
    await Promise.all([cleo.startDaemon(), dan.startDaemon()]);
    const link = await lab.host('anna').mustWeft('invite');
    const results = await Promise.all([cleo.weft('join', link), dan.weft('join', link)]);
    await winnersSettle(
      lab,
      ['cleo', 'dan'],
      results.map(({ code }) => code),
    );
  });

  it('has one winner, the same everywhere, when used on both sides of a partition that heals', async () => {
    lab = await lanOf(['anna', 'ben']);
    const [cleo, dan] = [await lab.addHost('cleo'), await lab.addHost('dan')];
    await Promise.all([cleo.startDaemon(), dan.startDaemon()]);
    const link = await lab.host('anna').mustWeft('invite');
    await lab.partition(['ben', 'dan']);
    const results = await Promise.all([cleo.weft('join', link), dan.weft('join', link)]);
    // Each half accepted in good faith; it cannot know better.
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    await lab.heal();
    await winnersSettle(lab, ['cleo', 'dan'], null);
  });

  async function winnersSettle(lab: Lab, rivals: string[], codes: number[] | null): Promise<void> {
    const steady = ['anna', 'ben'].map((name) => lab.host(name));
    const winner = await until('everyone agrees on one winner', 30_000, async () => {
      const views = await Promise.all(steady.map(memberNames));
      const [first, second] = views as [string[], string[]];
      return first.join() === second.join() && first.length === 3 && first.find((name) => rivals.includes(name));
    });
    const agreed = ['anna', 'ben', winner].sort();
    expect((await memberNames(steady[0] as Host)).filter((name) => ['anna', 'ben'].includes(name))).toEqual([
      'anna',
      'ben',
    ]);
    const loser = rivals.find((name) => name !== winner) as string;
    const { ipv4 } = await lab.host('anna').overlay();
    await until('the winner is in', 10_000, () => lab.host(winner).ping(ipv4));
    await until('the loser is out', 15_000, async () => !(await lab.host(loser).ping(ipv4)));
    await until(
      'the winner sees the same',
      10_000,
      async () => (await memberNames(lab.host(winner))).join() === agreed.join(),
    );
    if (codes) expect(codes.filter((code) => code === 0).length).toBeGreaterThanOrEqual(1);
    const told = await until('the loser is told', 15_000, async () => {
      const status = await lab.host(loser).status();
      const codesSeen = status.networks.flatMap(({ problems }) => problems.map(({ code }) => code));
      return status.networks.length === 0 ? 'refused' : codesSeen.find((code) => code.startsWith('invite-'));
    });
    // The loser agrees, as far as it still has a view: nobody but those, and perhaps itself as who was told.
    for (const network of (await lab.host(loser).status()).networks)
      expect(
        network.members
          .filter(({ self }) => !self)
          .map(({ name }) => name)
          .sort(),
      ).toEqual(agreed);
    figure(
      'a one-use link used twice',
      `${winner} won everywhere, ${loser} was told “${told}”`,
      'one winner, the same everywhere',
    );
  }
});

describe.skipIf(reason)('a removed member', () => {
  it('is out within 3 s and cannot return by anything it had', { timeout: 90_000 }, async () => {
    lab = await lanOf(['anna', 'ben', 'eve']);
    const [anna, ben, eve] = ['anna', 'ben', 'eve'].map((name) => lab!.host(name)) as [Host, Host, Host];
    const { ipv4 } = await ben.overlay();
    await until('eve is in', 5000, () => eve.ping(ipv4));
    await anna.mustWeft('role', 'eve', 'admin');
    await until('eve is admin', 5000, async () =>
      (await eve.network()).members.some((m) => m.self && (m as { role?: string }).role === 'admin'),
    );
    const made = await eve.mustWeft('invite', '--uses', '5');
    // A full copy of what it had, for later.
    const copy = pathJoin(lab.folder, 'eve-copy');
    await eve.stopDaemon();
    cpSync(eve.state, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    await eve.startDaemon();
    await knowsAll(eve, 3);
    await until('eve is in again', 5000, () => eve.ping(ipv4));

    const removed = Date.now();
    await anna.mustWeft('remove', 'eve');
    await until('eve is out', REMOVED_MS_MAX, async () => !(await eve.ping(ipv4, '-W', '0.3')), 10);
    figure('a removed member is out', `${Date.now() - removed} ms`, '≤ 3 s');
    expect(await memberNames(ben)).toEqual(['anna', 'ben']);

    await eve.stopDaemon('SIGKILL');
    eve.wipe();
    cpSync(copy, eve.state, { recursive: true });
    expect(existsSync(eve.state)).toBe(true);
    await eve.startDaemon();
    const backUntil = Date.now() + 6000;
    while (Date.now() < backUntil) expect(await eve.ping(ipv4, '-W', '0.3')).toBe(false);
    expect(await memberNames(ben)).toEqual(['anna', 'ben']);

    // Nor by a link it made: what eve itself accepts counts for nobody else …
    const fay = await lab.addHost('fay');
    await fay.startDaemon();
    await fay.weft('join', made);
    await new Promise((settle) => setTimeout(settle, 3000));
    expect(await fay.ping(ipv4, '-W', '0.3')).toBe(false);
    expect(await memberNames(ben)).toEqual(['anna', 'ben']);
    expect(await memberNames(anna)).toEqual(['anna', 'ben']);
    // … and whoever asks an honest member is refused with the reason.
    await eve.stopDaemon('SIGKILL');
    const gil = await lab.addHost('gil');
    await gil.startDaemon();
    const joined = await gil.weft('join', made);
    expect(joined.code, joined.stderr).toBe(3);
    expect(joined.stderr).toMatch(/no longer valid|removed|revoked/);
  });
});
