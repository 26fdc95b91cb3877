// A client's side of one connection, sans-IO: ask and feed it messages, then drain `next()` until it returns null.
import { fail, type Failure, type Outcome } from '../errors.ts';
import { MESSAGE_BYTES_MAX } from '../limits.ts';
import { TOPICS, type CallName, type TopicName } from '../table.ts';
import { checkParams, checkResult, readFailure } from './check.ts';
import { decodeServerMessage, encode, longerThan, PROTOCOL_VERSION } from './messages.ts';
import type { ClientMessage, ServerMessage, Welcome } from './messages.ts';
import { apply, type Json } from './patch.ts';

export type ClientOutput =
  | { kind: 'send'; text: string }
  | { kind: 'welcome'; welcome: Welcome }
  | { kind: 'answer'; id: number; outcome: Outcome<unknown> }
  /** A watched topic's whole value; what did not change is the same object as before. */
  | { kind: 'value'; id: number; value: unknown }
  /** This watch was refused or ended by the engine. */
  | { kind: 'unwatched'; id: number; failure: Failure }
  /** The connection is over and has to be closed; everything open was answered with this failure. */
  | { kind: 'ended'; failure: Failure };

interface Watch {
  topic: TopicName;
  rev: number;
  /** null while a snapshot is awaited; patches are ignored until it comes. */
  value: { json: Json } | null;
}

export class ClientMachine {
  readonly #outputs: ClientOutput[] = [];
  readonly #calls = new Map<number, CallName>();
  readonly #watches = new Map<number, Watch>();
  #lastId = 0;
  #ended: Failure | null = null;

  /** `client` names the program, e.g. "cli 0.1.0". Says hello at once; calls need not wait for the welcome. */
  constructor(options: { client: string; token?: string }) {
    const token = options.token === undefined ? {} : { token: options.token };
    this.#send({ type: 'hello', version: PROTOCOL_VERSION, client: options.client.slice(0, 256), ...token });
  }

  get ended(): Failure | null {
    return this.#ended;
  }

  next(): ClientOutput | null {
    return this.#outputs.shift() ?? null;
  }

  /** Starts a call; its `answer` output comes exactly once, bad parameters included. */
  call(name: CallName, params: unknown): number {
    const id = ++this.#lastId;
    const checked = this.#ended ? fail(this.#ended.code, this.#ended.data) : checkParams(name, params);
    if (!checked.ok) {
      this.#outputs.push({ kind: 'answer', id, outcome: checked });
      return id;
    }
    this.#calls.set(id, name);
    this.#send({ type: 'call', id, name, params: params ?? {} });
    return id;
  }

  /** The call ends with `cancelled`, unless its answer is on the way already. What it did is not undone. */
  cancel(id: number): void {
    if (this.#calls.has(id)) this.#send({ type: 'cancel', id });
  }

  watch(topic: TopicName): number {
    const id = ++this.#lastId;
    if (this.#ended) this.#outputs.push({ kind: 'unwatched', id, failure: this.#ended });
    else {
      this.#watches.set(id, { topic, rev: 0, value: null });
      this.#send({ type: 'watch', id, topic });
    }
    return id;
  }

  unwatch(id: number): void {
    if (this.#watches.delete(id)) this.#send({ type: 'unwatch', id });
  }

  /** One message from the engine. Types of later versions are ignored. */
  receive(text: string): void {
    if (this.#ended) return;
    if (longerThan(text, MESSAGE_BYTES_MAX)) return this.end({ code: 'too-large', data: { what: 'message' } });
    const decoded = decodeServerMessage(text);
    if (decoded.kind === 'unknown') return;
    if (decoded.kind === 'bad') return this.end({ code: 'internal', data: { why: 'unreadable message' } });
    this.#accept(decoded.message);
  }

  /** The carrier is gone (or shall go): everything open fails with this. */
  end(failure: Failure): void {
    if (this.#ended) return;
    this.#ended = failure;
    for (const id of this.#calls.keys())
      this.#outputs.push({ kind: 'answer', id, outcome: { ok: false, error: failure } });
    for (const id of this.#watches.keys()) this.#outputs.push({ kind: 'unwatched', id, failure });
    this.#calls.clear();
    this.#watches.clear();
    this.#outputs.push({ kind: 'ended', failure });
  }

  /** A polite end of one's own. */
  bye(): void {
    if (!this.#ended) this.#send({ type: 'bye', code: 'cancelled' });
    this.end({ code: 'cancelled' });
  }

  #accept(message: ServerMessage): void {
    if (message.type === 'welcome') this.#outputs.push({ kind: 'welcome', welcome: message });
    else if (message.type === 'bye') this.end(readFailure(message));
    else if (message.type === 'answer') this.#answer(message);
    else if (message.type === 'snapshot') this.#snapshot(message);
    else this.#patch(message);
  }

  #answer(message: Extract<ServerMessage, { type: 'answer' }>): void {
    const { id } = message;
    const failure = message.error ? readFailure(message.error) : null;
    if (this.#watches.has(id)) {
      this.#watches.delete(id);
      this.#outputs.push({
        kind: 'unwatched',
        id,
        failure: failure ?? { code: 'internal', data: { why: 'no topic' } },
      });
      return;
    }
    const name = this.#calls.get(id);
    if (name === undefined) return;
    this.#calls.delete(id);
    const outcome = failure ? fail(failure.code, failure.data) : checkResult(name, message.result);
    this.#outputs.push({ kind: 'answer', id, outcome });
  }

  /** Checked but not stripped: fields of later versions stay, because patches may name them. */
  #snapshot(message: Extract<ServerMessage, { type: 'snapshot' }>): void {
    const watch = this.#watches.get(message.id);
    if (!watch) return;
    if (!TOPICS[watch.topic].snapshot.safeParse(message.value).success) {
      this.#watches.delete(message.id);
      this.#send({ type: 'unwatch', id: message.id });
      this.#outputs.push({ kind: 'unwatched', id: message.id, failure: { code: 'engine-outdated' } });
      return;
    }
    watch.rev = message.rev;
    watch.value = { json: message.value as Json };
    this.#outputs.push({ kind: 'value', id: message.id, value: message.value });
  }

  #patch(message: Extract<ServerMessage, { type: 'patch' }>): void {
    const watch = this.#watches.get(message.id);
    if (!watch?.value) return;
    const patched = message.rev === watch.rev + 1 ? apply(watch.value.json, message.ops) : null;
    if (!patched) {
      // A gap, or an operation that does not fit: ask for the whole again.
      watch.value = null;
      this.#send({ type: 'watch', id: message.id, topic: watch.topic });
      return;
    }
    watch.rev = message.rev;
    watch.value = { json: patched.value };
    this.#outputs.push({ kind: 'value', id: message.id, value: patched.value });
  }

  #send(message: ClientMessage): void {
    this.#outputs.push({ kind: 'send', text: encode(message) });
  }
}
