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

  #values(peer: string, key: string): number[] {
    return this.samples
      .filter((sample) => sample.peer === peer)
      .map(({ figures }) => figures[key])
      .filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  }

  /** Median over the rounds; NaN when there is none. */
  median(peer: string, key: string): number {
    return median(this.#values(peer, key));
  }

  /** Least and most of the rounds; null when fewer than two have it. */
  spread(peer: string, key: string): [number, number] | null {
    const values = this.#values(peer, key);
    return values.length < 2 ? null : [Math.min(...values), Math.max(...values)];
  }

  /** "peer, scene: what" once each; of one peer if told. */
  failures(of?: string): string[] {
    const told = this.samples
      .filter(({ peer }) => of === undefined || peer === of)
      .flatMap(({ peer, scene, failed }) => (failed ?? []).map((what) => `${peer}, ${scene}: ${what}`));
    return [...new Set(told)];
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
  const value = look(of, row.key) / (target.per ? look(of, target.per) : 1);
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
