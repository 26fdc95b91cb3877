// Whether a process that was written down somewhere is still the same one.
import { readFileSync, readlinkSync } from 'node:fs';

export interface ProcessId {
  pid: number;
  /** Start time in clock ticks since boot (Linux), so that a reused pid is not mistaken; "" elsewhere. */
  start: string;
  /** Which boot, "" where the system does not tell. */
  boot: string;
  /** The pid namespace; pids of another one mean nothing here. */
  namespace: string;
}

const attempt = (read: () => string): string => {
  try {
    return read();
  } catch {
    return '';
  }
};

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and brackets, so count from its end. Zombies count as gone. */
function startTime(pid: number): string {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
}

const bootId = (): string => attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
const namespace = (): string => attempt(() => readlinkSync('/proc/self/ns/pid'));

export const thisProcess = (): ProcessId => ({
  pid: process.pid,
  start: startTime(process.pid),
  boot: bootId(),
  namespace: namespace(),
});

/** `unknown`: it lives (or lived) in another pid namespace of this boot. */
export function processState(id: ProcessId): 'alive' | 'gone' | 'unknown' {
  if (id.boot !== bootId()) return 'gone';
  if (id.namespace !== namespace()) return 'unknown';
  if (id.start !== '') return startTime(id.pid) === id.start ? 'alive' : 'gone';
  try {
    process.kill(id.pid, 0);
    return 'alive';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'alive' : 'gone';
  }
}
