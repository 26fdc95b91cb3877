// Time for the engine: the two clocks, one deadline timer, and word of suspends and of a stalled event loop.
import { performance } from 'node:perf_hooks';
import type { Log, Now } from '../../app/engine/ports.ts';

export const now = (): Now => ({ mono: performance.now(), wall: Date.now() });

/** The driver looks at the clocks at least this often. */
export const HEARTBEAT_MS = 1_000;
/** A heartbeat later than this, or clocks that moved apart by this, mean that the machine or process stood still. */
export const GAP_MS = 4_000;
export const LAG_ALARM_MS = 50;
/** At most one lag alarm per this time. */
const LAG_REPORT_MS = 10_000;

export interface Gap {
  /** How long nothing ran, ms, by whichever clock saw more. */
  ms: number;
  /** The wall clock was set back or forth while the process ran (no standstill). */
  clockSet: boolean;
}

export interface DriverOptions {
  /** The deadline has passed (or, after a gap, may have): handle it and set the next one. */
  onDeadline: (now: Now) => void;
  /** After sleep, SIGSTOP or a set clock, before the deadline is looked at. */
  onGap?: (gap: Gap, now: Now) => void;
  log?: Log;
  clock?: () => Now;
}

/** Calls `onDeadline` when the time has come; never early, never twice for one `set`. */
export class DeadlineDriver {
  readonly #options: DriverOptions;
  readonly #clock: () => Now;
  readonly #heartbeat: NodeJS.Timeout;
  #timer: NodeJS.Timeout | null = null;
  #deadline: number | null = null;
  #last: Now;
  /** When the timer and the heartbeat are due, monotonic ms: how late they come says how long the loop was busy. The loop's own histogram would
   * tell more, but it wakes the process a hundred times a second. */
  #timerMono = Infinity;
  #beatMono: number;
  #lagReported = -Infinity;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#clock = options.clock ?? now;
    this.#last = this.#clock();
    this.#beatMono = this.#last.mono + HEARTBEAT_MS;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  /** Monotonic ms of the next deadline; null: none. Replaces the one before. */
  set(deadline: number | null): void {
    if (deadline === this.#deadline && this.#timer) return;
    this.#deadline = deadline;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (deadline === null) return;
    // Longer waits are taken up by the heartbeat, so that no timer spans a suspend.
    const { mono } = this.#clock();
    const wait = Math.max(0, Math.ceil(deadline - mono));
    if (wait > HEARTBEAT_MS) return;
    this.#timerMono = mono + wait;
    this.#timer = setTimeout(() => this.#expire(), wait);
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#deadline = null;
  }

  #expire(): void {
    this.#timer = null;
    const time = this.#look(this.#timerMono);
    if (this.#deadline === null) return;
    if (time.mono < this.#deadline) return this.set(this.#deadline);
    this.#deadline = null;
    this.#options.onDeadline(time);
  }

  #beat(): void {
    const { mono } = this.#look(this.#beatMono);
    this.#beatMono = mono + HEARTBEAT_MS;
    if (this.#deadline !== null && !this.#timer) this.set(this.#deadline);
  }

  /** `dueMono`: when it was to be called. */
  #look(dueMono: number): Now {
    const time = this.#clock();
    const mono = time.mono - this.#last.mono;
    const wall = time.wall - this.#last.wall;
    this.#last = time;
    const stoodStill = mono > GAP_MS || wall - mono > GAP_MS;
    if (stoodStill || Math.abs(wall - mono) > GAP_MS) {
      const gap = { ms: Math.round(Math.max(mono, Math.abs(wall - mono))), clockSet: !stoodStill };
      this.#options.log?.write('info', 'clock-gap', { ...gap });
      this.#options.onGap?.(gap, time);
    } else this.#checkLag(time, time.mono - dueMono);
    return time;
  }

  #checkLag(time: Now, lateMs: number): void {
    if (lateMs <= LAG_ALARM_MS || time.mono - this.#lagReported < LAG_REPORT_MS) return;
    this.#lagReported = time.mono;
    this.#options.log?.write('warn', 'event-loop-lag', { worstMs: Math.round(lateMs) });
  }
}
