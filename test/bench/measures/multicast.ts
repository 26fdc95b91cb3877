import type { Host } from '../../netns/support/host.ts';
import type { Bench, Measure } from '../measure.ts';
import { cpuClock, largePackets, underlay } from '../probe.ts';
import { highest } from '../statistics.ts';
import { heard, Receiver, shower, trial, type Shower } from '../traffic.ts';

const GROUP = '239.192.7.7';
const SIZE = 1200;
const RATE_MIN = 200;
const RATE_MAX = 800_000;
/** Until a group's members are known to the sender. */
const PATIENCE_MS = 12_000;
const CPU_RATES = [1000, 10_000, 50_000] as const;
const SPREAD_RATE = 1000;
const SPREAD_SECONDS = 2;
/** Of the tree's degree: what the sender says besides, in these seconds, is counted too. */
const COPIES_MAX = 1.02;

/** The first host sends, the next `subscribers` receive. */
async function withGroup<T>(
  { hosts, net }: Bench,
  subscribers: number,
  use: (sender: Host, receivers: Receiver[], what: Omit<Shower, 'rate' | 'seconds'>) => Promise<T>,
): Promise<T> {
  const [sender, ...others] = hosts as [Host, ...Host[]];
  const receivers: Receiver[] = [];
  try {
    for (const host of others.slice(0, subscribers))
      receivers.push(await Receiver.start(host, SIZE, { group: GROUP, via: net.address(host) }));
    const what = { to: GROUP, size: SIZE, via: net.address(sender) };
    if (!(await heard(sender, receivers, { ...what, rate: 0, seconds: 0 }, PATIENCE_MS)))
      throw new Error('multicast does not reach all that joined');
    return await use(sender, receivers, what);
  } finally {
    await Promise.all(receivers.map((receiver) => receiver.stop()));
  }
}

/** Thousands of deliveries per second. */
const fastest = (bench: Bench, subscribers: number) =>
  withGroup(bench, subscribers, async (sender, receivers, what) => {
    const { trials, trialSeconds: seconds } = bench.effort;
    const best = await highest(RATE_MIN, RATE_MAX, trials, (rate) =>
      trial(sender, receivers, { ...what, rate, seconds }),
    );
    return best / 1000;
  });

export const castToOne: Measure = {
  name: 'multicast-pair',
  multicast: true,
  rows: [
    {
      key: 'castPair',
      label: 'multicast 1200 B to 1 of 2, at < 1 % loss, k packets/s',
      better: 'more',
      digits: 1,
      targets: [
        { beside: 'best', must: 2 },
        { beside: 'bare veth', must: 0, aim: 1 },
      ],
    },
  ],
  run: async (bench) => ({ castPair: await fastest(bench, 1) }),
};

export const castToSix: Measure = {
  name: 'multicast',
  multicast: true,
  rows: [
    {
      key: 'castSix',
      label: 'multicast 1200 B to 6 of 8, at < 1 % loss, k deliveries/s',
      better: 'more',
      digits: 1,
      targets: [
        { beside: 'best', must: 6, aim: 8 },
        { beside: 'bare veth', must: 2, aim: 3 },
      ],
    },
  ],
  run: async (bench) => ({ castSix: await fastest(bench, 6) }),
};

const cpuKey = (rate: number) => `castCpu${rate}`;

export const castCost: Measure = {
  name: 'multicast-cpu',
  multicast: true,
  rows: CPU_RATES.map((rate) => ({
    key: cpuKey(rate),
    label: `CPU µs per delivered multicast packet at ${rate / 1000} k packets/s to 6 of 8`,
    better: 'less',
    digits: 1,
    targets: [{ beside: 'best', must: 1 / 3 }],
  })),
  run: (bench) =>
    withGroup(bench, 6, async (sender, receivers, what) => {
      const figures: Record<string, number> = {};
      const pids = bench.net.pids();
      for (const rate of CPU_RATES) {
        const cpu = cpuClock(pids);
        const { delivered } = await shower(sender, receivers, {
          ...what,
          rate,
          seconds: bench.effort.trialSeconds * 2,
        });
        figures[cpuKey(rate)] = pids.length ? (cpu() * 1e6) / Math.max(1, delivered) : NaN;
      }
      return figures;
    }),
};

export const castSpread: Measure = {
  name: 'multicast-spread',
  multicast: true,
  rows: [
    {
      key: 'strangers',
      label: `packets of the stream's size that reach a host which did not join, of ${SPREAD_RATE * SPREAD_SECONDS}`,
      better: 'less',
      digits: 0,
      targets: [{ beside: null, must: 0 }],
    },
    {
      key: 'copies',
      label: 'copies that the sender puts on the wire per multicast packet to 6 of 8',
      better: 'less',
      digits: 2,
      targets: [{ beside: null, per: 'degree', must: COPIES_MAX }],
    },
    { key: 'degree', label: 'members that its tree has it send to', better: 'less', digits: 0 },
  ],
  run: (bench) =>
    withGroup(bench, 6, async (sender, receivers, what) => {
      const strangers = await largePackets(bench.hosts.at(-1) as Host, SIZE);
      const takers = bench.hosts.slice(1, 1 + receivers.length);
      const out = await underlay(sender);
      const into = await Promise.all(takers.map(underlay));
      await shower(sender, receivers, { ...what, rate: SPREAD_RATE, seconds: SPREAD_SECONDS });
      const sent = (await underlay(sender)).txBytes - out.txBytes;
      const taken = await Promise.all(
        takers.map(async (host, index) => (await underlay(host)).rxBytes - (into[index]?.rxBytes ?? 0)),
      );
      return {
        strangers: await strangers(),
        // Who passes nothing on got each packet once, headers and all.
        copies: sent / Math.min(...taken),
        degree: (await bench.net.degree?.(sender, GROUP)) ?? NaN,
      };
    }),
};
