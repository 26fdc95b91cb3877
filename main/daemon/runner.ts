// Turns the sans-IO engine: events of the data plane in, deadlines kept, changes told. One per process.
import type { EngineApi } from '../../app/engine/api.ts';
import type { Input } from '../../app/engine/input.ts';
import type { Log, Now } from '../../app/engine/ports.ts';
import type { CallName, CallParams, CallResult } from '../../app/contract/table.ts';
import type { Outcome } from '../../app/contract/errors.ts';
import type { Dataplane, DataplaneEvent } from '../../native/addon/index.d.ts';
import { DeadlineDriver, now } from '../host/clock.ts';

const STATS_INTERVAL_MS = 1_000;
/** Polls in one turn of the event loop before others get theirs. */
const POLLS_MAX = 8;
const EVENTS_PER_POLL = 512;

export class EngineRunner {
  private readonly driver: DeadlineDriver;
  private watchers = 0;
  private statsTimer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(
    private readonly engine: EngineApi,
    private readonly dataplane: Dataplane,
    log: Log,
    /** Sees every batch of events before the engine does. */
    private readonly observe: (events: DataplaneEvent[]) => void = () => undefined,
  ) {
    this.driver = new DeadlineDriver({
      log,
      onDeadline: (time) => this.turn(() => engine.handleTimeout(time)),
      onGap: (gap, time) => {
        if (gap.clockSet) return;
        this.turn(() => engine.handle(time, { kind: 'woke', sleptMs: gap.ms }));
      },
    });
    dataplane.onWake(() => this.poll());
  }

  start(): void {
    this.turn((time) => this.engine.start(time));
    this.poll();
  }

  handle(input: Input): void {
    if (!this.stopped) this.turn((time) => this.engine.handle(time, input));
  }

  call<N extends CallName>(name: N, params: CallParams<N>): Promise<Outcome<CallResult<N>>> {
    return new Promise((answer) => this.turn((time) => this.engine.call(time, name, params, answer)));
  }

  /** Rates and round trips are sampled only while somebody looks. Returns the function that ends it. */
  watchStats(): () => void {
    if (this.watchers++ === 0)
      this.statsTimer = setInterval(() => this.handle({ kind: 'statsTick' }), STATS_INTERVAL_MS);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      if (--this.watchers === 0 && this.statsTimer) clearInterval(this.statsTimer);
    };
  }

  stop(disconnect: boolean): void {
    if (this.stopped) return;
    this.stopped = true;
    if (this.statsTimer) clearInterval(this.statsTimer);
    this.driver.stop();
    this.engine.stop(now(), disconnect);
  }

  private poll(): void {
    for (let round = 0; round < POLLS_MAX && !this.stopped; round++) {
      const events = this.dataplane.poll(EVENTS_PER_POLL);
      if (events.length === 0) return;
      this.observe(events);
      this.turn((time) => this.engine.handle(time, { kind: 'dataplane', events }));
      if (events.length < EVENTS_PER_POLL) return;
    }
    // What still comes of a data plane that was stopped is nobody's: asking on would keep the process alive for ever.
    if (!this.stopped) setImmediate(() => this.poll());
  }

  private turn(work: (time: Now) => void): void {
    if (this.stopped) return;
    work(now());
    if (!this.stopped) this.driver.set(this.engine.nextDeadline());
  }
}
