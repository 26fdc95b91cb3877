// A LinkIo over an engine.io session, the same for both ends: one message is one batch.
import { isWhole } from './framing.ts';
import { TAKE_BYTES } from './limits.ts';
import type { CloseCode, LinkEvents, LinkIo } from './transport.ts';

/** What both engine.io's server and client sessions are. */
export interface PollingSession {
  on(event: 'message', listener: (data: unknown) => void): unknown;
  on(event: 'close', listener: (reason: string) => void): unknown;
  /** All that was sent is in a response (the listener's end) or was taken by the other side (the dialler's). */
  on(event: 'drain', listener: () => void): unknown;
  send(data: Uint8Array, options: { compress: boolean }): unknown;
  close(discard?: boolean): unknown;
}

export interface PollingLinkOptions {
  transport: 'http' | 'https';
  endpoint: string;
  proxy?: string;
}

/** Messages that come before `start`: the other side may speak in its first request. */
const EARLY_MAX = 8;

export class PollingLink implements LinkIo {
  readonly transport: string;
  readonly endpoint: string;
  readonly proxy?: string;
  readonly batchBytes = TAKE_BYTES;
  readonly #session: PollingSession;
  #events: LinkEvents | null = null;
  #early: unknown[] = [];
  #ended: CloseCode | null = null;
  #buffered = 0;

  constructor(session: PollingSession, { transport, endpoint, proxy }: PollingLinkOptions) {
    this.transport = transport;
    this.endpoint = endpoint;
    if (proxy !== undefined) this.proxy = proxy;
    this.#session = session;
    session.on('message', (data) => {
      if (this.#ended) return;
      if (this.#events) this.#take(data);
      else if (this.#early.length < EARLY_MAX) this.#early.push(data);
    });
    session.on('drain', () => {
      this.#buffered = 0;
      // Not at once: the listener's end says it while it still sends.
      queueMicrotask(() => {
        if (!this.#ended && this.#buffered === 0) this.#events?.onDrain();
      });
    });
    session.on('close', () => this.#end('closed'));
  }

  start(events: LinkEvents): void {
    this.#events = events;
    if (this.#ended) return events.onClose(this.#ended);
    for (const data of this.#early.splice(0)) this.#take(data);
  }

  send(batch: Uint8Array): void {
    if (this.#ended) return;
    this.#buffered += batch.length;
    // engine.io looks for node's own kind of bytes.
    const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
    this.#session.send(bytes, { compress: false });
  }

  buffered(): number {
    return this.#buffered;
  }

  close(): void {
    this.#end('closed');
  }

  #take(data: unknown): void {
    if (this.#ended) return;
    if (data instanceof Uint8Array && isWhole(data)) this.#events?.onBatch(data);
    else this.#end('malformed');
  }

  #end(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = code;
    this.#early = [];
    this.#session.close(true);
    this.#events?.onClose(code);
  }
}
