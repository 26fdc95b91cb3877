// Reads what processes and devices used.
import { readFileSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Host } from '../netns/support/host.ts';
import { busyOf, cpuOf, trafficOf } from './statistics.ts';

/** USER_HZ, which Linux fixes for all that it shows. */
const TICKS_PER_SECOND = 100;

export const cpuSeconds = (pids: number[]): number =>
  pids.reduce((sum, pid) => sum + cpuOf(readFileSync(`/proc/${pid}/stat`, 'utf8'), TICKS_PER_SECOND), 0);

export const busySeconds = (): number => busyOf(readFileSync('/proc/stat', 'utf8'), TICKS_PER_SECOND);

/** Resident megabytes of a process. */
export const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** How often the threads of a process were woken from a sleep of their own choice. */
export function wakeUps(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }, 0);
}

export async function underlay(host: Host): Promise<ReturnType<typeof trafficOf>> {
  return trafficOf(await host.must(['cat', '/proc/net/dev']), 'eth0');
}

const LOOK_MS = 3000;

/** Share of the machine's CPUs that others use now. */
export async function othersShare(): Promise<number> {
  const [before, started] = [busySeconds(), performance.now()];
  await pause(LOOK_MS);
  return (busySeconds() - before) / ((performance.now() - started) / 1000) / cpus().length;
}

export const pause = (ms: number) => new Promise<void>((settle) => setTimeout(settle, ms));
