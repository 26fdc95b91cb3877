// What the figures should be, and by how much they are not.
import type { TableName } from './lines.ts';
import type { Result } from './results.ts';

export interface Target {
  text: string;
  of(result: Result): number;
  bound: number;
  better: 'more' | 'less';
  /** Results that it is asked of. */
  counts?(result: Result): boolean;
  /** The figure, and what it falls short by. */
  shown(value: number): string;
}

export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
export const ms = (value: number): string => `${value.toFixed(0)} ms`;
export const rate = (bytes: number): string => `${bytes.toFixed(0)} B/s`;
const two = (value: number): string => value.toFixed(2);
const whole = (value: number): string => value.toFixed(0);
const minutes = (seconds: number): string => `${(seconds / 60).toFixed(1)} min`;
const gigabytes = (mb: number): string => `${(mb / 1024).toFixed(1)} GiB`;

const isStriped = ({ stripes }: Result): boolean => stripes >= 4;
const isOften = ({ command }: Result): boolean => !command.includes('--mttf 7200');

const atMost = (text: string, bound: number, of: Target['of'], shown: Target['shown']): Target => ({
  ...{ text, bound, of, shown, better: 'less' },
});
const atLeast = (text: string, bound: number, of: Target['of'], shown: Target['shown']): Target => ({
  ...{ text, bound, of, shown, better: 'more' },
});

export const DELIVERED = atLeast(
  '≥ 99.8 % delivered',
  0.998,
  (r) => r.ratio,
  (value) => percent(value, 3),
);
export const GAP = atMost('gap p95 ≤ 1 s', 1_000, (r) => r.gapP95Ms, ms);
export const DELIVERED_OFTEN: Target = { ...DELIVERED, text: '≥ 99.8 % delivered at 30 min', counts: isOften };
export const GAP_OFTEN: Target = { ...GAP, counts: isOften };
export const RDP_MEAN = atMost('RDP mean ≤ 1.6', 1.6, (r) => r.rdpMean, two);
export const RDP_P95 = atMost('RDP p95 ≤ 3', 3, (r) => r.rdpP95, two);
export const SENDS = atMost(
  'sends per delivery ≤ 1.05',
  1.05,
  (r) => r.sendsPerDelivery,
  (value) => value.toFixed(3),
);
/** Children as planned in one tree, and what was really sent: adopted children and epochs that overlap count. */
export const OUTDEGREE = atMost('outdegree ≤ 8', 8, (r) => Math.max(r.degreeMax, r.outdegreeMax), whole);
/** While one epoch takes over from another both are served: one packet in a hundred may have more. */
export const SENDER_COPIES = atMost('sender’s copies ≤ 4 at p99', 4, (r) => r.senderCopiesP99, whole);
export const NON_CONTRIBUTORS: Target = {
  ...atMost('feeds nobody ≤ 25 % with ≥ 4 stripes', 0.25, (r) => r.nonContributors, percent),
  counts: isStriped,
};
export const CONTROL_ACTIVE = atMost('control ≤ 1 kB/s while one sends', 1_000, (r) => r.controlActive, rate);
export const HEALED: Target = {
  ...atMost('heard again ≤ 30 s after a partition', 30_000, (r) => r.healMaxMs ?? 0, ms),
  counts: ({ healMaxMs }) => healMaxMs !== null,
};
const idle = (members: number, bound: number): Target => ({
  ...atMost(`control idle ≤ ${bound} B/s at ${members}`, bound, (r) => r.controlIdle ?? Infinity, rate),
  counts: (r) => r.members === members,
});
export const IDLE = [idle(8, 60), idle(512, 200)];
export const WALL = atMost('wall time ≤ 30 min', 1_800, (r) => r.realS, minutes);
export const MEMORY = atMost('memory ≤ 16 GiB', 16 * 1024, (r) => r.memoryMB, gigabytes);

export const TARGETS: Readonly<Record<TableName, readonly Target[]>> = {
  literature: [
    ...[DELIVERED_OFTEN, GAP_OFTEN, RDP_MEAN, RDP_P95, SENDS, OUTDEGREE, SENDER_COPIES, NON_CONTRIBUTORS],
    CONTROL_ACTIVE,
  ],
  failures: [DELIVERED, GAP, HEALED],
  scale: [...IDLE, CONTROL_ACTIVE, SENDER_COPIES, OUTDEGREE],
  records: [DELIVERED],
  crowd: [WALL, MEMORY],
};

/** What the result lacks to its bound; 0 and below: met. */
const lack = (target: Target, result: Result): number =>
  (target.better === 'less' ? 1 : -1) * (target.of(result) - target.bound);

/** The worst of the results that a target is asked of. */
export function shortBy(target: Target, results: readonly Result[]): string {
  const asked = results.filter((result) => target.counts?.(result) ?? true);
  if (asked.length === 0) return 'not run';
  const worst = Math.max(...asked.map((result) => lack(target, result)));
  return worst > 0 ? `**${target.shown(worst)}**` : 'met';
}

/** All that a result of a table falls short of, in words. */
export const RECORD_BOUND_B = 400;
const MB = 1 << 20;

/** What each record more costs a member that is awake, bytes: from the line with the fewest records to that with the most; NaN with one. */
export function bytesForRecord(results: readonly Result[]): number {
  const sorted = [...results].sort((a, b) => a.records - b.records);
  const [few, many] = [sorted[0], sorted.at(-1)];
  if (!few || !many || few.records === many.records) return NaN;
  const each = ({ memoryMB, alive }: Result): number => (memoryMB * MB) / alive;
  return (each(many) - each(few)) / (many.records - few.records);
}

/** A sentence when records cost more than they may; null when they do not, or that was not measured. */
export function recordsMiss(results: readonly Result[]): string | null {
  const bytes = bytesForRecord(results);
  if (!(bytes > RECORD_BOUND_B)) return null;
  return `memory of a record ≤ ${RECORD_BOUND_B} B: ${bytes.toFixed(0)} B, short by ${(bytes - RECORD_BOUND_B).toFixed(0)} B`;
}

export function missesOf(table: TableName, result: Result): string[] {
  const missed = TARGETS[table].filter((target) => (target.counts?.(result) ?? true) && lack(target, result) > 0);
  const words = missed.map(
    (target) => `${target.text}: ${target.shown(target.of(result))}, short by ${target.shown(lack(target, result))}`,
  );
  return result.failure ? [...words, `the model: ${firstLine(result.failure)}`] : words;
}

/** Without figures and seed. */
export const firstLine = (text: string): string => (text.split(/[{\n]/)[0] as string).trim();
