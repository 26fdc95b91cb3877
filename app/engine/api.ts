// What the engine offers to the program around it. The class is in engine.ts.
import type { Outcome } from '../contract/errors.ts';
import type { State, Traffic } from '../contract/state.ts';
import type { CallName, CallParams, CallResult } from '../contract/table.ts';
import type { Input } from './input.ts';
import type { Now } from './ports.ts';

export type Answer<N extends CallName> = (outcome: Outcome<CallResult<N>>) => void;

/**
 * The engine is sans-IO: it acts only inside these calls, on the caller's thread, by the ports it was given. After every call the
 * caller reads `nextDeadline` and arranges that `handleTimeout` is called then. Nothing throws for expected failures.
 */
export interface EngineApi {
  /** Reads the store and starts all networks that are on. Damaged files become problems; the rest starts. Call once. */
  start(now: Now): void;
  handle(now: Now, input: Input): void;
  /** Monotonic ms at which `handleTimeout` is due, null when nothing is. */
  nextDeadline(): number | null;
  handleTimeout(now: Now): void;
  /** Does a call of the contract with parameters that passed its schema; answers exactly once, at once or later. */
  call<N extends CallName>(now: Now, name: N, params: CallParams<N>, answer: Answer<N>): void;
  /** A fresh snapshot. */
  state(): State;
  /** Rates between the last two `statsTick`s. */
  traffic(): Traffic;
  /** Sets the one listener; called at most ten times a second, and never from inside a port. Read `state()` then. */
  onChange(changed: () => void): void;
  /**
   * Ends all sessions with a good-bye. `disconnect` closes the adapters; otherwise the helper keeps them for its grace time.
   * No other call may follow.
   */
  stop(now: Now, disconnect: boolean): void;
}
