// The typed client that UI, CLI and SDK use: promises and callbacks around the machine, over any carrier.
import type { Failure, Outcome } from '../errors.ts';
import type { CallInput, CallName, CallResult, TopicName, TopicValue } from '../table.ts';
import type { Carrier } from './carrier.ts';
import { ClientMachine } from './client-machine.ts';
import type { Welcome } from './messages.ts';

export interface RunningCall<T> {
  /** Never rejects. */
  outcome: Promise<Outcome<T>>;
  /** Ends the waiting with `cancelled`; what the engine did already is not undone. */
  cancel(): void;
}

/** What everything above the protocol depends on; fakes implement this. */
export interface ContractClient {
  /** Never rejects: failures are data. `engine-unreachable` when the connection ends before the answer. */
  call<N extends CallName>(name: N, params: CallInput<N>): Promise<Outcome<CallResult<N>>>;
  /** Like `call`, with a way to stop waiting. */
  start<N extends CallName>(name: N, params: CallInput<N>): RunningCall<CallResult<N>>;
  /**
   * `onValue` gets the whole value, first and after each change; unchanged parts keep their identity. `onEnd` is called once when
   * the engine ends the watch or the connection is lost (not after unwatching). Returns the function that unwatches.
   */
  watch<T extends TopicName>(
    topic: T,
    onValue: (value: TopicValue<T>) => void,
    onEnd?: (failure: Failure) => void,
  ): () => void;
  /** Resolves when the engine has welcomed or refused this client. Never rejects. */
  readonly ready: Promise<Outcome<Welcome>>;
  /** Called once when the connection is over; at once when it is already. */
  onEnd(callback: (failure: Failure) => void): void;
  close(): void;
}

export interface ClientOptions {
  /** Names the program in the engine's log, e.g. "cli 0.1.0". */
  client: string;
  /** Where the carrier asks for one (WebSocket). */
  token?: string;
}

export class Client implements ContractClient {
  readonly ready: Promise<Outcome<Welcome>>;
  readonly #carrier: Carrier;
  readonly #machine: ClientMachine;
  readonly #calls = new Map<number, (outcome: Outcome<unknown>) => void>();
  readonly #watches = new Map<number, { onValue: (value: never) => void; onEnd?: (failure: Failure) => void }>();
  readonly #endings: ((failure: Failure) => void)[] = [];
  #settle: (outcome: Outcome<Welcome>) => void = () => {};
  #draining = false;

  constructor(carrier: Carrier, options: ClientOptions) {
    this.#carrier = carrier;
    this.#machine = new ClientMachine(options);
    this.ready = new Promise((resolve) => (this.#settle = resolve));
    this.#drain();
    carrier.onMessage((text) => {
      this.#machine.receive(text);
      this.#drain();
    });
    carrier.onClose(() => {
      this.#machine.end({ code: 'engine-unreachable' });
      this.#drain();
    });
  }

  call<N extends CallName>(name: N, params: CallInput<N>): Promise<Outcome<CallResult<N>>> {
    return this.start(name, params).outcome;
  }

  start<N extends CallName>(name: N, params: CallInput<N>): RunningCall<CallResult<N>> {
    const id = this.#machine.call(name, params);
    const outcome = new Promise<Outcome<CallResult<N>>>((resolve) => {
      this.#calls.set(id, resolve as (outcome: Outcome<unknown>) => void);
    });
    this.#drain();
    const cancel = (): void => {
      this.#machine.cancel(id);
      this.#drain();
    };
    return { outcome, cancel };
  }

  watch<T extends TopicName>(
    topic: T,
    onValue: (value: TopicValue<T>) => void,
    onEnd?: (failure: Failure) => void,
  ): () => void {
    const id = this.#machine.watch(topic);
    this.#watches.set(id, onEnd ? { onValue, onEnd } : { onValue });
    this.#drain();
    return () => {
      this.#watches.delete(id);
      this.#machine.unwatch(id);
      this.#drain();
    };
  }

  onEnd(callback: (failure: Failure) => void): void {
    if (this.#machine.ended) callback(this.#machine.ended);
    else this.#endings.push(callback);
  }

  close(): void {
    this.#machine.bye();
    this.#drain();
  }

  /** Callbacks may call back into the client, so there is one loop at a time. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let output = this.#machine.next(); output; output = this.#machine.next()) this.#handle(output);
    } finally {
      this.#draining = false;
    }
  }

  #handle(output: NonNullable<ReturnType<ClientMachine['next']>>): void {
    switch (output.kind) {
      case 'send':
        return this.#carrier.send(output.text);
      case 'welcome':
        return this.#settle({ ok: true, value: output.welcome });
      case 'answer': {
        const resolve = this.#calls.get(output.id);
        this.#calls.delete(output.id);
        return resolve?.(output.outcome);
      }
      case 'value':
        return this.#watches.get(output.id)?.onValue(output.value as never);
      case 'unwatched': {
        const watch = this.#watches.get(output.id);
        this.#watches.delete(output.id);
        return watch?.onEnd?.(output.failure);
      }
      case 'ended':
        this.#settle({ ok: false, error: output.failure });
        this.#carrier.close();
        for (const callback of this.#endings.splice(0)) callback(output.failure);
    }
  }
}
