// Reads what processes and devices used.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Host } from '../netns/support/host.ts';
import { busyOf, ranBetween, ranOf, trafficOf } from './statistics.ts';

/** USER_HZ, which Linux fixes for all that it shows. */
const TICKS_PER_SECOND = 100;

/** What a look at something that may have ended gives; null when it has. */
function ifThere<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

const tasks = (pid: number): string[] => ifThere(() => readdirSync(`/proc/${pid}/task`)) ?? [];

/** Nanoseconds that each thread ran: the kernel's ticks of 10 ms are too coarse for a second of 1,000 packets. */
function ran(pids: number[]): Map<string, number> {
  const threads = new Map<string, number>();
  for (const pid of pids)
    for (const task of tasks(pid)) {
      const text = ifThere(() => readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8'));
      if (text) threads.set(`${pid}/${task}`, ranOf(text));
    }
  return threads;
}

/** Answers each call with the CPU seconds that the processes used since it was made. */
export function cpuClock(pids: number[]): () => number {
  const before = ran(pids);
  return () => ranBetween(before, ran(pids));
}

/** Processes of a name in the network namespace of another process. */
export function neighboursOf(pid: number, name: string): number[] {
  const namespace = (of: string) => ifThere(() => readlinkSync(`/proc/${of}/ns/net`));
  const own = namespace(String(pid));
  if (!own) return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => ifThere(() => readFileSync(`/proc/${entry}/comm`, 'utf8').trim()) === name)
    .filter((entry) => namespace(entry) === own)
    .map(Number);
}

export const busySeconds = (): number => busyOf(readFileSync('/proc/stat', 'utf8'), TICKS_PER_SECOND);

/** Resident megabytes of a process. */
export const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(ifThere(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '')?.[1] ?? 0) / 1024;

/** How often the threads of a process were woken from a sleep of their own choice. */
export function wakeUps(pid: number): number {
  return tasks(pid).reduce((sum, task) => {
    const status = ifThere(() => readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')) ?? '';
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }, 0);
}

export async function underlay(host: Host): Promise<ReturnType<typeof trafficOf>> {
  return trafficOf(await host.must(['cat', '/proc/net/dev']), 'eth0');
}

/**
 * Counts packets of at least `bytes` (without their Ethernet header) that the wire brings to a host, from now on; smaller ones
 * are upkeep. Packets that came joined by GRO count once.
 */
export async function largePackets(host: Host, bytes: number): Promise<() => Promise<number>> {
  await host.nft(`table netdev weft_bench {
  chain into {
    type filter hook ingress device "eth0" priority 0
    meta length >= ${bytes} counter
  }
}
`);
  return async () => {
    const listed = await host.must(['nft', 'list', 'table', 'netdev', 'weft_bench']);
    await host.must(['nft', 'delete', 'table', 'netdev', 'weft_bench']);
    return Number(/counter packets (\d+)/.exec(listed)?.[1] ?? NaN);
  };
}

const LOOK_MS = 3000;

/** Share of the machine's CPUs that others use now. */
export async function othersShare(): Promise<number> {
  const [before, started] = [busySeconds(), performance.now()];
  await pause(LOOK_MS);
  return (busySeconds() - before) / ((performance.now() - started) / 1000) / cpus().length;
}

export const pause = (ms: number) => new Promise<void>((settle) => setTimeout(settle, ms));
