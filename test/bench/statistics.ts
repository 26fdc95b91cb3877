// Numbers out of numbers; no effects.

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The value that `share` of the sorted values do not exceed; NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** Milliseconds of each answer in the output of ping. */
export const pingTimes = (output: string): number[] =>
  [...output.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));

export interface Trial {
  /** What was reached at this rate, when that is good enough to count. */
  reached: number | null;
  /** Whether it is worth trying more. */
  more: boolean;
}

/** Highest `reached` between two rates, by halving the ratio between them `steps` times; 0 when nothing was good enough. */
export async function highest(
  low: number,
  high: number,
  steps: number,
  attempt: (rate: number) => Promise<Trial>,
): Promise<number> {
  let best = 0;
  for (let step = 0; step < steps; step++) {
    const rate = Math.sqrt(low * high);
    const { reached, more } = await attempt(rate);
    best = Math.max(best, reached ?? 0);
    if (more) low = rate;
    else high = rate;
  }
  return best;
}

/** Nanoseconds on a CPU in the text of /proc/PID/task/TID/schedstat. */
export const ranOf = (schedstat: string): number => Number(schedstat.split(' ')[0]);

/** Seconds that threads ran between two looks, nanoseconds by thread; one that began in between counts from 0. */
export function ranBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [thread, now] of after) sum += now - (before.get(thread) ?? 0);
  return sum / 1e9;
}

/** Seconds in which the machine's CPUs did something, from the first line of /proc/stat. */
export function busyOf(stat: string, ticksPerSecond: number): number {
  const ticks = (stat.split('\n')[0] ?? '').trim().split(/\s+/).slice(1).map(Number);
  // user nice system (idle iowait) irq softirq; what a hypervisor took is nobody's work.
  return [0, 1, 2, 5, 6].reduce((sum, index) => sum + (ticks[index] ?? 0), 0) / ticksPerSecond;
}

/** Bytes and packets of one device in the text of /proc/net/dev. */
export function trafficOf(text: string, device: string): { rxBytes: number; rxPackets: number; txBytes: number } {
  const line = text.split('\n').find((candidate) => candidate.trim().startsWith(`${device}:`)) ?? '';
  const fields = line
    .slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)
    .map(Number);
  return { rxBytes: fields[0] ?? 0, rxPackets: fields[1] ?? 0, txBytes: fields[8] ?? 0 };
}
