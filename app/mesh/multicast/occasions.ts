// When a cast is planned anew: soon after something changed, and now and then while its trees carry.
import {
  COALESCE_MS,
  EPOCH_EVERY_MS,
  IMPROVE_FIRST_MS,
  IMPROVE_MOST_MS,
  IMPROVE_PER_MEMBER_MS,
  KEEP_EVERY_MS,
  RATE_CHECK_MS,
  RATE_WAIT_MS,
} from './limits.ts';

export class Occasions {
  readonly #bornMono: number;
  #planMono: number;
  #plannedMono = -Infinity;
  #rateMono: number;
  #keepMono = Infinity;
  #improveMono = Infinity;
  #improveMs = IMPROVE_FIRST_MS;

  constructor(nowMono: number) {
    [this.#planMono, this.#bornMono] = [nowMono, nowMono];
    this.#rateMono = nowMono + RATE_CHECK_MS;
  }

  /** Of the next plan; Infinity: none is due. */
  get planMono(): number {
    return this.#planMono;
  }

  /** When the first of `keep`, `improve` and the rate is due. */
  get checkMono(): number {
    return Math.min(this.#keepMono, this.#improveMono, this.#rateMono);
  }

  /** Something that a plan depends on changed. */
  soon(nowMono: number, waitMs = COALESCE_MS): void {
    this.#planMono = Math.min(this.#planMono, Math.max(nowMono + waitMs, this.#plannedMono + EPOCH_EVERY_MS));
  }

  /** The next plan is made then at the latest. */
  by(atMono: number): void {
    this.#planMono = Math.min(this.#planMono, atMono);
  }

  /** A plan is made. */
  planned(nowMono: number): void {
    this.#planMono = Infinity;
    this.#plannedMono = nowMono;
  }

  /** A first plan can wait for the stream's rate. False: it has waited long enough. */
  awaitRate(nowMono: number): boolean {
    const rateMono = this.#bornMono + RATE_WAIT_MS;
    if (nowMono >= rateMono) return false;
    [this.#planMono, this.#plannedMono] = [rateMono, -Infinity];
    return true;
  }

  /** Packets take the trees from now on. */
  carries(nowMono: number): void {
    [this.#keepMono, this.#improveMono] = [nowMono + KEEP_EVERY_MS, nowMono + this.#improveMs];
  }

  /** True when nodes are to hear that their trees still stand. */
  keep(nowMono: number): boolean {
    if (nowMono < this.#keepMono) return false;
    this.#keepMono = nowMono + KEEP_EVERY_MS;
    return true;
  }

  /** True when places may be known better by now, and sessions be up. */
  improve(nowMono: number, receivers: number): boolean {
    if (nowMono < this.#improveMono) return false;
    const most = Math.max(IMPROVE_MOST_MS, receivers * IMPROVE_PER_MEMBER_MS);
    this.#improveMs = Math.min(most, 2 * this.#improveMs);
    this.#improveMono = nowMono + this.#improveMs;
    return true;
  }

  /** When the rate is looked at next. */
  get rateMono(): number {
    return this.#rateMono;
  }

  /** The rate is looked at. */
  rateChecked(nowMono: number): void {
    this.#rateMono = nowMono + RATE_CHECK_MS;
  }
}
