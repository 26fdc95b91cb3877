// Must be shown 3 and 4 of multicast: trees of real hosts. `npm test` runs a cut, `npm run lab` all, with the tables of docs/multicast.md.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { countUnderlay, underlayCounts } from './support/count.ts';
import { crewOf, inTurns, joined, online, standing } from './support/crew.ts';
import { Crowd, type CrowdReport } from './support/crowd.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { lose } from './support/loss.ts';
import { whyNot } from './support/shell.ts';
import { inLab, labIt, writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const GROUP = '239.6.6.6';
/** SSDP: a tree is planned only where it goes on. */
const CHATTER = '239.255.255.250';
/** More than are served directly as a rule. */
const CHATTING = 7;
/** Sessions that are not there yet are made first. */
const FOUND_MS_MAX = 1_000;
const SIZES = inLab ? [24, 64] : [10];
const SIZE = inLab ? 24 : 10;
/** Members that do not subscribe. */
const OUTSIDERS = 2;
/** Senders whose trees are planned at the same time: two processors run all hosts. */
const BEGIN_AT_ONCE = 16;
const BEGIN_TURNS_MAX = 8;
const BEGIN_MS = 40_000;
const STRAGGLERS_MS = 20_000;
const SETUP_MS = 600_000;
const SHARE_MIN = 0.999;
const KILLS = inLab ? 20 : 3;
const GAP_MS_MAX = 300;
/** Of the one that was killed before and is back, too. */
const LONGEST_GAP_MS_MAX = 1_000;
const KILL_RATE = 100;
/** Of a packet by its sender, whatever the number of members; where a tree changes, an old and a new child may both get one. */
const COPIES_MAX = 4;
const CHANGE_SHARE = 0.01;
/** By a sender whose uplink carries the stream but once. */
const ALONE_COPIES_MAX = 1.05;
const MOVES_PER_S = 20;
const MOVING_S = inLab ? 15 : 6;
const RESIDUAL_MAX = 0.001;
const DEPTH_MAX = 4;
const pause = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));
const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;

let lab: Lab | undefined;
let crowd: Crowd | undefined;
const rows = new Map<'hosts' | 'loss', string[][]>([
  ['hosts', []],
  ['loss', []],
]);

afterEach(async () => {
  await crowd?.close();
  await lab?.close();
  lab = crowd = undefined;
}, SETUP_MS);
afterAll(() => {
  const note =
    'Hosts are network namespaces with a daemon each on one switch; all share this machine’s processors. `WEFT_LAB=1 npx vitest run test/netns/trees.test.ts`.';
  const hosts = rows.get('hosts') ?? [];
  const loss = rows.get('loss') ?? [];
  if (hosts.length > 0)
    writeTable('3-hosts', { title: 'Real hosts', note, head: ['what', 'seen', 'bound'], rows: hosts }, 'multicast');
  const head = [
    'lost on each link',
    'repair',
    'missing at receivers',
    'missing or later than 200 ms',
    'delay p50',
    'p95',
    'p99',
    'longest',
  ];
  if (loss.length > 0) writeTable('4-loss', { title: 'Loss and repair', note, head, keys: 2, rows: loss }, 'multicast');
});

function tell(what: string, seen: string, bound = ''): void {
  figure(what, seen, bound);
  rows.get('hosts')?.push([what, seen, bound]);
}

async function crew(...options: Parameters<typeof crewOf>): Promise<{ hosts: Host[]; crowd: Crowd }> {
  const made = await crewOf(...options);
  lab = made.lab;
  crowd = Crowd.start();
  return { hosts: made.hosts, crowd };
}

interface Sum {
  /** Of what each receiver should have got. */
  share: number;
  worst: number;
  missing: number;
  doubles: number;
  /** Came, but later than 200 ms. */
  late: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
  gap: number;
}

/** What these receivers got of `count` packets from each of these senders (but themselves). */
function sum(all: Map<string, CrowdReport>, receivers: readonly Host[], senders: readonly Host[], count: number): Sum {
  const shares: number[] = [];
  let [doubles, missing, late] = [0, 0, 0];
  const reports = receivers.map((host) => all.get(host.name) as CrowdReport);
  for (const [index, receiver] of receivers.entries()) {
    doubles += reports[index]?.doubles ?? 0;
    late += reports[index]?.late ?? 0;
    for (const sender of senders) {
      if (sender === receiver) continue;
      const got = reports[index]?.from[sender.name] ?? 0;
      missing += count - got;
      shares.push(got / count);
    }
  }
  const most = (of: (report: CrowdReport) => number | null): number => Math.max(...reports.map((one) => of(one) ?? 0));
  return {
    ...{ share: shares.reduce((a, b) => a + b, 0) / shares.length, worst: Math.min(...shares), missing, doubles, late },
    ...{ p50: most(({ p50 }) => p50), p95: most(({ p95 }) => p95), p99: most(({ p99 }) => p99) },
    ...{ max: most(({ max }) => max), gap: most(({ gap }) => gap) },
  };
}

