// One round of measurements over an address that the second host holds.
import { readFileSync } from 'node:fs';
import type { Host } from '../netns/support/host.ts';
import { until } from '../netns/support/shell.ts';

export interface Figures {
  tcpGbit: number;
  tcp4Gbit: number;
  tcpReverseGbit: number;
  /** CPU seconds of both daemons per gigabyte of one TCP stream. */
  cpuPerGb: number;
  udpKpps: number;
  pingIdleMs: number;
  pingLoadedMs: number;
  /** Resident memory of the larger daemon after the load, MB. */
  rssMb: number;
}

const ticksPerSecond = 100;

function cpuSeconds(pids: number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

const rss = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

async function iperf(
  a: Host,
  b: Host,
  address: string,
  seconds: number,
  extra: string[],
): Promise<{ bits: number; bytes: number; lost: number; packets: number }> {
  const server = b.start(['iperf3', '-s', '-1', '-B', address, '--forceflush']);
  await server.says(/Server listening/, 5000);
  const output = await a.must(['iperf3', '-c', address, '-t', String(seconds), '-J', ...extra], (seconds + 15) * 1000);
  await until('the server ended', 5000, () => server.ended !== null).catch(() => server.stop());
  const { end } = JSON.parse(output);
  const sum = end.sum_received ?? end.sum;
  return {
    bits: sum.bits_per_second,
    bytes: sum.bytes,
    lost: end.sum?.lost_percent ?? 0,
    packets: end.sum?.packets ?? 0,
  };
}

async function pingMedian(a: Host, address: string, count: number): Promise<number> {
  const { stdout } = await a.exec(['ping', '-n', '-i', '0.02', '-c', String(count), address], { timeoutMs: 60_000 });
  const times = [...stdout.matchAll(/time=([\d.]+)/g)].map((match) => Number(match[1])).sort((x, y) => x - y);
  return times[Math.floor(times.length / 2)] ?? Infinity;
}

/** Highest offered rate with less than 1 % loss, by halving the interval six times. */
async function udpRate(a: Host, b: Host, address: string): Promise<number> {
  let good = 0;
  let low = 0;
  let high = 6e9;
  for (let step = 0; step < 6; step++) {
    const offered = (low + high) / 2;
    const { bits, lost } = await iperf(a, b, address, 1, ['-u', '-l', '1300', '-b', String(Math.round(offered))]);
    const reached = bits > offered * 0.5;
    if (lost < 1 && reached) {
      low = offered;
      good = Math.max(good, bits);
    } else high = offered;
  }
  return good / 8 / 1300 / 1000;
}

export async function measure(a: Host, b: Host, address: string, pids: number[], seconds: number): Promise<Figures> {
  const pingIdleMs = await pingMedian(a, address, 150);
  const before = cpuSeconds(pids);
  const one = await iperf(a, b, address, seconds, []);
  const cpuPerGb = (cpuSeconds(pids) - before) / (one.bytes / 1e9);
  const four = await iperf(a, b, address, seconds, ['-P', '4']);
  const reverse = await iperf(a, b, address, seconds, ['-R']);
  const loaded = iperf(a, b, address, 4, []);
  await new Promise((settle) => setTimeout(settle, 500));
  const pingLoadedMs = await pingMedian(a, address, 100);
  await loaded;
  const udpKpps = await udpRate(a, b, address);
  return {
    tcpGbit: one.bits / 1e9,
    tcp4Gbit: four.bits / 1e9,
    tcpReverseGbit: reverse.bits / 1e9,
    cpuPerGb,
    udpKpps,
    pingIdleMs,
    pingLoadedMs,
    rssMb: Math.max(...pids.map(rss)),
  };
}
