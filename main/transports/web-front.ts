// The HTTP side of a shared port, plain and inside TLS: a web server that has nothing to show, with two doors for links.
// Paths, headers and answers are the same for every network and say nothing of this program.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { endpointText } from './address.ts';
import { HTTP_HEADER_BYTES_MAX, POLL_SOCKET_IDLE_MS, RECEIVE_BYTES_MAX } from './limits.ts';
import type { PollingServer } from './polling-server.ts';
import type { LinkIo, StreamTransport } from './transport.ts';
import { wsLink } from './ws-link.ts';

/** As many a web application has them. */
export const WS_PATH = '/ws';
export const POLLING_PATH = '/socket.io/';

export interface WebFrontOptions {
  transports: ReadonlySet<StreamTransport>;
  onLink(io: LinkIo): void;
  /** The TCP connection carries a link now. */
  claim(carrier: Socket): void;
  /** A request that was none of a link's was answered. */
  onStray(): void;
}

const NOT_FOUND = '404 page not found\n';

export class WebFront {
  readonly #options: WebFrontOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: RECEIVE_BYTES_MAX, perMessageDeflate: false });
  /** The TCP connection under each socket that is served. */
  readonly #carriers = new WeakMap<Duplex, Socket>();
  #polling: Promise<PollingServer> | null = null;
  #closed = false;

  constructor(options: WebFrontOptions) {
    this.#options = options;
    this.#http = createServer({ maxHeaderSize: HTTP_HEADER_BYTES_MAX }, (request, response) =>
      this.#request(request, response),
    );
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket as Socket, head),
    );
    this.#http.on('clientError', (_, socket: Duplex) => refuse(socket, '400 Bad Request'));
    // Asked on every port of the web; without an answer of ours node would hang on to it.
    this.#http.on('connect', (_, socket: Duplex) => refuse(socket, '405 Method Not Allowed'));
  }

  /** `socket`: paused, its first bytes unread; `carrier`: the TCP connection under it. */
  serve(socket: Socket, carrier: Socket): void {
    if (this.#closed) return void socket.destroy();
    this.#carriers.set(socket, carrier);
    this.#http.emit('connection', socket);
    socket.resume();
  }

  close(): void {
    this.#closed = true;
    void this.#polling?.then((polling) => polling.close());
  }

  #may(request: IncomingMessage, plain: StreamTransport, secure: StreamTransport): StreamTransport | null {
    const name = (request.socket as { encrypted?: boolean }).encrypted ? secure : plain;
    return this.#options.transports.has(name) ? name : null;
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const transport = this.#may(request, 'http', 'https');
    if (!transport || !(request.url ?? '').startsWith(`${POLLING_PATH}?`)) return this.#stray(response);
    this.#polling ??= this.#startPolling();
    void this.#polling.then(
      (polling) => {
        if (this.#closed) return void response.destroy();
        polling.handle(request, response, transport as 'http' | 'https');
      },
      () => this.#stray(response),
    );
  }

  async #startPolling(): Promise<PollingServer> {
    const { PollingServer } = await import('./polling-server.ts');
    return new PollingServer({
      onLink: this.#options.onLink,
      // Its requests come by several connections that come and go: each one lives on while the link uses it.
      onUse: (socket) => {
        const carrier = this.#carriers.get(socket);
        if (carrier) this.#options.claim(carrier);
        socket.setTimeout(POLL_SOCKET_IDLE_MS, () => socket.destroy());
      },
    });
  }

  #stray(response: ServerResponse): void {
    this.#options.onStray();
    response.writeHead(404, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': NOT_FOUND.length,
      Connection: 'close',
    });
    response.end(NOT_FOUND);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const transport = this.#may(request, 'ws', 'wss');
    const path = (request.url ?? '').split('?')[0];
    if (!transport || path !== WS_PATH || this.#closed) {
      this.#options.onStray();
      return refuse(socket, '404 Not Found');
    }
    const carrier = this.#carriers.get(socket);
    this.#sockets.handleUpgrade(request, socket, head, (open) => {
      if (carrier) this.#options.claim(carrier);
      const endpoint = endpointText(socket.remoteAddress ?? '?', socket.remotePort ?? 0);
      this.#options.onLink(wsLink(open, { transport: transport as 'ws' | 'wss', endpoint }));
    });
  }
}

/** Ends a connection with a plain answer. */
function refuse(socket: Duplex, status: string): void {
  if (!socket.writable) return void socket.destroy();
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