const shown = ({ share, doubles, missing, p50, p95 }: Sum): string =>
  `${percent(share)} (${missing} missing), ${doubles} doubled, delay at the worst receiver p50 ${p50} ms, p95 ${p95} ms`;

/** The sender's tree stands and carries: packets until then are not counted. */
async function warm(crowd: Crowd, sender: Host, receivers: number, rate = 50, seconds = 2, size = 900) {
  await joined(sender, GROUP, receivers);
  await crowd.send([sender], { group: GROUP, rate, count: rate * seconds, size });
  const trees = await standing(sender, GROUP, receivers);
  await pause(500);
  await crowd.reset();
  return trees;
}

const uplink = async (host: Host, kilobits: number): Promise<void> => {
  const [burst, limit] = [Math.max(3_200, kilobits * 2), Math.max(16_000, kilobits * 15)];
  await host.must(`tc qdisc replace dev eth0 root tbf rate ${kilobits}kbit burst ${burst} limit ${limit}`.split(' '));
  await host.mustWeft('settings', `uplinkKBps=${Math.floor(kilobits / 8)}`);
};

/** What the host's shaper threw away so far. */
async function droppedBy(host: Host): Promise<number> {
  const told = await host.must(['tc', '-s', 'qdisc', 'show', 'dev', 'eth0']);
  return Number(/qdisc tbf [\s\S]*?dropped (\d+)/.exec(told)?.[1] ?? NaN);
}

/** They send until the trees of all of them stand: those of a stream that has ended do not wait for each other for ever. */
async function begin(crowd: Crowd, senders: readonly Host[], receivers: number): Promise<void> {
  let waiting = [...senders];
  for (let turn = 0; turn < BEGIN_TURNS_MAX && waiting.length > 0; turn++) {
    await crowd.send(waiting, { group: GROUP, rate: 5, count: 15, size: 300 });
    const late = new Set<Host>();
    await inTurns(waiting, (host) => standing(host, GROUP, receivers, BEGIN_MS).catch(() => late.add(host)));
    waiting = waiting.filter((host) => late.has(host));
  }
  expect(
    waiting.map(({ name }) => name),
    'no tree for all',
  ).toEqual([]);
}

