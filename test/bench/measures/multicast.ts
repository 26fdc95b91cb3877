import type { Host } from '../../netns/support/host.ts';
import type { Bench, Measure } from '../measure.ts';
import { cpuSeconds, underlay } from '../probe.ts';
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
        const before = cpuSeconds(pids);
        const { delivered } = await shower(sender, receivers, {
          ...what,
          rate,
          seconds: bench.effort.trialSeconds * 2,
        });
        figures[cpuKey(rate)] = pids.length ? ((cpuSeconds(pids) - before) * 1e6) / Math.max(1, delivered) : NaN;
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
      label: 'multicast packets that reach a host which did not join, per 1000 sent',
      better: 'less',
      digits: 0,
      // Idle traffic of two seconds is less than one packet of the stream.
      targets: [{ beside: null, must: 1 }],
    },
    {
      key: 'copies',
      label: 'copies that the sender puts on the wire per multicast packet to 6 of 8',
      better: 'less',
      digits: 1,
    },
  ],
  run: (bench) =>
    withGroup(bench, 6, async (sender, receivers, what) => {
      const stranger = bench.hosts.at(-1) as Host;
      const [out, into] = [await underlay(sender), await underlay(stranger)];
      const { sent } = await shower(sender, receivers, { ...what, rate: SPREAD_RATE, seconds: SPREAD_SECONDS });
      const [outAfter, intoAfter] = [await underlay(sender), await underlay(stranger)];
      return {
        strangers: ((intoAfter.rxBytes - into.rxBytes) / SIZE / sent) * 1000,
        copies: (outAfter.txBytes - out.txBytes) / SIZE / sent,
      };
    }),
};
