// Must be shown 5, the last part: who was removed reads nothing that the others say afterwards, with everything that it had: its state
// folder, the keys in its process's memory (copied while it was in, after its removal, and as it tried to return), and whatever was
// sent to it. native/session/examples/wiretap tries all of that on every frame, and all that the frames it opens give away; the same
// tool with what those had who stayed shows that it opens what can be opened. Not seen: keys that were gone from memory before the
// first copy, and ways other than datagrams (the members here use none, which is checked).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join as pathJoin } from 'node:path';
import { deriveKeys } from '../../app/mesh/identity/identity.ts';
import { hex, fromBase32 } from '../../app/wire/text.ts';
import { nodeCrypto } from '../../main/host/crypto.ts';
import { attack, buildWiretap, copyMemory, finish, record, type Attack, type Capture } from './support/capture.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { knowsAll, lanOf } from './support/lan.ts';
import { until, whyNot, type Running } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const GROUP = '239.66.66.66';
const PORT = '5066';
/** Fast, so that packets leave in every moment of the removal. */
const CASTS_PER_SECOND = 4000;
const OTHERS_TALK_MS = 2000;
const REMOVED_TRIES_MS = 6000;

const pause = (ms: number) => new Promise((settle) => setTimeout(settle, ms));
const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = pathJoin(folder, entry.name);
    return entry.isDirectory() ? files(path) : entry.isFile() ? [path] : [];
  });

/** What the copied state folder says of itself: the network, and the secret that handshakes are made with. */
function statics(copy: string): { network: string; secret: string } {
  const device = readFileSync(pathJoin(copy, 'device'));
  const { seed } = JSON.parse(device.subarray(device.indexOf('{')).toString()) as { seed: string };
  const network = fromBase32(readdirSync(pathJoin(copy, 'networks'))[0] as string);
  if (!network) throw new Error('the network folder is named otherwise than expected');
  const { noiseSecret } = deriveKeys(nodeCrypto, Buffer.from(seed, 'hex'), network, 0);
  return { network: hex(network), secret: hex(noiseSecret) };
}

