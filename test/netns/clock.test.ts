// Must be shown 7, wrong clocks and expired invites on real hosts: a clear error or no harm, and nothing lost either way.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Clocks } from './support/clock.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { join, knowsAll, lanOf } from './support/lan.ts';
import { until, whyNot } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const MINUTE_S = 60;
const DAY_S = 86_400;
/** Invites may be used this much before their beginning: app/mesh/membership/rules.ts. */
const SKEW_S_MAX = 300;

interface Told {
  code: number;
  stderr: string;
}

describe.skipIf(reason)('a wrong clock', () => {
  let lab: Lab;
  let clocks: Clocks;
  let anna: Host;
  let ben: Host;

  beforeAll(async () => {
    clocks = await Clocks.build();
    lab = await lanOf(['anna', 'ben']);
    [anna, ben] = [lab.host('anna'), lab.host('ben')];
    for (const host of [anna, ben]) await withClock(host);
  }, 60_000);
  afterAll(async () => {
    await lab?.close();
    clocks?.close();
  });

  /** Starts (or restarts) the host's engine with a clock of its own. */
  async function withClock(host: Host, seconds = 0): Promise<void> {
    await host.stopDaemon();
    const env = clocks.env(host.name);
    clocks.set(host.name, seconds);
    await host.startDaemon({ env });
  }

  async function newcomer(name: string, seconds: number): Promise<Host> {
    const host = await lab.addHost(name);
    await withClock(host, seconds);
    return host;
  }

  /** Refused in words, and nothing of the attempt is left on either side. */
  async function refused(host: Host, told: Promise<Told>, words: RegExp): Promise<void> {
    const members = (await anna.network()).members.length;
    const { code, stderr } = await told;
    expect(code, stderr).toBe(3);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^\s+at |undefined|\[object|Error:/m);
    expect((await host.status()).networks).toEqual([]);
    expect((await anna.network()).members).toHaveLength(members);
  }

  const talks = async (from: Host, to: Host): Promise<void> => {
    const { ipv4 } = await to.overlay();
    await until(`${from.name} → ${to.name}`, 10_000, () => from.ping(ipv4));
  };

  it('two days behind: the joiner is told, and joins by the same link when the clock is right', async () => {
    const link = await anna.mustWeft('invite');
    const cleo = await newcomer('cleo', -2 * DAY_S);
    await refused(cleo, cleo.weft('join', link), /clock .*wrong/i);
    // Set while the engine runs, as people do.
    clocks.set('cleo', 0);
    await join(cleo, link);
    await talks(cleo, anna);
  });

  it('two days ahead: an invite of a day seems expired, and the message names the clock', async () => {
    const link = await anna.mustWeft('invite');
    const dan = await newcomer('dan', 2 * DAY_S);
    await refused(dan, dan.weft('join', link), /expired.*clock/is);
    clocks.set('dan', 0);
    await join(dan, link);
    await talks(dan, anna);
  });

  it('two days ahead: an invite of a week lets in, because the clocks of those inside count', async () => {
    const eve = await newcomer('eve', 2 * DAY_S);
    await join(eve, await anna.mustWeft('invite', '--expires', '168h'));
    await talks(eve, anna);
    await talks(ben, eve);
    // The doctor says so: most members disagree with this clock.
    const { items } = JSON.parse((await eve.weft('doctor', '--json')).stdout) as { items: { text: string }[] };
    const doubt = items.find(({ text }) => /clock/.test(text))?.text ?? '';
    expect(doubt).toMatch(/28[78]\d min ahead/);
  });

  for (const [words, seconds] of [
    ['ahead', 2 * DAY_S],
    ['behind', -2 * DAY_S],
  ] as const)
    it(
      `a member whose clock goes two days ${words} loses nothing, nor does anybody else`,
      { timeout: 60_000 },
      async () => {
        const before = (await ben.network()).members.map(({ name, addresses }) => `${name} ${addresses.join()}`).sort();
        clocks.set('ben', seconds);
        await talks(ben, anna);
        await ben.stopDaemon('SIGKILL');
        await withClock(ben, seconds);
        await knowsAll(ben, before.length);
        await talks(ben, anna);
        await talks(anna, ben);
        // What it does under the wrong clock holds for all.
        await ben.mustWeft('rename', `ben-${words}`);
        await until('anna sees the new name', 10_000, async () =>
          (await anna.network()).members.some(({ name }) => name === `ben-${words}`),
        );
        await withClock(ben);
        await knowsAll(ben, before.length);
        await ben.mustWeft('rename', 'ben');
        await until('anna sees the old name again', 10_000, async () =>
          (await anna.network()).members.some(({ name }) => name === 'ben'),
        );
        expect(
          (await ben.network()).members.map(({ name, addresses }) => `${name} ${addresses.join()}`).sort(),
        ).toEqual(before);
      },
    );

  it('an expired invite is refused by the joiner itself', async () => {
    const link = await anna.mustWeft('invite', '--expires', '60s');
    const fay = await newcomer('fay', 2 * MINUTE_S);
    await refused(fay, fay.weft('join', link), /expired/);
  });

  it('and by every member where the joiner sets its clock back', { timeout: 60_000 }, async () => {
    const link = await anna.mustWeft('invite', '--expires', '60s', '--uses', '5');
    // The others' time goes on; the joiner's stands before the end.
    const gil = await newcomer('gil', 0);
    for (const name of ['anna', 'ben']) clocks.set(name, SKEW_S_MAX / 2);
    for (const name of ['cleo', 'dan', 'eve']) await lab.host(name).stopDaemon();
    await refused(gil, gil.weft('join', link), /expired/);
    for (const name of ['anna', 'ben']) clocks.set(name, 0);
    // The same link, in time.
    await join(gil, link);
    await talks(gil, anna);
  });
});
