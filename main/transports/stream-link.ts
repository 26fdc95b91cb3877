// A LinkIo over a byte stream: raw TCP, or what is inside TLS.
import type { Socket } from 'node:net';
import { Deframer, PREFACE } from './framing.ts';
import { TAKE_BYTES, TCP_KEEPALIVE_MS } from './limits.ts';
import type { CloseCode, LinkEvents, LinkIo } from './transport.ts';

export interface StreamLinkOptions {
  transport: 'tcp' | 'tls';
  endpoint: string;
  proxy?: string;
  /** The dialler says first what this is. */
  dialled: boolean;
}

/** The socket is connected, paused, and says nothing before its first batch but the dialler's preface. */
export function streamLink(socket: Socket, options: StreamLinkOptions): LinkIo {
  return new StreamLink(socket, options);
}

class StreamLink implements LinkIo {
  readonly transport: string;
  readonly endpoint: string;
  readonly proxy?: string;
  readonly batchBytes = TAKE_BYTES;
  readonly #socket: Socket;
  #events: LinkEvents | null = null;
  #ended: CloseCode | null = null;
  /** One for all writes: none is made per batch. */
  readonly #written = (): void => {
    if (!this.#ended && this.#socket.writableLength === 0) this.#events?.onDrain();
  };

  constructor(socket: Socket, { transport, endpoint, proxy, dialled }: StreamLinkOptions) {
    this.transport = transport;
    this.endpoint = endpoint;
    if (proxy !== undefined) this.proxy = proxy;
    this.#socket = socket;
    socket.on('error', () => this.#end('reset'));
    socket.on('end', () => this.#end('closed'));
    socket.on('close', () => this.#end('closed'));
    if (dialled) socket.write(PREFACE);
  }

  start(events: LinkEvents): void {
    this.#events = events;
    if (this.#ended) return events.onClose(this.#ended);
    const deframer = new Deframer((batch) => {
      if (!this.#ended) events.onBatch(batch);
    });
    this.#socket.on('data', (chunk: Buffer) => {
      if (!this.#ended && !deframer.push(chunk)) this.#end('malformed');
    });
    this.#socket.resume();
  }

  send(batch: Uint8Array): void {
    if (!this.#ended) this.#socket.write(batch, this.#written);
  }

  buffered(): number {
    return this.#socket.writableLength;
  }

  close(): void {
    this.#end('closed');
  }

  #end(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = code;
    this.#socket.destroy();
    this.#events?.onClose(code);
  }
}

/** What every socket of a link gets: no waiting for more to send, and probes that find a dead other end. */
export function prepare(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
}
