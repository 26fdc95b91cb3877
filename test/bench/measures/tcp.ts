import { measuredPing } from './ping.ts';
import { pairOf, type Measure, type Row } from '../measure.ts';
import { busySeconds, cpuClock, pause, residentMb } from '../probe.ts';
import { quantile } from '../statistics.ts';
import { tcp } from '../traffic.ts';

const besideFloor = { beside: 'Weft without encryption', must: 0.72, aim: 0.83 };
const besideWireguard = { beside: 'wireguard-go', must: 2.3, aim: 3 };
/** So that the floor cannot be lowered. */
const floorItself = { of: 'Weft without encryption', beside: 'wireguard-go', must: 3 };
const LOAD_SECONDS = 4;
const RAMP_MS = 500;

const gbit = (key: string, label: string, targets?: Row['targets']): Row => ({
  key,
  label: `TCP, ${label}, Gbit/s`,
  better: 'more',
  digits: 2,
  ...(targets && { targets }),
});

export const throughput: Measure = {
  name: 'tcp',
  rows: [
    gbit('tcp1', '1 stream', [besideWireguard, besideFloor, floorItself]),
    gbit('tcpReverse', '1 stream, other way'),
    gbit('tcp4', '4 streams', [besideWireguard, besideFloor]),
    {
      key: 'cpuPerGb',
      label: 'CPU s per GB, programs of both ends',
      better: 'less',
      digits: 2,
      targets: [{ beside: 'wireguard-go', must: 0.4, aim: 0.33 }],
    },
    { key: 'busyPerGb', label: 'CPU s per GB, whole machine (kernel and iperf3 too)', better: 'less', digits: 2 },
  ],
  async run(bench) {
    const { a, b, address } = pairOf(bench);
    const { seconds } = bench.effort;
    const pids = bench.net.pids();
    const [cpu, busy] = [cpuClock(pids), busySeconds()];
    const one = await tcp(a, b, address, seconds);
    const [usedCpu, usedBusy] = [cpu(), busySeconds() - busy];
    const gigabytes = one.bytes / 1e9;
    const four = await tcp(a, b, address, seconds, '-P', '4');
    const reverse = await tcp(a, b, address, seconds, '-R');
    return {
      tcp1: one.bits / 1e9,
      tcp4: four.bits / 1e9,
      tcpReverse: reverse.bits / 1e9,
      // A floor without programs of its own has no such figure.
      cpuPerGb: pids.length ? usedCpu / gigabytes : NaN,
      busyPerGb: usedBusy / gigabytes,
    };
  },
};

const third = [{ beside: 'wireguard-go', must: 1 / 3, aim: 1 / 5 }];

export const loaded: Measure = {
  name: 'loaded-ping',
  rows: [
    { key: 'pingLoad50', label: 'ping under load, p50, ms', better: 'less', digits: 2, targets: third },
    { key: 'pingLoad99', label: 'ping under load, p99, ms', better: 'less', digits: 2, targets: third },
  ],
  async run(bench) {
    const { a, b, address } = pairOf(bench);
    const stream = tcp(a, b, address, LOAD_SECONDS);
    await pause(RAMP_MS);
    const interval = 0.01;
    const count = Math.floor((LOAD_SECONDS - (2 * RAMP_MS) / 1000) / interval);
    const times = await measuredPing(a, address, count, interval).finally(() => stream);
    return { pingLoad50: quantile(times, 0.5), pingLoad99: quantile(times, 0.99) };
  },
};

const memoryAfter = (key: string, load: string, multicast: boolean): Measure => ({
  name: 'memory',
  ...(multicast && { multicast }),
  rows: [
    {
      key,
      label: `resident memory of a program after ${load}, MB`,
      better: 'less',
      digits: 0,
      targets: [{ beside: null, must: 120, aim: 90 }],
    },
  ],
  async run({ net }) {
    const pids = net.pids();
    return { [key]: pids.length ? Math.max(...pids.map(residentMb)) : NaN };
  },
});
export const memory = memoryAfter('rss', 'load', false);
export const castMemory = memoryAfter('rssCast', 'multicast to 6 of 8', true);

/** The same stream over each transport: its row's key is `via.TRANSPORT`. */
export const carrier: Measure = {
  name: 'transports',
  rows: (
    [
      ['tcp', 'TCP', ['via.tcp']],
      // No peer has TLS alone: the faster of those who have it inside TCP (peers/openvpn.ts) or below WebSocket stands for it.
      ['tls', 'TLS', ['via.tls', 'via.wss']],
      ['ws', 'WebSocket', ['via.ws']],
      ['wss', 'WebSocket over TLS', ['via.wss']],
    ] as const
  ).map(([key, label, rows]) =>
    gbit(`via.${key}`, `over ${label}`, [{ beside: 'best', must: 1, aim: 2, rows: [...rows] }]),
  ),
  async run(bench) {
    const { a, b, address } = pairOf(bench);
    const { bits } = await tcp(a, b, address, bench.effort.seconds);
    return { [`via.${bench.transport}`]: bits / 1e9 };
  },
};
