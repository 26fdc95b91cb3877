// What daemons cost the processors.
import { readFileSync } from 'node:fs';
import type { Host } from './host.ts';

/** Of /proc/PID/stat: the same on every Linux that runs Node. */
const TICKS_PER_SECOND = 100;
/** Fields after the program's name, which may hold anything. */
const [USER, SYSTEM] = [11, 12];

/** Processor seconds of the host's daemon since its start. */
export function cpuOf(host: Host): number {
  const stat = readFileSync(`/proc/${host.daemon?.child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND;
}
