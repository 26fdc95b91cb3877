// Numbers, rates, sizes and times in the language of the window.
import { currentLanguage } from './i18n.ts';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

function scaled(bytes: number, suffix: '' | '-per-second'): string {
  let value = Math.max(0, bytes);
  let step = 0;
  while (value >= 999.5 && step < UNITS.length - 1) {
    value /= 1000;
    step++;
  }
  const parts = (at: number): Intl.NumberFormatPart[] =>
    new Intl.NumberFormat(currentLanguage(), {
      style: 'unit',
      unit: `${UNITS[at] ?? 'byte'}${suffix}`,
      unitDisplay: at === 0 ? 'narrow' : 'short',
      maximumFractionDigits: at === 0 || value >= 100 ? 0 : 1,
    }).formatToParts(value);
  const text = parts(step);
  if (step > 0) return text.map((part) => part.value).join('');
  // "B" is the narrow name, which in English comes without the gap that the others have.
  const gap = parts(1).find(({ type }) => type === 'literal')?.value ?? '';
  return text.flatMap(({ type, value: word }) => (type === 'literal' ? [] : [word])).join(gap);
}

/** "1.2 MB/s" */
export const formatRate = (bytesPerSecond: number): string => scaled(bytesPerSecond, '-per-second');
/** "1.2 MB" */
export const formatBytes = (bytes: number): string => scaled(bytes, '');

/** "0.4 ms", "23 ms" */
export const formatMs = (ms: number): string =>
  new Intl.NumberFormat(currentLanguage(), {
    style: 'unit',
    unit: 'millisecond',
    maximumFractionDigits: ms < 10 ? 1 : 0,
  }).format(ms);

/** "24 Nov, 14:05"; with the year where it is another one. */
export function formatDate(ms: number): string {
  const date = new Date(ms);
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' as const };
  return new Intl.DateTimeFormat(currentLanguage(), {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    ...year,
  }).format(date);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** "3 minutes ago" */
export function formatAgo(ms: number, nowMs = Date.now()): string {
  const past = Math.max(0, nowMs - ms);
  const [unit, size] = STEPS.find(([, step]) => past >= step) ?? ['second', 1_000];
  return new Intl.RelativeTimeFormat(currentLanguage(), { numeric: 'auto' }).format(-Math.floor(past / size), unit);
}
