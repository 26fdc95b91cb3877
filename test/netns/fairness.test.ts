// Must be shown 7 (trees): one member floods broadcast and a group; others lose nothing, pay little, and see who it is. Who may not
// publish dies at hop one, with its own Weft and without; channels do not mix.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join as pathJoin } from 'node:path';
import { cpuOf } from './support/cpu.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import { copyState, impersonate } from './support/impostor.ts';
import type { Lab } from './support/lab.ts';
import { lanOf } from './support/lan.ts';
import { projectRoot, until, whyNot, type Running } from './support/shell.ts';
import { writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const RATE = 200;
const FLOOD_SECONDS = 3;
/** Ethernet frames of full length, less what the overlay adds. */
const FLOOD_SIZE = 1_200;
const FLOOD_PORT = 5_900;
const CPU_SHARE_MAX = 0.1;
const LIMITED_MS_MAX = 1_000;
/** Of mallory's line, as its owner declared it: 25 Mbit/s. */
const UPLINK_KBPS = 3_125;
/** What anna lets any member bring to one group. */
const GROUP_KBPS = 500;
/** Who floods a port beneath Weft takes room from everybody behind it: that much of others' is there all the same. */
const HONEST_SHARE = 0.95;
/** Slack of arrivals and bursts over a ceiling, and packets of headers. */
const CEILING_FACTOR = 1.6;
const CHATTER_PER_SECOND = 625;
const [RADIO, STAGE, FLOODED] = ['239.30.0.1', '239.30.0.2', '239.30.0.9'] as const;

const rows: string[][] = [];
afterAll(() => {
  const note =
    'Five hosts; the flooder’s line is declared as 25 Mbit/s, which bounds what its own Weft lets it send. `WEFT_LAB=1 npx vitest run test/netns/fairness.test.ts`.';
  writeTable('7-fairness', { title: 'One member floods', note, head: ['what', 'seen', 'bound'], rows }, 'multicast');
});
function tell(what: string, seen: string, bound = ''): void {
  figure(what, seen, bound);
  rows.push([what, seen, bound]);
}

interface Heard {
  count: number;
  from: Record<string, { count: number; unique: number; bytes: number }>;
}

const dropped = async (host: Host, why: string) => {
  const { figures } = JSON.parse(await host.mustWeft('doctor', '--json')) as { figures: Record<string, number> };
  return figures[`drop.${why}`] ?? 0;
};

async function heard(receiver: Running): Promise<Heard> {
  const { stdout } = await receiver.stop();
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Heard;
}

describe.skipIf(reason)('one member floods', () => {
  let lab: Lab;
  let [anna, ben, cleo, dan, mallory]: Host[] = [];
  let link: string;
  const addresses = new Map<Host | undefined, string>();
  const of = (host: Host | undefined): string => addresses.get(host) ?? '';

  beforeAll(async () => {
    const names = ['anna', 'ben', 'cleo', 'dan', 'mallory'];
    lab = await lanOf(names);
    [anna, ben, cleo, dan, mallory] = names.map((name) => lab.host(name));
    for (const host of [anna, ben, cleo, dan, mallory]) addresses.set(host, (await host?.overlay())?.ipv4 ?? '');
    link = (await anna?.mustWeft('invite')) ?? '';
  }, 60_000);
  afterAll(() => lab?.close());

  async function listen(host: Host, group: string, port: number): Promise<Running> {
    const receiver = host.program('receive', '--group', group, '--interface', of(host), '--port', String(port));
    await receiver.says(/ready/, 5_000);
    return receiver;
  }
  const send = (host: Host, group: string, port: number, seconds: number): Running => {
    const pace = ['--count', String(RATE * seconds), '--rate', String(RATE), '--size', '400'];
    return host.program('send', '--to', group, '--interface', of(host), '--port', String(port), ...pace);
  };
  /** Until the sender knows that so many others joined. */
  const joined = (sender: Host, group: string, count: number) =>
    until(`${sender.name} knows ${count} receivers of ${group}`, 8_000, async () => {
      const { groups } = await sender.network();
      return (groups.find(({ address }) => address === group)?.members.length ?? 0) >= count;
    });
  const flood = (host: Host, source: string, ...groups: string[]): Running => {
    const program = pathJoin(projectRoot, 'test/netns/programs/flood-groups.py');
    const what = [source, String(FLOOD_SECONDS), String(FLOOD_SIZE), String(FLOOD_PORT)];
    return host.start(['/usr/bin/python3', program, ...what, ...groups]);
  };
  const firstMs = async (flooder: Running): Promise<number> => {
    await flooder.says(/first \d+/, 5_000);
    return Number(/first (\d+)/.exec(flooder.stdout)?.[1]);
  };
  /** When `host` says that `member` is limited, ms after the flood's first packet; both by this machine's clock. */
  const named = async (host: Host, member: string, since: number): Promise<number> => {
    let ms = 0;
    await until(`${host.name} names who floods`, 4_000, async () => {
      const { limited, problems } = await host.network();
      const mine = limited?.filter((one) => one.member === member) ?? [];
      ms = Math.min(...mine.map(({ sinceMs }) => sinceMs)) - since;
      return mine.length > 0 && problems.some(({ code }) => code === 'member-limited');
    });
    return ms;
  };
  const lostNothing = async (receiver: Running, from: Host, seconds: number, what: string): Promise<void> => {
    const report = await heard(receiver);
    const got = report.from[of(from)];
    tell(`${what} meanwhile`, `${got?.unique ?? 0} of ${RATE * seconds}`, 'all, once');
    expect(got, what).toMatchObject({ count: RATE * seconds, unique: RATE * seconds });
  };

  it('by its programs: held back at once, named by all; other channels lose nothing, other hosts pay little', async () => {
    const [a, b, c, d, m] = [anna, ben, cleo, dan, mallory] as [Host, Host, Host, Host, Host];
    await m.mustWeft('settings', `uplinkKBps=${UPLINK_KBPS}`);
    const radio = [await listen(b, RADIO, 5_901), await listen(c, RADIO, 5_901), await listen(d, RADIO, 5_901)];
    const stage = [await listen(a, STAGE, 5_902), await listen(c, STAGE, 5_902), await listen(d, STAGE, 5_902)];
    const flooded = await listen(c, FLOODED, FLOOD_PORT);
    const broadcast = d.program('receive', '--bind', '255.255.255.255', '--port', String(FLOOD_PORT));
    await broadcast.says(/ready/, 5_000);
    await Promise.all([joined(a, RADIO, 3), joined(b, STAGE, 3), joined(m, FLOODED, 1)]);
    const seconds = FLOOD_SECONDS + 4;
    const senders = [send(a, RADIO, 5_901, seconds), send(b, STAGE, 5_902, seconds)];
    const flooder = flood(m, of(m), FLOODED, '255.255.255.255');
    const first = await firstMs(flooder);
    const began = [a, b, c, d].map((host) => ({ host, cpu: cpuOf(host), at: performance.now() }));
    const { selfId } = await m.network();
    const told = await Promise.all(
      [m, a, b, c, d].map(async (host) => ({ host, ms: await named(host, selfId, first) })),
    );
    const { stdout } = await flooder.done;
    const shares = began.map(({ host, cpu, at }) => ({
      host,
      share: (cpuOf(host) - cpu) / ((performance.now() - at) / 1_000),
    }));
    const { sent } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { sent: number };
    tell('flood of broadcast and a group', `${Math.round(sent / FLOOD_SECONDS)} packets/s of ${FLOOD_SIZE} B`);
    for (const { host, ms } of told) {
      tell(`who floods is named by ${host === m ? 'its own host' : host.name} after`, `${ms} ms`, '≤ 1 s');
      expect(ms, host.name).toBeLessThanOrEqual(LIMITED_MS_MAX);
    }
    for (const { host, share } of shares) {
      tell(`processor of ${host.name} meanwhile`, `${(share * 100).toFixed(1)} %`, '≤ 10 %');
      expect(share, host.name).toBeLessThanOrEqual(CPU_SHARE_MAX);
    }
    await Promise.all(senders.map(({ done }) => done));
    await new Promise((settle) => setTimeout(settle, 300));
    for (const [at, receiver] of radio.entries())
      await lostNothing(receiver, a, seconds, `packets of anna’s channel at receiver ${at + 1}`);
    for (const [at, receiver] of stage.entries())
      await lostNothing(receiver, b, seconds, `packets of ben’s channel at receiver ${at + 1}`);
    const { bytes = 0, count = 0 } = (await heard(flooded)).from[of(m)] ?? {};
    const perSecond = bytes / 1_000 / FLOOD_SECONDS;
    tell('of the flood its receiver gets', `${Math.round(perSecond)} kB/s`, `${UPLINK_KBPS} kB/s declared`);
    expect(count).toBeGreaterThan(0);
    expect(perSecond).toBeLessThan(UPLINK_KBPS * CEILING_FACTOR);

    // The groups by which hosts find each other have a share of their own, however much goes elsewhere.
    const { count: broadcasts = 0 } = (await heard(broadcast)).from[of(m)] ?? {};
    tell(
      'of its broadcasts each host gets',
      `${Math.round(broadcasts / FLOOD_SECONDS)}/s`,
      '500/s, and a burst of 500',
    );
    expect(broadcasts).toBeGreaterThan(0);
    expect(broadcasts).toBeLessThan(CHATTER_PER_SECOND * FLOOD_SECONDS);
    expect(await dropped(m, 'rateLimited')).toBeGreaterThan(sent / 2);
    await until('it is over', 10_000, async () =>
      (await Promise.all([m, a, c].map((host) => host.network()))).every(({ limited }) => limited === undefined),
    );
  }, 60_000);

  it('two channels with one address are refused, and one has one', async () => {
    const [a, b] = [anna, ben] as [Host, Host];
    await a.mustWeft('channel', 'create', 'radio', '--address', '239.31.0.1', '--port', '6001');
    await until('ben knows', 5_000, async () => (await b.mustWeft('channel', 'list')).includes('radio'));
    for (const port of ['6001', '6002']) {
      const refused = await b.weft('channel', 'create', 'copy', '--address', '239.31.0.1', '--port', port);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/“radio” has the group/);
    }
  });

  it('by a Weft that holds nothing back, and to a channel that is not its own: dies at hop one, counted', async () => {
    const [a, b, m] = [anna, ben, mallory] as [Host, Host, Host];
    await a.mustWeft('settings', `groupKBps=${GROUP_KBPS}`);
    const made = await b.mustWeft(
      'channel',
      'create',
      'stage',
      '--address',
      STAGE,
      '--port',
      '5902',
      '--publishers',
      'ben',
    );
    expect(made).toContain(STAGE);
    await until('anna knows', 5_000, async () => (await a.mustWeft('channel', 'list')).includes('stage'));
    const { selfId } = await m.network();
    const stage = await listen(a, STAGE, 5_902);
    const flooded = await listen(a, FLOODED, FLOOD_PORT);
    await joined(b, STAGE, 1);
    const copy = await copyState(m, lab.folder);
    await m.must(['ip', 'link', 'set', 'weft0', 'down']);
    const adapter = { name: 'weft9', ipv4: of(m), to: of(a), groups: [STAGE, FLOODED] };
    const impostor = impersonate(m, { copy, link, target: a, seconds: 30, adapter });
    await impostor.says(/ready/, 8_000);
    const before = await dropped(a, 'noRight');
    const seconds = FLOOD_SECONDS + 2;
    const honest = send(b, STAGE, 5_902, seconds);
    const unentitled = send(m, STAGE, 5_902, 2);
    const flooder = flood(m, of(m), FLOODED);
    const ms = await named(a, selfId, await firstMs(flooder));
    tell('a Weft that holds nothing back is named by who gets it after', `${ms} ms`, '≤ 1 s');
    expect(ms).toBeLessThanOrEqual(LIMITED_MS_MAX);
    await Promise.all([honest, unentitled, flooder].map(({ done }) => done));
    const counted = (await dropped(a, 'noRight')) - before;
    tell('packets of who may not publish', `0 of ${RATE * 2} heard, ${counted} counted at hop one`, '0 heard, counted');
    expect(counted).toBeGreaterThan(0);
    const { bytes = 0 } = (await heard(flooded)).from[of(m)] ?? {};
    const perSecond = bytes / 1_000 / FLOOD_SECONDS;
    tell('of its flood the receiver lets pass', `${Math.round(perSecond)} kB/s`, `${GROUP_KBPS} kB/s set`);
    expect(bytes).toBeGreaterThan(0);
    expect(perSecond).toBeLessThan(GROUP_KBPS * CEILING_FACTOR);
    const report = await heard(stage);
    expect(Object.keys(report.from)).toEqual([of(b)]);
    const { count = 0, unique = 0 } = report.from[of(b)] ?? {};
    tell(
      'packets of the channel’s publisher meanwhile',
      `${unique} of ${RATE * seconds}`,
      `≥ ${HONEST_SHARE * 100} %, once`,
    );
    expect(unique).toBe(count);
    expect(unique).toBeGreaterThanOrEqual(RATE * seconds * HONEST_SHARE);
    await impostor.stop();
  }, 60_000);
});