describe.skipIf(reason)('with all that a removed member had', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  let eve: Host;
  let captures: Capture[];
  let hearing: Running;
  let removedMs: number;
  let inForceMs: number;
  const dump = (name: string) => pathJoin(lab.folder, `${name}.memory`);
  const copy = () => pathJoin(lab.folder, 'eve-copy');

  beforeAll(async () => {
    await buildWiretap();
    lab = await lanOf(['anna', 'ben', 'eve']);
    [anna, ben, eve] = [lab.host('anna'), lab.host('ben'), lab.host('eve')];
    captures = await Promise.all([anna, ben, eve].map((host) => record(lab, host)));
  }, 400_000);
  afterAll(() => lab?.close());

  const memoryOf = (host: Host, name: string) => copyMemory(host.daemon?.child.pid as number, dump(name));
  const receive = async (host: Host): Promise<Running> => {
    const { ipv4 } = await host.overlay();
    const running = host.program('receive', '--group', GROUP, '--interface', ipv4, '--port', PORT, '--live');
    await running.says(/ready/, 5000);
    return running;
  };
  const talk = async (host: Host, to: string, rate: number): Promise<Running> => {
    const { ipv4 } = await host.overlay();
    const pace = ['--count', '10000000', '--rate', String(rate), '--size', '80'];
    return host.program('send', '--to', to, '--interface', ipv4, '--port', PORT, ...pace);
  };
  const says = (running: Running, from: string) => running.says(new RegExp(`from ${from} \\d+`), 10_000);
  /** What an attacker with the removed one's things opens of what the others said. */
  const asRemoved = (options: Partial<Attack>) => {
    const { network, secret } = statics(copy());
    const things = {
      memory: ['eve', 'eve-after', 'eve-again'].map(dump),
      secrets: files(copy()),
      statics: [secret],
      network,
    };
    return attack({ captures, ...things, without: [eve.ipv4, eve.ipv6], ...options });
  };

  it('cannot connect or receive with its copied state', { timeout: 120_000 }, async () => {
    const [annas, bens] = [(await anna.overlay()).ipv4, (await ben.overlay()).ipv4];
    hearing = await receive(eve);
    const bensEar = await receive(ben);
    await Promise.all([talk(anna, GROUP, CASTS_PER_SECOND), talk(ben, GROUP, CASTS_PER_SECOND), talk(anna, bens, 50)]);
    await Promise.all([says(hearing, annas), says(hearing, bens), says(bensEar, annas)]);
    cpSync(eve.state, copy(), { recursive: true, filter: (path) => !path.endsWith('.sock') });
    memoryOf(eve, 'eve');
    await knowsAll(eve, 3);

    removedMs = Date.now();
    await anna.mustWeft('remove', 'eve');
    await until('the removal is in force', 3000, async () =>
      (await Promise.all([anna, ben].map(async (host) => (await host.network()).members.length))).every((n) => n === 2),
    );
    inForceMs = Date.now();
    await pause(OTHERS_TALK_MS);
    // New handshakes and new keys, all of it on the record.
    await ben.stopDaemon();
    await ben.startDaemon();
    await knowsAll(ben, 2);
    expect((await ben.network()).members.filter(({ self }) => !self).map(({ transport }) => transport)).toEqual([
      'udp',
    ]);
    await until('they talk again', 10_000, () => ben.ping(annas));
    memoryOf(ben, 'ben');
    memoryOf(anna, 'anna');
    // Nor does its process hold anything later: it ran on and heard what it could.
    memoryOf(eve, 'eve-after');

    await eve.stopDaemon('SIGKILL');
    await hearing.stop();
    eve.wipe();
    cpSync(copy(), eve.state, { recursive: true });
    await eve.startDaemon();
    const deaf = await receive(eve).catch(() => null);
    const { ipv4 } = await eve.overlay().catch(() => ({ ipv4: '' }));
    const end = Date.now() + REMOVED_TRIES_MS;
    while (Date.now() < end) {
      expect(await eve.ping(annas, '-W', '0.3')).toBe(false);
      expect(await eve.ping(bens, '-W', '0.3')).toBe(false);
      if (ipv4) expect(await anna.ping(ipv4, '-W', '0.3')).toBe(false);
      for (const network of (await eve.status()).networks)
        expect(network.members.filter(({ self, online }) => online && !self)).toEqual([]);
    }
    memoryOf(eve, 'eve-again');
    await deaf?.stop();
    expect(deaf?.stdout ?? '').not.toMatch(/from /);
    for (const host of [anna, ben]) expect((await host.network()).members.map(({ name }) => name)).not.toContain('eve');
    for (const capture of captures) expect(await finish(capture)).toBe(0);
  });

  it('opens what the others said while it was in: the attack works', { timeout: 60_000 }, async () => {
    const opened = await asRemoved({ beforeMs: removedMs });
    expect(opened.schedules).toBeGreaterThan(2);
    expect(opened.casts[0]).toBeGreaterThan(CASTS_PER_SECOND / 10);
    expect(opened.casts[1]).toBe(opened.casts[0]);
    expect(opened.data[1], 'sessions of others').toBe(0);
  });

  it('opens nothing that the others said afterwards', { timeout: 60_000 }, async () => {
    const opened = await asRemoved({ afterMs: inForceMs });
    for (const [kind, least] of Object.entries({
      casts: CASTS_PER_SECOND,
      data: 50,
      hops: CASTS_PER_SECOND,
      hellos: 1,
    })) {
      const [seen, read] = opened[kind as 'casts'];
      expect(seen, `${kind} seen`).toBeGreaterThanOrEqual(least);
      expect(read, `${kind} opened`).toBe(0);
    }
    const frames = opened.casts[0] + opened.data[0];
    figure('frames after a removal that open with all that the removed one had', `0 of ${frames}`, '0');
  });

  it('while those who stayed can: nothing of it is noise', { timeout: 60_000 }, async () => {
    const opened = await attack({
      captures,
      memory: [dump('anna'), dump('ben')],
      without: [eve.ipv4],
      afterMs: inForceMs,
    });
    for (const [seen, read] of [opened.casts, opened.data, opened.hops]) expect(read / seen).toBeGreaterThan(0.5);
  });
});
