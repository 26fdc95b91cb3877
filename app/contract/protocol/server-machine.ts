// The engine's side of one connection, sans-IO: feed it messages and answers, then drain `next()` until it returns null.
import type { Failure, Outcome } from '../errors.ts';
import {
  CALLS_IN_FLIGHT_MAX,
  MESSAGE_BYTES_MAX,
  REQUESTS_BURST_MAX,
  REQUESTS_PER_SECOND_MAX,
  REQUEST_BYTES_MAX,
  WATCHES_PER_CLIENT_MAX,
} from '../limits.ts';
import { CALLS, TOPICS, type Access, type CallName, type TopicName } from '../table.ts';
import { CONTRACT_VERSION } from '../version.ts';
import { checkParams, checkResult, isCallName } from './check.ts';
import { decodeClientMessage, encode, longerThan, PROTOCOL_VERSION } from './messages.ts';
import type { ClientMessage, ServerMessage } from './messages.ts';
import { diff, type Json } from './patch.ts';

export interface ServerMachineOptions {
  /** What a client may do who shows this token in `hello`; null refuses it (`token-wrong`). */
  authorize: (token: string | undefined) => Access | null;
  /** Version of the program, told in `welcome`. */
  engine: string;
}

export type ServerOutput =
  | { kind: 'send'; text: string }
  /** Run the call, then `answer`. `params` fit the table, defaults filled in. */
  | { kind: 'call'; id: number; name: CallName; params: unknown }
  /** Nobody waits for this call any more; `answer` is still due, and is dropped. */
  | { kind: 'cancel'; id: number }
  /** `publish` the topic's value now (also a repeated watch after a gap) and on changes. */
  | { kind: 'watch'; id: number; topic: TopicName }
  | { kind: 'unwatch'; id: number }
  /** End the connection; all calls and watches of it are over. */
  | { kind: 'close' };

interface Watch {
  topic: TopicName;
  rev: number;
  /** What the client has; null before the snapshot. */
  sent: { value: Json } | null;
}

export class ServerMachine {
  readonly #options: ServerMachineOptions;
  readonly #outputs: ServerOutput[] = [];
  readonly #calls = new Map<number, { name: CallName; cancelled: boolean }>();
  readonly #watches = new Map<number, Watch>();
  #access: Access | null = null;
  #closed = false;
  #tokens = REQUESTS_BURST_MAX;
  #refilled: number | null = null;
  /** The name that the client gave itself, for the log. */
  client = '';

  constructor(options: ServerMachineOptions) {
    this.#options = options;
  }

  get welcomed(): boolean {
    return this.#access !== null;
  }
  get access(): Access {
    return this.#access ?? 'view';
  }
  get closed(): boolean {
    return this.#closed;
  }

  next(): ServerOutput | null {
    return this.#outputs.shift() ?? null;
  }

