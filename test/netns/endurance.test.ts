// Must be shown 6: restart, kill -9 under load, toggle, address change, sleep. A receiver that joined once stays joined.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { knowsAll, lanOf } from './support/lan.ts';
import { until, whyNot, type Running } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const GROUP = '239.7.8.9';
const PORT = '5011';
/** Promised bounds. */
const ROAM_GAP_MS_MAX = 2000;
/** Both ends at once: somebody else has to say where they went. */
const BOTH_GAP_MS_MAX = 5000;
const WAKE_MS_MAX = 5000;
const SLEEP_MS = process.env.WEFT_LAB ? 120_000 : 20_000;

describe.skipIf(reason)('what survives', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  let cleo: Host;
  let receiver: Running;
  let mark = 0;

  beforeAll(async () => {
    lab = await lanOf(['anna', 'ben', 'cleo']);
    [anna, ben, cleo] = [lab.host('anna'), lab.host('ben'), lab.host('cleo')];
    receiver = ben.program(
      'receive',
      '--group',
      GROUP,
      '--interface',
      (await ben.overlay()).ipv4,
      '--port',
      PORT,
      '--live',
    );
    await receiver.says(/ready/, 5000);
  });
  afterAll(() => lab?.close());

  /** The receiver that joined at the beginning hears a fresh, unmistakable number. */
  async function stillHears(what: string): Promise<void> {
    mark += 1000;
    const first = mark;
    await until(
      `the receiver hears after ${what}`,
      15_000,
      async () => {
        const { ipv4 } = await anna.overlay();
        await anna.program(
          'send',
          '--to',
          GROUP,
          '--interface',
          ipv4,
          '--port',
          PORT,
          '--count',
          '3',
          '--first',
          String(first),
        ).done;
        return new RegExp(`from \\S+ ${first} `).test(receiver.stdout);
      },
      200,
    );
    expect(receiver.ended).toBe(null);
  }

  const ping = async () => {
    const { ipv4 } = await ben.overlay();
    await until('ping', 15_000, () => anna.ping(ipv4));
  };

  it('works at first', () => stillHears('the join'));

  it('survives a restart of the receiver’s engine', async () => {
    await ben.stopDaemon('SIGTERM');
    await ben.startDaemon();
    await knowsAll(ben, 3);
    await ping();
    await stillHears('a restart');
  });

  it('survives kill -9 under load', async () => {
    const { ipv4 } = await ben.overlay();
    const server = ben.start(['iperf3', '-s', '-B', ipv4, '--forceflush']);
    await server.says(/Server listening/, 5000);
    const load = anna.start(['iperf3', '-c', ipv4, '-t', '20']);
    await new Promise((settle) => setTimeout(settle, 1500));
    await ben.stopDaemon('SIGKILL');
    await ben.startDaemon();
    await knowsAll(ben, 3);
    await ping();
    await stillHears('kill -9');
    await load.stop('SIGKILL');
    await server.stop('SIGKILL');
    expect((await ben.network()).members.map(({ name }) => name).sort()).toEqual(['anna', 'ben', 'cleo']);
  });

  it('survives off and on', async () => {
    const { ipv4 } = await ben.overlay();
    await ben.mustWeft('down');
    await until('off means off', 3000, async () => !(await anna.ping(ipv4, '-W', '0.3')));
    await ben.mustWeft('up');
    await ping();
    await stillHears('off and on');
  });

  /** The longest pause of a ping from anna to ben while something happens, and what follows it. */
  async function gapWhile(happens: () => Promise<unknown>): Promise<{ gap: number; answers: number }> {
    const { ipv4 } = await ben.overlay();
    await ping();
    const pinger = anna.start(['ping', '-n', '-D', '-i', '0.05', '-W', '1', ipv4]);
    await pinger.says(/icmp_seq=20/, 5000);
    await happens();
    // The bound of the worst case, and time to see that it goes on.
    await new Promise((settle) => setTimeout(settle, 6000));
    await pinger.stop('SIGINT');
    const times = [...pinger.stdout.matchAll(/^\[(\d+\.\d+)\].*icmp_seq=/gm)].map((match) => Number(match[1]) * 1000);
    const gap = Math.max(...times.slice(1).map((time, index) => time - (times[index] as number)));
    return { gap, answers: times.length };
  }

  /** The old address goes, as in another network: no IPv6 helps. */
  async function moves(host: Host, from: string, to: string): Promise<void> {
    await host.must(['ip', 'addr', 'add', `${to}/24`, 'dev', 'eth0']);
    await host.must(['ip', 'addr', 'del', `${from}/24`, 'dev', 'eth0']);
    await host.must(['ip', '-6', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global']);
    await host.must(['ip', 'addr', 'add', `${to}/24`, 'dev', 'eth0']).catch(() => '');
  }

  it('goes on within 2 s when a host’s address changes in mid-ping', async () => {
    const { gap, answers } = await gapWhile(() => moves(anna, anna.ipv4, `${lab.subnet}.77`));
    figure('address change in mid-ping, longest gap', `${gap.toFixed(0)} ms of ${answers} answers`, '≤ 2 s');
    expect(answers).toBeGreaterThan(60);
    expect(gap).toBeLessThan(ROAM_GAP_MS_MAX);
    await stillHears('an address change');
  });

  it('goes on when the addresses of both ends change at once', { timeout: 60_000 }, async () => {
    await knowsAll(cleo, 3);
    const { gap, answers } = await gapWhile(() =>
      Promise.all([moves(anna, `${lab.subnet}.77`, `${lab.subnet}.88`), moves(ben, ben.ipv4, `${lab.subnet}.99`)]),
    );
    figure('address change of both ends, longest gap', `${gap.toFixed(0)} ms of ${answers} answers`, '≤ 5 s');
    expect(answers).toBeGreaterThan(40);
    expect(gap).toBeLessThan(BOTH_GAP_MS_MAX);
    await stillHears('two address changes');
  });

  it(`wakes within 5 s after ${SLEEP_MS / 1000} s of sleep`, { timeout: SLEEP_MS + 60_000 }, async () => {
    const { ipv4 } = await ben.overlay();
    const daemon = ben.daemon as Running;
    daemon.child.kill('SIGSTOP');
    await new Promise((settle) => setTimeout(settle, SLEEP_MS));
    daemon.child.kill('SIGCONT');
    const woke = Date.now();
    await until('ping after waking', WAKE_MS_MAX, () => anna.ping(ipv4, '-W', '0.2'), 10);
    figure(`ping after ${SLEEP_MS / 1000} s of sleep`, `${Date.now() - woke} ms`, '≤ 5 s');
    expect(Date.now() - woke).toBeLessThan(WAKE_MS_MAX);
    await stillHears('sleep');
  });
});
