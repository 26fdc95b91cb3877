// A LinkIo over a WebSocket: one binary message is one batch.
import type { WebSocket } from 'ws';
import { isWhole } from './framing.ts';
import { TAKE_BYTES } from './limits.ts';
import type { CloseCode, LinkEvents, LinkIo } from './transport.ts';

export interface WsLinkOptions {
  transport: 'ws' | 'wss';
  endpoint: string;
  proxy?: string;
}

/** `socket` is open and was not listened to yet. */
export function wsLink(socket: WebSocket, options: WsLinkOptions): LinkIo {
  return new WsLink(socket, options);
}

const BINARY = { binary: true, compress: false };

class WsLink implements LinkIo {
  readonly transport: string;
  readonly endpoint: string;
  readonly proxy?: string;
  readonly batchBytes = TAKE_BYTES;
  readonly #socket: WebSocket;
  #events: LinkEvents | null = null;
  #ended: CloseCode | null = null;
  readonly #written = (): void => {
    if (!this.#ended && this.#socket.bufferedAmount === 0) this.#events?.onDrain();
  };

  constructor(socket: WebSocket, { transport, endpoint, proxy }: WsLinkOptions) {
    this.transport = transport;
    this.endpoint = endpoint;
    if (proxy !== undefined) this.proxy = proxy;
    this.#socket = socket;
    socket.binaryType = 'nodebuffer';
    socket.pause();
    // ws says these when the other side breaks the protocol or sends too much.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#end(error.code?.startsWith('WS_ERR') ? 'malformed' : 'reset'),
    );
    socket.on('close', () => this.#end('closed'));
  }

  start(events: LinkEvents): void {
    this.#events = events;
    if (this.#ended) return events.onClose(this.#ended);
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.#ended) return;
      if (isBinary && isWhole(data)) events.onBatch(data);
      else this.#end('malformed');
    });
    this.#socket.resume();
  }

  send(batch: Uint8Array): void {
    if (!this.#ended) this.#socket.send(batch, BINARY, this.#written);
  }

  buffered(): number {
    return this.#socket.bufferedAmount;
  }

  close(): void {
    this.#end('closed');
  }

  #end(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = code;
    // No closing handshake: who does not answer it would keep the socket for half a minute.
    this.#socket.terminate();
    this.#events?.onClose(code);
  }
}
