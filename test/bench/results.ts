// What was measured, kept line by line so that a run that is cut short still tells what it saw.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Figures, Row, Target } from './measure.ts';
import { median } from './statistics.ts';

export interface Sample {
  peer: string;
  scene: string;
  round: number;
  transport: string;
  figures: Figures;
  /** Measures that could not be taken, in words. */
  failed?: string[];
}

export class Results {
  readonly samples: Sample[] = [];

  constructor(
    private readonly file: string,
    keep: boolean,
  ) {
    mkdirSync(dirname(file), { recursive: true });
    if (!keep) rmSync(file, { force: true });
    if (existsSync(file))
      for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean))
        this.samples.push(JSON.parse(line) as Sample);
  }

  add(sample: Sample): void {
    this.samples.push(sample);
    appendFileSync(this.file, `${JSON.stringify(sample)}\n`);
  }

  /** Median over the rounds; NaN when there is none. */
  median(peer: string, key: string): number {
    const values = this.samples
      .filter((sample) => sample.peer === peer)
      .map(({ figures }) => figures[key])
      .filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
    return median(values);
  }

  /** "peer, scene: what" once each. */
  failures(): string[] {
    return [
      ...new Set(
        this.samples.flatMap(({ peer, scene, failed }) => (failed ?? []).map((what) => `${peer}, ${scene}: ${what}`)),
      ),
    ];
  }

  has({ peer, scene, round, transport }: Omit<Sample, 'figures' | 'failed'>): boolean {
    return this.samples.some(
      (sample) =>
        sample.peer === peer && sample.scene === scene && sample.round === round && sample.transport === transport,
    );
  }

  get rounds(): number {
    return Math.max(0, ...this.samples.map(({ round }) => round));
  }
}

export interface Judged {
  row: Row;
  target: Target;
  of: string;
  value: number;
  /** With whom it is compared ("" for none), and their value. */
  beside: string;
  besideValue: number;
  /** value/besideValue, or the value itself. */
  seen: number;
  verdict: 'aim' | 'must' | 'missed' | 'unknown';
}

/** Compares a row's target with what was seen. `self` is Weft, `rivals` the peers among which the best is sought. */
export function judge(
  row: Row,
  target: Target,
  self: string,
  rivals: readonly string[],
  look: (peer: string, key: string) => number,
): Judged {
  const of = target.of ?? self;
  const value = look(of, row.key);
  const keys = target.rows ?? [row.key];
  const candidates = target.beside === 'best' ? rivals : target.beside === null ? [] : [target.beside];
  const sign = row.better === 'more' ? 1 : -1;
  const [best] = candidates
    .flatMap((peer) => keys.map((key) => ({ peer, value: look(peer, key) })))
    .filter((other) => Number.isFinite(other.value) && other.value > 0)
    .sort((x, y) => sign * (y.value - x.value));
  const seen = target.beside === null ? value : value / (best?.value ?? NaN);
  const reaches = (bound: number | undefined) =>
    bound !== undefined && (row.better === 'more' ? seen >= bound : seen <= bound);
  const verdict = !Number.isFinite(seen)
    ? 'unknown'
    : reaches(target.aim)
      ? 'aim'
      : reaches(target.must)
        ? 'must'
        : 'missed';
  return { row, target, of, value, beside: best?.peer ?? '', besideValue: best?.value ?? NaN, seen, verdict };
}
