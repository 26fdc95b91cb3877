// One run of a command: reach the engine, call it, print the result or the failure, and choose the exit code.
import { describe, exitCode, fail, type Failure, type Outcome } from '../../app/contract/errors.ts';
import type { CallInput, CallName, CallResult } from '../../app/contract/table.ts';
import { connectEngine } from '../rpc/engine-client.ts';
import { programVersion } from '../host/version.ts';
import type { Io } from './io.ts';
import { clean } from './text.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 20_000;
/** These wait for other members, or for a password. */
const SLOW: Partial<Record<CallName, number>> = {
  'network.join': 90_000,
  'network.leave': 30_000,
  'doctor.run': 60_000,
  'helper.install': 300_000,
};

export interface SessionOptions {
  stateDir: string;
  json: boolean;
}

export class Session {
  readonly io: Io;
  readonly options: SessionOptions;

  constructor(io: Io, options: SessionOptions) {
    this.io = io;
    this.options = options;
  }

  /** Connects, calls and disconnects. */
  async call<N extends CallName>(name: N, params: CallInput<N>): Promise<Outcome<CallResult<N>>> {
    const connected = await within(CONNECT_TIMEOUT_MS, connectEngine(this.options.stateDir, `cli ${programVersion()}`));
    if (connected === null) return fail('timeout');
    if (!connected.ok) return connected;
    const client = connected.value;
    const outcome = await within(SLOW[name] ?? CALL_TIMEOUT_MS, client.call(name, params));
    client.close();
    return outcome ?? fail('timeout');
  }

  /** Prints a result: as JSON, or as `text` says. Returns the exit code. */
  async show<T>(pending: Promise<Outcome<T>>, text: (value: T) => string): Promise<number> {
    const outcome = await pending;
    if (!outcome.ok) return this.fail(outcome.error);
    this.io.out(this.options.json ? `${JSON.stringify(outcome.value, null, 2)}\n` : text(outcome.value));
    return 0;
  }

  /** The failure as a sentence on stderr, with --json also as an object on stdout. Returns the exit code. */
  fail(failure: Failure): number {
    const text = describe(failure);
    if (this.options.json) this.io.out(`${JSON.stringify({ error: { ...failure, text } }, null, 2)}\n`);
    this.io.err(`weft: ${clean(text)}\n`);
    return exitCode(failure);
  }
}

/** null when it took longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)));
  const result = await Promise.race([work, late]);
  clearTimeout(timer);
  return result;
}
