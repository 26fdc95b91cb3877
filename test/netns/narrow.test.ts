// A member floods a group, and one that passes on for it has an uplink whose speed nobody declared: what else goes over that uplink arrives.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join as pathJoin } from 'node:path';
import { cpuOf } from './support/cpu.ts';
import { joined, standing } from './support/crew.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { lanOf } from './support/lan.ts';
import { projectRoot, until, whyNot, type Running } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

/** Of rita, who passes on: a home’s line and its queue, told to nobody. */
const [UPLINK_KBIT, QUEUE_MS, QUEUE_FRAMES] = [20_000, 300, 500];
/** What mallory’s own Weft lets pass of her flood: a line of 100 Mbit/s, full. */
const FLOOD_KBPS = 12_500;
const FLOOD_SECONDS = Number(process.env.FLOOD_SECONDS ?? 8);
const FLOOD_SIZE = 1_200;
/** After 64 packets: more than her Weft lets pass, and this machine’s processors are left to others. */
const PAUSE_S = 0.004;
const RATE = 100;
const [RADIO, FLOODED] = ['239.30.1.1', '239.30.1.9'] as const;
const [RADIO_PORT, FLOOD_PORT, CALL_PORT] = [5_911, 5_919, 5_931];

interface Heard {
  gaps: number[];
  from: Record<string, { count: number; unique: number; bytes: number }>;
}

describe.skipIf(reason)('one member floods over an uplink that nobody declared', () => {
  let lab: Lab;
  let [mallory, anna, rita]: Host[] = [];
  let leaves: Host[] = [];
  const addresses = new Map<Host, string>();
  const of = (host: Host): string => addresses.get(host) ?? '';

  beforeAll(async () => {
    const names = ['mallory', 'anna', 'rita', 'ben', 'cleo', 'dan', 'eve', 'fred'];
    lab = await lanOf(names);
    [mallory, anna, rita, ...leaves] = names.map((name) => lab.host(name));
    for (const name of names) {
      const host = lab.host(name);
      addresses.set(host, (await host.overlay())?.ipv4 ?? '');
      // Only rita passes on.
      if (host !== rita) await host.mustWeft('settings', 'relay=off');
    }
    await mallory?.mustWeft('settings', `groupKBps=${FLOOD_KBPS}`);
    // A queue of frames, as routers have them: in one of bytes small ones find room for longer.
    const bucket = ['rate', `${UPLINK_KBIT}kbit`, 'burst', '32000', 'latency', `${QUEUE_MS}ms`];
    await rita?.must(['tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'handle', '1:', 'tbf', ...bucket]);
    await rita?.must(['tc', 'qdisc', 'add', 'dev', 'eth0', 'parent', '1:1', 'pfifo', 'limit', String(QUEUE_FRAMES)]);
  }, 120_000);
  afterAll(() => lab?.close());

  async function listen(host: Host, port: number, ...group: string[]): Promise<Running> {
    const receiver = host.program('receive', '--port', String(port), ...group);
    await receiver.says(/ready/, 5_000);
    return receiver;
  }
  const inGroup = (host: Host, group: string, port: number) =>
    listen(host, port, '--group', group, '--interface', of(host));
  const send = (host: Host, to: string, port: number, seconds: number): Running => {
    const pace = ['--count', String(RATE * seconds), '--rate', String(RATE), '--size', '400'];
    return host.program('send', '--to', to, '--interface', of(host), '--port', String(port), ...pace);
  };
  const heard = async (receiver: Running): Promise<Heard> =>
    JSON.parse((await receiver.stop()).stdout.trim().split('\n').at(-1) ?? '{}') as Heard;

  it('the channel of another and a call lose little, and only until it is seen', { timeout: 120_000 }, async () => {
    const [m, a, r] = [mallory, anna, rita] as [Host, Host, Host];
    const [b] = leaves as [Host];
    const radios = await Promise.all([r, ...leaves].map((host) => inGroup(host, RADIO, RADIO_PORT)));
    const floods = await Promise.all([r, ...leaves].map((host) => inGroup(host, FLOODED, FLOOD_PORT)));
    const calls = await listen(b, CALL_PORT);
    await joined(a, RADIO, radios.length);
    await joined(m, FLOODED, floods.length);
    // Trees stand before anything is counted.
    await send(a, RADIO, RADIO_PORT + 1, 3).done;
    await standing(a, RADIO, radios.length);
    await send(m, FLOODED, FLOOD_PORT + 1, 3).done;
    await standing(m, FLOODED, floods.length);
    const trees = await Promise.all([a, m].map(async (host) => (await host.network()).trees));
    console.log(JSON.stringify(trees));
    console.log(JSON.stringify((await r.network()).trees));

    const seconds = FLOOD_SECONDS + 4;
    const radio = send(a, RADIO, RADIO_PORT, seconds);
    const call = send(r, of(b), CALL_PORT, seconds);
    const began = performance.now();
    await new Promise((settle) => setTimeout(settle, 1_000));
    const cpu = [r, ...leaves].map((host) => cpuOf(host));
    const program = pathJoin(projectRoot, 'test/netns/programs/flood-groups.py');
    const what = ['--pause', String(PAUSE_S), of(m), String(FLOOD_SECONDS), String(FLOOD_SIZE), String(FLOOD_PORT), FLOODED];
    const flooder = m.start(['/usr/bin/python3', program, ...what]);
    const { stdout } = await flooder.done;
    const shares = [r, ...leaves].map((host, i) => (cpuOf(host) - (cpu[i] ?? 0)) / FLOOD_SECONDS);
    console.log('cpu', shares.map((s) => (s * 100).toFixed(1)).join(' '), stdout);
    await Promise.all([radio.done, call.done]);
    console.log('ms', performance.now() - began);
    await new Promise((settle) => setTimeout(settle, 500));
    for (const [i, receiver] of radios.entries()) {
      const report = await heard(receiver);
      console.log('radio', i, JSON.stringify(report.from[of(a)]), report.gaps.join());
    }
    for (const [i, receiver] of floods.entries()) {
      const report = await heard(receiver);
      console.log('flood', i, JSON.stringify(report.from[of(m)]), report.gaps.join());
    }
    const report = await heard(calls);
    console.log('call', JSON.stringify(report.from[of(r)]), report.gaps.join());
    console.log(await r.must(['tc', '-s', 'qdisc', 'show', 'dev', 'eth0']));
    const { figures } = JSON.parse(await r.mustWeft('doctor', '--json')) as { figures: Record<string, number> };
    console.log(JSON.stringify(figures));
  });
});
void [expect, figure, until];
