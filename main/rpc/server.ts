// Serves the contract to any number of clients over any carriers: runs the calls, feeds the watches, enforces the limits.
import { fail, type Outcome } from '../../app/contract/errors.ts';
import { HELLO_TIMEOUT_MS, MESSAGE_BYTES_MAX, PATCHES_PER_SECOND_MAX } from '../../app/contract/limits.ts';
import type { Carrier, Json } from '../../app/contract/protocol/index.ts';
import { ServerMachine } from '../../app/contract/protocol/index.ts';
import type { Access, CallName, CallParams, CallResult, TopicName, TopicValue } from '../../app/contract/table.ts';

export interface CallContext {
  access: Access;
  /** The name the client gave itself. */
  client: string;
  /** Aborted when the client cancelled or went away. */
  signal: AbortSignal;
}

/** One function per call. Expected failures are outcomes; a throw is a bug and is answered as `internal`. */
export type Handlers = {
  [N in CallName]: (
    params: CallParams<N>,
    context: CallContext,
  ) => Promise<Outcome<CallResult<N>>> | Outcome<CallResult<N>>;
};

/** A topic's value. Values handed out must not be changed afterwards (the next one may share parts with them). */
export interface Source<T> {
  value(): T;
  /** Calls back after each change (as often as it likes: the server merges); returns the function that stops it. */
  onChange(callback: () => void): () => void;
}
export type Sources = { [T in TopicName]: Source<TopicValue<T>> };

export interface RpcServerOptions {
  handlers: Handlers;
  topics: Sources;
  /** Version of the program. */
  version: string;
  /** Gets what nobody expected: throws of handlers, results that do not fit. */
  onBug?: (where: string, error: unknown) => void;
}

/** Whoever does not read is disconnected beyond this, and gets no patches beyond an eighth of it. */
export const UNREAD_BYTES_MAX = 2 * MESSAGE_BYTES_MAX;
export const CONNECTIONS_MAX = 64;
const PATCH_INTERVAL_MS = 1000 / PATCHES_PER_SECOND_MAX;
const now = (): number => performance.now();

export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #connections = new Set<Connection>();

  constructor(options: RpcServerOptions) {
    this.#options = options;
  }

  /** Serves one client. `access` is what it may do, or decides that from the token in its `hello` (null refuses). */
  accept(carrier: Carrier, access: Access | ((token: string | undefined) => Access | null)): void {
    const authorize = typeof access === 'function' ? access : () => access;
    const connection = new Connection(carrier, authorize, this.#options, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    if (this.#connections.size > CONNECTIONS_MAX) connection.end('busy');
  }

  /** Connected clients. */
  get size(): number {
    return this.#connections.size;
  }

  /** Says goodbye to every client. */
  close(): void {
    for (const connection of [...this.#connections]) connection.end('engine-unreachable');
  }
}

interface Watch {
  stop: () => void;
  timer: NodeJS.Timeout | null;
  lastMs: number;
  topic: TopicName;
}

class Connection {
  readonly #machine: ServerMachine;
  readonly #calls = new Map<number, AbortController>();
  readonly #watches = new Map<number, Watch>();
  readonly #hello: NodeJS.Timeout;
  #over = false;
  readonly #carrier: Carrier;
  readonly #options: RpcServerOptions;
  readonly #onOver: () => void;

  constructor(
    carrier: Carrier,
    authorize: (token: string | undefined) => Access | null,
    options: RpcServerOptions,
    onOver: () => void,
  ) {
    this.#carrier = carrier;
    this.#options = options;
    this.#onOver = onOver;
    this.#machine = new ServerMachine({ authorize, engine: options.version });
    this.#hello = setTimeout(() => {
      if (!this.#machine.welcomed) this.end('timeout');
    }, HELLO_TIMEOUT_MS);
    carrier.onMessage((text) => {
      this.#machine.receive(text, now());
      this.#drain();
    });
    carrier.onClose(() => this.#finish());
  }

  end(code: 'busy' | 'timeout' | 'too-large' | 'engine-unreachable'): void {
    this.#machine.end({ code });
    this.#drain();
  }

  #drain(): void {
    for (let output = this.#machine.next(); output; output = this.#machine.next()) {
      if (output.kind === 'send') this.#carrier.send(output.text);
      else if (output.kind === 'call') this.#call(output.id, output.name, output.params);
      else if (output.kind === 'cancel') this.#calls.get(output.id)?.abort();
      else if (output.kind === 'watch') this.#watch(output.id, output.topic);
      else if (output.kind === 'unwatch') this.#unwatch(output.id);
      else this.#finish();
    }
    if (!this.#over && this.#carrier.buffered() > UNREAD_BYTES_MAX) this.end('too-large');
  }

  #call(id: number, name: CallName, params: unknown): void {
    const abort = new AbortController();
    this.#calls.set(id, abort);
    const context = { access: this.#machine.access, client: this.#machine.client, signal: abort.signal };
    const handler = this.#options.handlers[name] as (
      params: unknown,
      context: CallContext,
    ) => Promise<Outcome<unknown>>;
    void run(handler, params, context, (error) => this.#options.onBug?.(name, error)).then((outcome) => {
      this.#calls.delete(id);
      this.#machine.answer(id, outcome);
      this.#drain();
    });
  }

  #watch(id: number, topic: TopicName): void {
    this.#unwatch(id);
    const watch: Watch = { stop: () => {}, timer: null, lastMs: -Infinity, topic };
    this.#watches.set(id, watch);
    watch.stop = this.#options.topics[topic].onChange(() => this.#changed(id, watch));
    this.#publish(id, watch);
  }

  /** The first change is told at once, later ones when the interval has passed. */
  #changed(id: number, watch: Watch): void {
    if (watch.timer || this.#watches.get(id) !== watch) return;
    const wait = Math.max(0, watch.lastMs + PATCH_INTERVAL_MS - now());
    watch.timer = setTimeout(() => {
      watch.timer = null;
      this.#publish(id, watch);
      this.#drain();
    }, wait);
  }

  #publish(id: number, watch: Watch): void {
    watch.lastMs = now();
    // A slow reader is told less often, and then everything at once.
    if (this.#carrier.buffered() > UNREAD_BYTES_MAX / 8) return this.#changed(id, watch);
    try {
      this.#machine.publish(id, this.#options.topics[watch.topic].value() as Json);
    } catch (error) {
      this.#options.onBug?.(watch.topic, error);
    }
  }

  #unwatch(id: number): void {
    const watch = this.#watches.get(id);
    if (!watch) return;
    this.#watches.delete(id);
    watch.stop();
    if (watch.timer) clearTimeout(watch.timer);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#hello);
    for (const id of [...this.#watches.keys()]) this.#unwatch(id);
    for (const abort of this.#calls.values()) abort.abort();
    this.#calls.clear();
    this.#carrier.close();
    this.#onOver();
  }
}

async function run(
  handler: (params: unknown, context: CallContext) => Promise<Outcome<unknown>> | Outcome<unknown>,
  params: unknown,
  context: CallContext,
  onBug: (error: unknown) => void,
): Promise<Outcome<unknown>> {
  try {
    return await handler(params, context);
  } catch (error) {
    onBug(error);
    return fail('internal', { why: error instanceof Error ? error.message : 'unknown' });
  }
}
