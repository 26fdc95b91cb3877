// The helper on real hosts: what it keeps when an engine dies, for how long, and names in a file that is a mount of its own.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join as pathJoin } from 'node:path';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { figure } from './support/figures.ts';
import { knowsAll, lanOf } from './support/lan.ts';
import { run, until, whyNot, type Running } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const GRACE_S = 4;
/** Of a helper that looks four times a second, on a busy machine. */
const GRACE_LATE_MS_MAX = 2500;
const GROUP = '239.8.8.8';
const PORT = '5088';
const LATIN = Buffer.from('127.0.0.1 localhost\n10.9.9.9 caf\xe9 # mine\r\n', 'latin1');

const hostsOf = (host: Host) => `/etc/netns/${host.namespace}/hosts`;

describe.skipIf(reason)('the helper on real hosts', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  beforeEach(async () => {
    lab = await lanOf(['anna', 'ben'], 'home', { WEFT_HELPER_GRACE: String(GRACE_S) });
    [anna, ben] = [lab.host('anna'), lab.host('ben')];
  }, 60_000);
  afterEach(() => lab?.close());

  /** Processes of the helper inside the host. */
  async function helpers(host: Host): Promise<number[]> {
    const { stdout } = await run('ip', ['netns', 'pids', host.namespace]);
    const name = (pid: string) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      } catch {
        return '';
      }
    };
    return stdout
      .split('\n')
      .filter((pid) => pid && name(pid) === 'weft-helper')
      .map(Number);
  }

  const adapterIsThere = async (host: Host) => (await host.exec(['ip', 'link', 'show', 'weft0'])).code === 0;
  /** Stops engine and helper: the next ones see other mounts. */
  async function withoutHelper(host: Host): Promise<void> {
    await host.stopDaemon();
    for (const pid of await helpers(host)) process.kill(pid, 'SIGKILL');
    await until('the adapter is gone', 5000, async () => !(await adapterIsThere(host)));
  }

  const memberships = (host: Host) => host.must(['ip', 'maddr', 'show', 'dev', 'weft0']);

  async function receiver(): Promise<Running> {
    const { ipv4 } = await ben.overlay();
    const running = ben.program('receive', '--group', GROUP, '--interface', ipv4, '--port', PORT, '--live');
    await running.says(/ready/, 5000);
    return running;
  }

  async function hears(running: Running, mark: number): Promise<void> {
    const { ipv4 } = await anna.overlay();
    const pace = ['--port', PORT, '--count', '3', '--first', String(mark)];
    await until(`${mark} arrives`, 15_000, async () => {
      await anna.program('send', '--to', GROUP, '--interface', ipv4, ...pace).done;
      return new RegExp(`from \\S+ ${mark} `).test(running.stdout);
    });
  }

  it('keeps adapter, addresses and memberships through kill -9, for the next engine', { timeout: 60_000 }, async () => {
    const running = await receiver();
    await hears(running, 1000);
    const before = await ben.must(['ip', '-o', 'addr', 'show', 'dev', 'weft0']);
    const [helper] = await helpers(ben);
    await ben.stopDaemon('SIGKILL');
    // Most of the grace time without any engine.
    await new Promise((settle) => setTimeout(settle, (GRACE_S - 2) * 1000));
    expect(await ben.must(['ip', '-o', 'addr', 'show', 'dev', 'weft0'])).toBe(before);
    expect(await memberships(ben)).toContain(GROUP);
    await ben.startDaemon({ env: { WEFT_HELPER_GRACE: String(GRACE_S) } });
    expect(await helpers(ben)).toEqual([helper]);
    await knowsAll(ben, 2);
    await hears(running, 2000);
    // Held again: the time that ran is forgotten.
    await new Promise((settle) => setTimeout(settle, (GRACE_S + 1) * 1000));
    expect(await ben.must(['ip', '-o', 'addr', 'show', 'dev', 'weft0'])).toBe(before);
    await hears(running, 3000);
  });

  it('removes adapter and names at the end of the grace time, and ends', { timeout: 60_000 }, async () => {
    await until('names are written', 10_000, () => ben.hostsFile().includes('anna.home.weft'));
    await ben.stopDaemon('SIGKILL');
    const killed = Date.now();
    await until('the adapter is gone', (GRACE_S + 10) * 1000, async () => !(await adapterIsThere(ben)));
    const after = Date.now() - killed;
    figure(`adapter removed after kill -9, grace time ${GRACE_S} s`, `${after} ms`, 'the grace time');
    expect(after).toBeGreaterThan(GRACE_S * 1000 - 300);
    expect(after).toBeLessThan(GRACE_S * 1000 + GRACE_LATE_MS_MAX);
    await until('the names are gone', 2000, () => ben.hostsFile() === '127.0.0.1 localhost\n::1 localhost\n');
    await until('the helper ended', 15_000, async () => (await helpers(ben)).length === 0);
    // A new engine finds a clean machine.
    await ben.startDaemon();
    await knowsAll(ben, 2);
    const { ipv4 } = await anna.overlay();
    await until('ping', 10_000, () => ben.ping(ipv4));
  });

  it('gives engine and adapter a new helper when the helper itself is killed', { timeout: 60_000 }, async () => {
    const [helper] = await helpers(ben);
    process.kill(helper as number, 'SIGKILL');
    await until('the problem shows', 10_000, async () =>
      (await ben.status()).problems.some(({ code }) => code === 'helper-missing'),
    );
    expect((await ben.network()).members).toHaveLength(2);
    await ben.stopDaemon();
    await ben.startDaemon();
    const { ipv4 } = await anna.overlay();
    await until('ping', 15_000, () => ben.ping(ipv4));
  });

  it('keeps every byte of a hosts file that cannot be renamed over', { timeout: 60_000 }, async () => {
    await withoutHelper(ben);
    writeFileSync(hostsOf(ben), LATIN);
    const { ino } = statSync(hostsOf(ben));
    await ben.startDaemon({ env: { WEFT_HELPER_GRACE: String(GRACE_S) } });
    const { ipv4 } = await anna.overlay();
    const written = await until('names are written', 10_000, () => {
      const now = readFileSync(hostsOf(ben));
      return now.includes('anna.home.weft') && now;
    });
    expect(written.subarray(0, LATIN.length).equals(LATIN)).toBe(true);
    expect(statSync(hostsOf(ben)).ino).toBe(ino);
    expect((await ben.exec(['getent', 'hosts', 'anna.home.weft'])).stdout).toMatch(new RegExp(`${ipv4}|fd`));
    await ben.mustWeft('leave');
    await until('the file is as it was', 10_000, () => readFileSync(hostsOf(ben)).equals(LATIN));
    expect(readdirSync('/etc').filter((name) => name.startsWith('hosts.weft-'))).toEqual([]);
  });

  it('leaves the hosts file as it was when the disk is full, and says so', { timeout: 60_000 }, async () => {
    await withoutHelper(ben);
    const small = pathJoin(lab.folder, 'small');
    mkdirSync(small);
    const page = 4096;
    expect((await run('mount', ['-t', 'tmpfs', '-o', `size=${page}`, 'tmpfs', small])).code).toBe(0);
    const file = pathJoin(small, 'hosts');
    const full = `127.0.0.1 localhost\n# ${'x'.repeat(page - 64)}\n`;
    writeFileSync(file, full);
    expect((await run('mount', ['--bind', file, hostsOf(ben)])).code).toBe(0);
    try {
      await ben.startDaemon({ env: { WEFT_HELPER_GRACE: String(GRACE_S) } });
      await until('the problem shows', 10_000, async () =>
        (await ben.status()).problems.some(({ code }) => code === 'dns-unavailable'),
      );
      expect(readFileSync(file, 'utf8')).toBe(full);
      const { ipv4 } = await anna.overlay();
      await until('all else works', 10_000, () => ben.ping(ipv4));
    } finally {
      await ben.stopDaemon();
      await run('umount', ['-l', hostsOf(ben)]);
      await run('umount', ['-l', small]);
    }
  });
});
