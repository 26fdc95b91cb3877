import type { Host } from '../../netns/support/host.ts';
import { pairOf, type Measure } from '../measure.ts';
import { pause } from '../probe.ts';
import { pingTimes, quantile } from '../statistics.ts';

/** Milliseconds of `count` pings; throws when more than a tenth got no answer. */
export async function measuredPing(from: Host, address: string, count: number, interval: number): Promise<number[]> {
  const args = ['ping', '-n', '-i', String(interval), '-c', String(count), '-W', '1', address];
  const { stdout } = await from.exec(args, { timeoutMs: count * interval * 1000 * 3 + 10_000 });
  const times = pingTimes(stdout);
  if (times.length < count * 0.9) throw new Error(`${times.length} of ${count} pings were answered`);
  return times;
}

/** What a datagram may hold before a peer cuts it in two. */
export const adapter: Measure = {
  name: 'adapter',
  rows: [{ key: 'mtu', label: 'MTU of the adapter, bytes', better: 'more', digits: 0 }],
  async run({ hosts, net }) {
    const [host] = hosts as [Host, ...Host[]];
    return { mtu: Number(await host.must(['cat', `/sys/class/net/${net.device(host)}/mtu`])) };
  },
};

/** Programs that have just started have other things to do. */
const SETTLE_MS = 10_000;
const half = [{ beside: 'wireguard-go', must: 1 / 2, aim: 1 / 3 }];

export const idlePing: Measure = {
  name: 'ping',
  rows: [
    { key: 'pingIdle50', label: 'ping idle, p50, ms', better: 'less', digits: 3, targets: half },
    { key: 'pingIdle99', label: 'ping idle, p99, ms', better: 'less', digits: 3, targets: half },
  ],
  async run(bench) {
    const { a, address } = pairOf(bench);
    await pause(SETTLE_MS);
    const times = await measuredPing(a, address, bench.effort.pings, 0.02);
    return { pingIdle50: quantile(times, 0.5), pingIdle99: quantile(times, 0.99) };
  },
};