describe.skipIf(reason)('trees of real hosts', () => {
  it.each(SIZES)('%i hosts: one sends to most, then all to all', { timeout: SETUP_MS * 2 }, async (count) => {
    const { hosts, crowd } = await crew(count);
    const inside = hosts.slice(0, count - OUTSIDERS);
    const outside = hosts.slice(count - OUTSIDERS);
    const [sender, ...others] = inside as [Host, ...Host[]];
    await crowd.listen(others, GROUP);
    const [tree] = await warm(crowd, sender, others.length);
    await Promise.all([sender, ...outside].map((host) => countUnderlay(host, 700)));
    const { sent } = await crowd.send([sender], { group: GROUP, rate: 100, count: 1_000, size: 900 });
    await pause(1_000);
    const one = sum(await crowd.report(), others, [sender], sent);
    const copies = (await underlayCounts(sender)).left / sent;
    tell(`${count} hosts, one sends 100 packets/s to ${others.length}`, shown(one), 'all, 0 doubled');
    const degree = tree?.children ?? 0;
    tell(
      `${count} hosts: the sender’s copies of a packet`,
      copies.toFixed(2),
      `its degree ${degree}, depth ${tree?.depth}`,
    );
    const strays = await Promise.all(outside.map(async (host) => (await underlayCounts(host)).arrived));
    tell(`${count} hosts: packets at those who did not subscribe`, strays.join(', '), '0');
    expect(strays).toEqual(strays.map(() => 0));
    expect(copies).toBeLessThanOrEqual(Math.min(degree, COPIES_MAX) * (1 + CHANGE_SHARE));
    expect(one).toMatchObject({ missing: 0, doubles: 0 });

    await crowd.listen([sender], GROUP);
    await inTurns(inside, (host) => joined(host, GROUP, inside.length - 1));
    // Each plans a tree, and all others verify it: on one machine that takes its time.
    for (let from = 0; from < inside.length; from += BEGIN_AT_ONCE) {
      const some = inside.slice(from, from + BEGIN_AT_ONCE);
      await begin(crowd, some, inside.length - 1);
    }
    await crowd.reset();
    const each = await crowd.send(inside, { group: GROUP, rate: 20, count: 200, size: 300 });
    // Two processors that run all hosts may be behind by seconds: late is told of by the delay, missing is what does not come at all.
    let all = sum(await crowd.report(), inside, inside, 200);
    const until = Date.now() + STRAGGLERS_MS;
    while (all.missing > 0 && Date.now() < until) {
      await pause(1_000);
      all = sum(await crowd.report(), inside, inside, 200);
    }
    // Whatever came twice came by now.
    await pause(1_000);
    all = sum(await crowd.report(), inside, inside, 200);
    tell(
      `${count} hosts, ${inside.length} send 20 packets/s to all`,
      `${shown(all)}; ${each.seconds} s for 10`,
      '≥ 99.9 %',
    );
    expect(all.doubles).toBe(0);
    expect(all.share).toBeGreaterThanOrEqual(SHARE_MIN);
  });

  it('what hosts find each other by waits for no tree', { timeout: SETUP_MS }, async () => {
    const { hosts, crowd } = await crew(CHATTING);
    const [sender, ...others] = hosts as [Host, ...Host[]];
    await crowd.listen(others, CHATTER);
    await joined(sender, CHATTER, others.length);
    const { sent } = await crowd.send([sender], { group: CHATTER, rate: 5, count: 5, size: 200 });
    await pause(1_500);
    const seen = sum(await crowd.report(), others, [sender], sent);
    tell(`${CHATTING} hosts, SSDP from one to ${others.length}`, `${shown(seen)}, most ${seen.max} ms`, '≤ 1 s');
    expect(seen).toMatchObject({ missing: 0, doubles: 0 });
    expect(seen.max).toBeLessThan(FOUND_MS_MAX);
  });

  it('a sender with 1 Mbit/s carries 500 kbit/s to all', { timeout: SETUP_MS }, async () => {
    const { hosts, crowd } = await crew(SIZE);
    const [sender, ...others] = hosts as [Host, ...Host[]];
    await uplink(sender, 1_000);
    await crowd.listen(others, GROUP);
    await warm(crowd, sender, others.length, 100, 5, 597);
    await countUnderlay(sender, 500);
    const dropped = await droppedBy(sender);
    const { sent } = await crowd.send([sender], { group: GROUP, rate: 100, count: 1_000, size: 597 });
    await pause(1_500);
    const seen = sum(await crowd.report(), others, [sender], sent);
    const copies = (await underlayCounts(sender)).left / sent;
    const cut = (await droppedBy(sender)) - dropped;
    tell(
      `${SIZE} hosts, uplink 1 Mbit/s (tbf), 500 kbit/s to ${others.length}`,
      `${shown(seen)}; ${copies.toFixed(2)} copies, ${cut} dropped by tbf`,
      'all, ≤ 1.05 copies, 0 dropped',
    );
    expect(copies).toBeLessThanOrEqual(ALONE_COPIES_MAX);
    expect(cut).toBe(0);
    expect(seen).toMatchObject({ missing: 0, doubles: 0 });
  });

  labIt('12 hosts with 10 Mbit/s each carry 8 Mbit/s from one to the 11 others', { timeout: SETUP_MS }, async () => {
    const { hosts, crowd } = await crew(12);
    const [sender, ...others] = hosts as [Host, ...Host[]];
    await inTurns(hosts, (host) => uplink(host, 10_000));
    await pause(3_000);
    await crowd.listen(others, GROUP);
    await warm(crowd, sender, others.length, 1_000, 6, 972);
    const { sent } = await crowd.send([sender], { group: GROUP, rate: 1_000, count: 10_000, size: 972 });
    const trees = await standing(sender, GROUP, others.length);
    await pause(1_500);
    const seen = sum(await crowd.report(), others, [sender], sent);
    const depth = Math.max(...trees.map((tree) => tree.depth ?? 0));
    const what = '12 hosts with 10 Mbit/s, one sends 8 Mbit/s to 11';
    tell(what, `${shown(seen)}; ${trees.length} stripes, depth ${depth}`, '≥ 99.9 %, depth ≤ 4');
    expect(seen.doubles).toBe(0);
    expect(depth).toBeLessThanOrEqual(DEPTH_MAX);
    expect(seen.share).toBeGreaterThanOrEqual(SHARE_MIN);
  });

  it(`a member that passes on is killed, ${KILLS} times`, { timeout: SETUP_MS * 2 }, async () => {
    const { hosts, crowd } = await crew(SIZE);
    const [sender, ...others] = hosts as [Host, ...Host[]];
    await crowd.listen(others, GROUP);
    await warm(crowd, sender, others.length);
    const gaps: number[] = [];
    const lost: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const sending = crowd.send([sender], { group: GROUP, rate: KILL_RATE, count: 5 * KILL_RATE, size: 400 });
      await pause(1_500);
      const relay = await relayOf(sender, others);
      await crowd.reset();
      await relay.stopDaemon('SIGKILL');
      const { fresh } = await sending;
      await pause(300);
      const all = await crowd.report();
      const rest = others.filter((host) => host !== relay);
      const worst = Math.max(...rest.map(({ name }) => all.get(name)?.gap ?? Infinity));
      gaps.push(worst);
      for (const { name } of rest) {
        const { from, doubles, gap } = all.get(name) as CrowdReport;
        const missing = fresh - (from[sender.name] ?? 0);
        lost.push(missing);
        expect(doubles, `${name} without ${relay.name}`).toBe(0);
        // Nothing is lost but what was sent in the silence.
        expect(missing, `${name} without ${relay.name}`).toBeLessThanOrEqual(Math.ceil((gap / 1_000) * KILL_RATE));
      }
      await relay.startDaemon();
      await online(relay, hosts.length);
      await crowd.listen([relay], GROUP);
      await joined(sender, GROUP, others.length);
    }
    gaps.sort((a, b) => a - b);
    const at = (share: number): number => gaps[Math.ceil(share * gaps.length) - 1] ?? 0;
    const seen = `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms; ${Math.max(...lost)} packets missing at most`;
    tell(`${SIZE} hosts, 100 packets/s, a relay killed ${KILLS} times: longest silence anywhere`, seen, 'p95 ≤ 300 ms');
    // The worst of a few says nothing of a p95: it is judged in the lab, over twenty.
    expect(at(inLab ? 0.95 : 0.5)).toBeLessThanOrEqual(GAP_MS_MAX);
    expect(at(1)).toBeLessThanOrEqual(LONGEST_GAP_MS_MAX);
  });

  it('10 a second join and leave while 1,000 packets/s flow', { timeout: SETUP_MS }, async () => {
    const { hosts, crowd } = await crew(SIZE);
    const [sender, ...others] = hosts as [Host, ...Host[]];
    const moving = others.slice(0, Math.floor(others.length / 3));
    const staying = others.slice(moving.length);
    await crowd.listen(others, GROUP);
    await warm(crowd, sender, others.length, 1_000, 3, 300);
    const sending = crowd.send([sender], { group: GROUP, rate: 1_000, count: MOVING_S * 1_000, size: 300 });
    // Whoever was first to leave is first to come back: one of each every 100 ms, on time.
    const [inside, outside] = [moving.slice(1), moving.slice(0, 1)];
    await crowd.leave(outside);
    const begun = Date.now();
    let moves = 0;
    for (; moves < MOVING_S * MOVES_PER_S; moves++) {
      await pause(Math.max(0, begun + (moves * 1_000) / MOVES_PER_S - Date.now()));
      const [from, to] = moves % 2 === 0 ? [inside, outside] : [outside, inside];
      const host = from.shift() as Host;
      to.push(host);
      await (moves % 2 === 0 ? crowd.leave([host]) : crowd.listen([host], GROUP));
    }
    const rate = moves / 2 / ((Date.now() - begun) / 1_000);
    const { sent } = await sending;
    await pause(1_500);
    const seen = sum(await crowd.report(), staying, [sender], sent);
    const what = `${SIZE} hosts, 1,000 packets/s, ${rate.toFixed(1)} a second join and as many leave: at the ${staying.length} who stay`;
    tell(
      what,
      `${seen.missing} lost, ${seen.doubles} doubled, longest silence ${seen.gap} ms, delay p99 ${seen.p99} ms, most ${seen.max} ms`,
      '0 lost, 0 doubled',
    );
    expect(rate).toBeGreaterThanOrEqual(MOVES_PER_S / 2 - 1);
    expect(seen).toMatchObject({ missing: 0, doubles: 0 });
  });

  it('loss is repaired where few receive, too', { timeout: SETUP_MS }, async () => {
    const { hosts, crowd } = await crew(3, { env: { WEFT_OFFLOADS: 'none' } });
    const [sender, ...others] = hosts as [Host, ...Host[]];
    for (const repair of inLab ? (['off', 'nack', 'fec'] as const) : (['nack'] as const)) {
      const made = await sender.mustWeft('channel', 'create', `f-${repair}`, '--repair', repair, '--json');
      const { address } = JSON.parse(made) as { address: string };
      await crowd.listen(others, address);
      await joined(sender, address, others.length);
      await inTurns(hosts, (host) => lose(host, 5));
      await crowd.send([sender], { group: address, rate: 100, count: 200, size: 900 });
      if (repair !== 'off') await standing(sender, address, others.length);
      await crowd.reset();
      const { sent } = await crowd.send([sender], { group: address, rate: 100, count: inLab ? 3_000 : 600, size: 900 });
      await pause(1_500);
      const seen = sum(await crowd.report(), others, [sender], sent);
      const residual = (seen.missing + seen.late) / (sent * others.length);
      const what = `2 receivers, 5 % lost on each link, repair ${repair}: missing or later than 200 ms`;
      tell(what, `${percent(residual)}, delay p99 ${seen.p99} ms`, repair === 'off' ? '' : '≤ 0.1 %');
      expect(seen.doubles).toBe(0);
      if (repair === 'off') expect(residual).toBeGreaterThan(RESIDUAL_MAX);
      else expect(residual).toBeLessThanOrEqual(RESIDUAL_MAX);
      await inTurns(hosts, (host) => lose(host, 0));
      await crowd.leave(others);
    }
  });

  it('loss on every link is repaired', { timeout: SETUP_MS * 2 }, async () => {
    const size = inLab ? 12 : 8;
    const { hosts, crowd } = await crew(size, { env: { WEFT_OFFLOADS: 'none' } });
    const [sender, ...others] = hosts as [Host, ...Host[]];
    const modes = inLab ? (['off', 'nack', 'fec'] as const) : (['nack'] as const);
    for (const repair of modes) {
      const made = await sender.mustWeft('channel', 'create', `c-${repair}`, '--repair', repair, '--json');
      const { address } = JSON.parse(made) as { address: string };
      await crowd.listen(others, address);
      await joined(sender, address, others.length);
      for (const lost of inLab ? [0, 1, 5, 10] : [5]) {
        await inTurns(hosts, (host) => lose(host, lost));
        await crowd.send([sender], { group: address, rate: 100, count: 200, size: 900 });
        await standing(sender, address, others.length);
        await crowd.reset();
        const { sent } = await crowd.send([sender], { group: address, rate: 100, count: 1_500, size: 900 });
        await pause(1_500);
        const seen = sum(await crowd.report(), others, [sender], sent);
        // Missing, or too late to be of use.
        const residual = (seen.missing + seen.late) / (sent * others.length);
        const delays = [seen.p50, seen.p95, seen.p99, seen.max].map((ms) => `${ms} ms`);
        rows
          .get('loss')
          ?.push([`${lost} %`, repair, percent(seen.missing / (sent * others.length)), percent(residual), ...delays]);
        figure(
          `${lost} % lost on each link, repair ${repair}`,
          `${percent(residual)} missing or later than 200 ms, delays ${delays.join(', ')}`,
        );
        expect(seen.doubles).toBe(0);
        if (repair === 'off' || lost > 5) continue;
        expect(residual, `${repair} at ${lost} %`).toBeLessThanOrEqual(RESIDUAL_MAX);
      }
      // The next channel is made and joined on links that lose nothing: here it is what was joined that counts.
      await inTurns(hosts, (host) => lose(host, 0));
      await crowd.leave(others);
    }
  });
});

/** Who feeds most of those that the sender does not. */
async function relayOf(sender: Host, others: readonly Host[]): Promise<Host> {
  const { members, selfId, trees = [] } = await sender.network();
  const fed = new Map<string, number>();
  for (const [, parent] of trees.find((tree) => tree.parent === null)?.edges ?? [])
    if (parent !== selfId) fed.set(parent, (fed.get(parent) ?? 0) + 1);
  const [most] = [...fed].sort((a, b) => b[1] - a[1])[0] ?? [];
  const name = members.find(({ id }) => id === most)?.name;
  const relay = others.find((host) => host.name === name);
  if (!relay) throw new Error('nobody passes on');
  return relay;
}
