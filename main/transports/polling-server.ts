// Links over plain HTTP requests, for proxies that let nothing else through: the listener's half, on engine.io's polling.
// Loaded when the first request comes.
import { Server, type Socket as Session } from 'engine.io';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { endpointText } from './address.ts';
import { POLL_PAYLOAD_BYTES_MAX, POLL_PING_MS, POLL_PING_TIMEOUT_MS, POLL_SESSIONS_MAX } from './limits.ts';
import { PollingLink } from './polling-link.ts';
import type { LinkIo } from './transport.ts';

export interface PollingServerOptions {
  onLink(io: LinkIo): void;
  /** A request of an open link came by this connection. */
  onUse(socket: Socket): void;
}

export class PollingServer {
  readonly #options: PollingServerOptions;
  readonly #engine: Server;
  /** Ids of open sessions. */
  readonly #open = new Set<string>();

  constructor(options: PollingServerOptions) {
    this.#options = options;
    this.#engine = new Server({
      transports: ['polling'],
      allowUpgrades: false,
      httpCompression: false,
      cookie: false,
      maxHttpBufferSize: POLL_PAYLOAD_BYTES_MAX,
      pingInterval: POLL_PING_MS,
      pingTimeout: POLL_PING_TIMEOUT_MS,
      allowRequest: (_, answer) => answer(null, this.#engine.clientsCount < POLL_SESSIONS_MAX),
    });
    this.#engine.on('connection', (session: Session) => this.#opened(session));
  }

  handle(request: IncomingMessage, response: ServerResponse, transport: 'http' | 'https'): void {
    transports.set(request, transport);
    const sid = new URLSearchParams((request.url ?? '').split('?')[1]).get('sid');
    if (sid !== null && this.#open.has(sid)) this.#options.onUse(request.socket);
    this.#engine.handleRequest(request as never, response as never);
  }

  close(): void {
    this.#engine.close();
  }

  #opened(session: Session): void {
    const { id } = session as unknown as { id: string };
    this.#open.add(id);
    session.on('close', () => this.#open.delete(id));
    const request = session.request as unknown as IncomingMessage;
    const { remoteAddress, remotePort } = request.socket;
    const endpoint = endpointText(remoteAddress ?? '?', remotePort ?? 0);
    const link = new PollingLink(session, { transport: transports.get(request) ?? 'http', endpoint });
    // The session's first answer goes out after this turn; nothing may come before it.
    this.#options.onLink(link);
  }
}

/** By which kind of connection a session began. */
const transports = new WeakMap<IncomingMessage, 'http' | 'https'>();