  /** One message from the client; `now` is any clock in ms that does not go back. */
  receive(text: string, now: number): void {
    if (this.#closed) return;
    if (longerThan(text, REQUEST_BYTES_MAX)) return this.end({ code: 'too-large', data: { what: 'message' } });
    const decoded = decodeClientMessage(text);
    const allowed = this.#spend(now);
    if (decoded.kind === 'message') return this.#accept(decoded.message, allowed);
    if (!this.welcomed) return this.end({ code: 'bad-argument', data: { what: 'hello' } });
    if (decoded.kind === 'unknown') {
      if (decoded.id !== null) this.#refuse(decoded.id, { code: 'unknown-call' });
    } else if (decoded.id === null) this.end({ code: 'bad-argument', data: { what: 'message' } });
    else this.#refuse(decoded.id, { code: 'bad-argument', data: { what: 'message' } });
  }

  /** The result of a call. Late answers after cancel, or for unknown ids, are dropped. */
  answer(id: number, outcome: Outcome<unknown>): void {
    const call = this.#calls.get(id);
    if (!call || this.#closed) return;
    this.#calls.delete(id);
    if (call.cancelled) return;
    const checked = outcome.ok ? checkResult(call.name, outcome.value) : outcome;
    if (!checked.ok) return this.#refuse(id, checked.error);
    const text = encode({ type: 'answer', id, result: checked.value });
    if (longerThan(text, MESSAGE_BYTES_MAX)) return this.#refuse(id, { code: 'too-large', data: { what: 'result' } });
    this.#outputs.push({ kind: 'send', text });
  }

  /** A watch's current value, which must never be changed afterwards. Sends a snapshot, a patch, or nothing when it is the same. */
  publish(id: number, value: Json): void {
    const watch = this.#watches.get(id);
    if (!watch || this.#closed) return;
    let message: ServerMessage;
    if (watch.sent === null) {
      const parsed = TOPICS[watch.topic].snapshot.safeParse(value);
      if (!parsed.success) {
        const what = parsed.error.issues[0]?.path.join('.') ?? '';
        return this.#endWatch(id, { code: 'internal', data: { why: `topic ${watch.topic} does not fit: ${what}` } });
      }
      message = { type: 'snapshot', id, rev: ++watch.rev, value };
    } else {
      const ops = diff(watch.sent.value, value);
      if (ops.length === 0) return;
      message = { type: 'patch', id, rev: ++watch.rev, ops };
    }
    watch.sent = { value };
    const text = encode(message);
    if (longerThan(text, MESSAGE_BYTES_MAX)) this.#endWatch(id, { code: 'too-large', data: { what: watch.topic } });
    else this.#outputs.push({ kind: 'send', text });
  }

  /** Says why and closes. */
  end(failure: Failure): void {
    if (this.#closed) return;
    this.#send({ type: 'bye', code: failure.code });
    this.#closed = true;
    this.#outputs.push({ kind: 'close' });
  }

  #accept(message: ClientMessage, allowed: boolean): void {
    if (message.type === 'hello') return this.#greet(message);
    if (!this.welcomed) return this.end({ code: 'token-wrong' });
    if (message.type === 'bye') {
      this.#closed = true;
      this.#outputs.push({ kind: 'close' });
    } else if (message.type === 'cancel') this.#cancel(message.id);
    else if (message.type === 'unwatch') {
      if (this.#watches.delete(message.id)) this.#outputs.push({ kind: 'unwatch', id: message.id });
    } else if (!allowed) this.#refuse(message.id, { code: 'busy' });
    else if (message.type === 'watch') this.#watch(message.id, message.topic);
    else this.#call(message.id, message.name, message.params);
  }

  #greet(hello: Extract<ClientMessage, { type: 'hello' }>): void {
    if (this.welcomed) return this.end({ code: 'bad-argument', data: { what: 'hello' } });
    if (hello.version !== PROTOCOL_VERSION) return this.end({ code: 'engine-outdated' });
    this.#access = this.#options.authorize(hello.token);
    if (this.#access === null) return this.end({ code: 'token-wrong' });
    this.client = hello.client;
    this.#send({
      type: 'welcome',
      version: PROTOCOL_VERSION,
      contract: CONTRACT_VERSION,
      access: this.#access,
      engine: this.#options.engine,
    });
  }

  #call(id: number, name: string, params: unknown): void {
    if (this.#open(id)) return this.end({ code: 'bad-argument', data: { what: 'id' } });
    if (!isCallName(name)) return this.#refuse(id, { code: 'unknown-call' });
    if (CALLS[name].access === 'use' && this.#access !== 'use')
      return this.#refuse(id, { code: 'not-allowed', data: { role: 'view' } });
    if (this.#calls.size >= CALLS_IN_FLIGHT_MAX) return this.#refuse(id, { code: 'busy' });
    const checked = checkParams(name, params);
    if (!checked.ok) return this.#refuse(id, checked.error);
    this.#calls.set(id, { name, cancelled: false });
    this.#outputs.push({ kind: 'call', id, name, params: checked.value });
  }

  /** The place in flight stays taken until the handler is done, so that cancelling cannot pile up work. */
  #cancel(id: number): void {
    const call = this.#calls.get(id);
    if (!call || call.cancelled) return;
    call.cancelled = true;
    this.#refuse(id, { code: 'cancelled' });
    this.#outputs.push({ kind: 'cancel', id });
  }

  #watch(id: number, topic: string): void {
    const open = this.#watches.get(id);
    if (open ? open.topic !== topic : this.#open(id)) return this.end({ code: 'bad-argument', data: { what: 'id' } });
    if (open) open.sent = null;
    else {
      if (!Object.hasOwn(TOPICS, topic)) return this.#refuse(id, { code: 'unknown-call' });
      if (this.#watches.size >= WATCHES_PER_CLIENT_MAX) return this.#refuse(id, { code: 'busy' });
      this.#watches.set(id, { topic: topic as TopicName, rev: 0, sent: null });
    }
    this.#outputs.push({ kind: 'watch', id, topic: topic as TopicName });
  }

  #endWatch(id: number, failure: Failure): void {
    this.#watches.delete(id);
    this.#refuse(id, failure);
    this.#outputs.push({ kind: 'unwatch', id });
  }

  #open(id: number): boolean {
    return this.#calls.has(id) || this.#watches.has(id);
  }

  #refuse(id: number, error: Failure): void {
    this.#send({ type: 'answer', id, error });
  }

  #send(message: ServerMessage): void {
    this.#outputs.push({ kind: 'send', text: encode(message) });
  }

  #spend(now: number): boolean {
    const passed = this.#refilled === null ? 0 : Math.max(0, now - this.#refilled);
    this.#refilled = now;
    this.#tokens = Math.min(REQUESTS_BURST_MAX, this.#tokens + (passed * REQUESTS_PER_SECOND_MAX) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
