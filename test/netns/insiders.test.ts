// What a member tries who has rights on its own host: to speak with another's address, and, once removed, to come back: by the link
// that it came in by, by what it said before, and by its key alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join as pathJoin } from 'node:path';
import { decodeMessage, type Message } from '../../app/wire/messages/message.ts';
import { finish, record, type Capture } from './support/capture.ts';
import { countUnderlay, underlayCounts } from './support/count.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { copyState, impersonate, type OwnAdapter } from './support/impostor.ts';
import { join, knowsAll, lanOf } from './support/lan.ts';
import { projectRoot, until, whyNot, type Running } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const PORT = '5055';
const SPOOFED = 50;
const INSIST_SECONDS = 6;
const program = (name: string) => pathJoin(projectRoot, 'test/netns/programs', name);
const names = async (host: Host) => (await host.network()).members.map(({ name }) => name).sort();

describe.skipIf(reason)('a member with rights on its own host', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  let eve: Host;
  /** Eve came in by this one, which has uses left. */
  let came: string;
  let capture: Capture;
  let eveCopy: string;

  beforeAll(async () => {
    lab = await lanOf(['anna', 'ben']);
    [anna, ben, eve] = [lab.host('anna'), lab.host('ben'), await lab.addHost('eve')];
    capture = await record(lab, eve);
    await eve.startDaemon();
    came = await anna.mustWeft('invite', '--uses', '5');
    await join(eve, came);
    await Promise.all([anna, ben, eve].map((host) => knowsAll(host, 3)));
  });
  afterAll(() => lab?.close());

  const dropped = async (host: Host, why: string) => {
    const { figures } = JSON.parse(await host.mustWeft('doctor', '--json')) as { figures: Record<string, number> };
    return figures[`drop.${why}`] ?? 0;
  };

  /** Calls anna from a host by a program of one's own with nothing but the keys of a copied state. */
  const callAnna = (from: Host, copy: string, seconds: number, adapter: OwnAdapter | null = null): Running =>
    impersonate(from, { copy, link: came, target: anna, seconds, adapter });

  it('is not heard with another member’s address: its own Weft drops it', async () => {
    const [annas, bens, eves] = await Promise.all([anna, ben, eve].map((host) => host.overlay()));
    for (const family of ['ipv4', 'ipv6'] as const) {
      const target = annas?.[family] ?? '';
      const receiver = anna.program('receive', '--bind', target, '--port', PORT, '--live');
      await receiver.says(/ready/, 5000);
      await until('there is a session', 5000, () => ben.ping(target));
      const before = await dropped(ben, 'foreignSource');
      const spoof = (source = '') =>
        ben.must(['/usr/bin/python3', program('spoof.py'), source, target, PORT, String(SPOOFED)]);
      await spoof(eves?.[family]);
      await until('all are counted', 5000, async () => (await dropped(ben, 'foreignSource')) >= before + SPOOFED);
      // The same program with the own address is heard: it is not the packets.
      await spoof(bens?.[family]);
      await receiver.says(new RegExp(`from \\S+ ${SPOOFED - 1} `), 5000);
      await receiver.stop();
      const heard = [...receiver.stdout.matchAll(/^from (\S+) /gm)].map((match) => match[1]);
      expect(new Set(heard)).toEqual(new Set([bens?.[family]]));
    }
  });

  it('and with a Weft that sends it all the same, the other end drops it', { timeout: 60_000 }, async () => {
    const { ipv4: annas } = await anna.overlay();
    const { ipv4: eves } = await eve.overlay();
    const receiver = anna.program('receive', '--bind', annas, '--port', PORT, '--live');
    await receiver.says(/ready/, 5000);
    const copy = await copyState(ben, lab.folder);
    // The one that the helper still holds would have the routes.
    await ben.must(['ip', 'link', 'set', 'weft0', 'down']);
    const before = await dropped(anna, 'badSource');
    const impostor = callAnna(ben, copy, 30, { name: 'weft9', ipv4: eves, to: annas });
    await impostor.says(/ready/, 5000);
    const pace = ['--count', String(SPOOFED), '--rate', '100'];
    await ben.program('send', '--to', annas, '--port', PORT, '--bind', eves, ...pace).done;
    await until('they are counted', 5000, async () => (await dropped(anna, 'badSource')) >= before + SPOOFED / 2);
    const counted = (await dropped(anna, 'badSource')) - before;
    await impostor.stop();
    await receiver.stop();
    expect(receiver.stdout).not.toMatch(/^from /m);
    figure(
      'packets with another member’s source',
      `0 of ${SPOOFED} heard, ${counted} counted at the other end`,
      '0 heard',
    );
    await ben.exec(['ip', 'link', 'set', 'weft0', 'up']);
    await ben.startDaemon();
    await knowsAll(ben, 3);
  });

  /** Calls anna with nothing but eve's key: sessions that came up, and what anna said by them. */
  async function insist(
    copy: string,
    seconds = INSIST_SECONDS,
  ): Promise<{ up: number; said: (Message | 'unknown' | 'bad')[] }> {
    const done = await callAnna(eve, copy, seconds).done;
    expect(done.code, done.stderr).toBe(0);
    const { up, heard } = JSON.parse(done.stdout) as { up: number; heard: string[] };
    return { up, said: heard.map((text) => decodeMessage(Uint8Array.from(Buffer.from(text, 'hex')))) };
  }

  it('is called back by its key alone while it is a member: the attack works', { timeout: 40_000 }, async () => {
    eveCopy = await copyState(eve, lab.folder);
    const { up, said } = await insist(eveCopy, 3);
    expect(up).toBeGreaterThan(0);
    expect(said.map((message) => (typeof message === 'string' ? message : message.type))).toContain('greet');
    await eve.startDaemon();
    await knowsAll(eve, 3);
  });

  it('removed, does not come back by the link that it came in by, nor does anybody', { timeout: 60_000 }, async () => {
    await anna.mustWeft('remove', 'eve');
    await until('ben knows', 3000, async () => (await names(ben)).join() === 'anna,ben');
    await eve.stopDaemon('SIGKILL');
    const gil = await lab.addHost('gil');
    eve.wipe();
    await Promise.all([eve.startDaemon(), gil.startDaemon()]);
    for (const host of [gil, eve]) {
      const joined = await host.weft('join', came);
      expect(joined.code, joined.stderr).toBe(3);
      expect(joined.stderr).toMatch(/no longer valid because its maker was removed/);
    }
    for (const host of [anna, ben]) expect(await names(host)).toEqual(['anna', 'ben']);
    await Promise.all([eve.stopDaemon(), gil.stopDaemon()]);
  });

  it('nor by all that it said before', { timeout: 40_000 }, async () => {
    await finish(capture);
    await countUnderlay(eve, 0);
    const sent = Number(await eve.must(['/usr/bin/python3', program('replay.py'), capture.file, eve.ipv4]));
    expect(sent).toBeGreaterThan(50);
    const { arrivedBytes, leftBytes } = await underlayCounts(eve);
    expect(leftBytes).toBeGreaterThan(0);
    expect(arrivedBytes).toBeLessThanOrEqual(leftBytes);
    for (const host of [anna, ben]) {
      expect(await names(host)).toEqual(['anna', 'ben']);
      expect((await host.network()).members.filter(({ online }) => online)).toHaveLength(2);
    }
    figure('a removed member’s datagrams sent again', `${sent}, no member more`, 'nothing changes');
  });

  it('nor by its key: it is told why, and hears nothing else', { timeout: 40_000 }, async () => {
    const { up, said } = await insist(eveCopy);
    expect(said.length).toBeGreaterThan(0);
    for (const message of said) expect(message).toEqual({ type: 'refused', code: 'removed' });
    for (const host of [anna, ben]) expect(await names(host)).toEqual(['anna', 'ben']);
    figure('a removed member calls by its key', `${up} calls, all that it hears: “removed”`, 'no session of a member');
  });
});
