// One TCP port for all stream transports: the first bytes tell raw Weft, TLS and HTTP apart, and inside TLS once more.
// It says nothing before it is spoken to; what is none of these is ended without a word.
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { endpointText, splitEndpoint } from './address.ts';
import { makeCertificate } from './certificate.ts';
import { PREFACE } from './framing.ts';
import { CLAIM_TIMEOUT_MS, FIRST_BYTE_TIMEOUT_MS } from './limits.ts';
import { Sockets } from './sources.ts';
import { prepare, streamLink } from './stream-link.ts';
import {
  STREAM_TRANSPORTS,
  type ListenOptions,
  type ListenResult,
  type Listener,
  type ListenerCounters,
  type StreamTransport,
} from './transport.ts';
import { WebFront } from './web-front.ts';

const TLS_HANDSHAKE_RECORD = 0x16;
const BACKLOG = 128;
/** "http/1.1" as it stands on the wire. */
const ALPN_HTTP1 = Buffer.from('\x08http/1.1', 'latin1');
/** Interceptors speak for the other side, and some know nothing newer than 1.2; Noise inside does not depend on it. */
const makeTls = (): SecureContext => createSecureContext({ ...makeCertificate(Date.now()), minVersion: 'TLSv1.2' });
const isLetter = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;

/** Fails with `port-taken` (in use, or not for this user) or `address-unavailable`. */
export async function listenShared(
  options: ListenOptions & { transports?: readonly StreamTransport[] },
): Promise<ListenResult> {
  const shared = new SharedPort(options, new Set(options.transports ?? STREAM_TRANSPORTS));
  return shared.open(options.address);
}

class SharedPort implements Listener {
  readonly #server: Server;
  readonly #tls: SecureContext | null;
  readonly #web: WebFront | null;
  readonly #sockets = new Sockets();
  readonly #onLink: ListenOptions['onLink'];
  readonly #transports: ReadonlySet<StreamTransport>;
  readonly #counters: ListenerCounters = {
    accepted: 0,
    links: 0,
    refused: { total: 0, perSource: 0 },
    strangers: 0,
    silent: 0,
    webRequests: 0,
  };
  address = '';
  port = 0;

  constructor({ onLink }: ListenOptions, transports: ReadonlySet<StreamTransport>) {
    this.#onLink = (io) => {
      this.#counters.links++;
      onLink(io);
    };
    this.#transports = transports;
    const has = (...names: StreamTransport[]): boolean => names.some((name) => transports.has(name));
    this.#web = has('ws', 'wss', 'http', 'https') ? this.#makeWeb() : null;
    this.#tls = has('tls', 'wss', 'https') ? makeTls() : null;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  async open(address: ListenOptions['address']): Promise<ListenResult> {
    const text = typeof address === 'string' ? address : address.address;
    const place = splitEndpoint(text);
    if (!place) return { ok: false, code: 'address-unavailable', address: text };
    const where = typeof address === 'string' ? { ...place, ipv6Only: place.host.includes(':') } : { fd: address.fd };
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ ...where, backlog: BACKLOG }, resolve);
      });
    } catch (error) {
      const taken = ['EADDRINUSE', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
      return { ok: false, code: taken ? 'port-taken' : 'address-unavailable', address: text };
    }
    this.#server.removeAllListeners('error');
    // Out of descriptors and the like: this connection is lost, the port stays.
    this.#server.on('error', () => {});
    const bound = this.#server.address();
    this.port = typeof bound === 'object' && bound ? bound.port : place.port;
    this.address = endpointText(place.host, this.port);
    return { ok: true, listener: this };
  }

  counters(): ListenerCounters {
    return { ...this.#counters, refused: { ...this.#counters.refused } };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#sockets.unclaim();
    this.#web?.close();
    // Links that stand keep their sockets, and net waits for those: the port itself is free at once.
    await Promise.race([closed, new Promise((resolve) => setImmediate(resolve))]);
  }

  #accept(socket: Socket): void {
    this.#counters.accepted++;
    // Without a listener an early reset would end the process.
    socket.on('error', () => socket.destroy());
    const refused = this.#sockets.enter(socket);
    if (refused) {
      this.#counters.refused[refused]++;
      socket.destroy();
      return;
    }
    prepare(socket);
    const claimBy = setTimeout(() => {
      if (this.#sockets.isUnclaimed(socket)) socket.destroy();
    }, CLAIM_TIMEOUT_MS);
    socket.once('close', () => clearTimeout(claimBy));
    this.#sniff(socket, (first) => {
      if (first[0] === TLS_HANDSHAKE_RECORD && this.#tls) this.#unwrap(socket, this.#tls);
      else this.#answer(socket, socket, first, 'plain');
    });
  }

  /** `socket` is what is spoken on, `carrier` the TCP connection under it. */
  #answer(socket: Socket, carrier: Socket, first: Buffer, inside: 'plain' | 'tls'): void {
    const raw = inside === 'tls' ? 'tls' : 'tcp';
    if (first[0] === PREFACE[0] && first[1] === PREFACE[1] && this.#transports.has(raw)) {
      socket.read(PREFACE.length);
      this.#sockets.claim(carrier);
      const endpoint = endpointText(carrier.remoteAddress ?? '?', carrier.remotePort ?? 0);
      this.#onLink(streamLink(socket, { transport: raw, endpoint, dialled: false }));
    } else if (isLetter(first[0] as number) && this.#web) {
      this.#web.serve(socket, carrier);
    } else {
      this.#counters.strangers++;
      socket.destroy();
    }
  }

  /** Waits for what tells the protocols apart (two bytes of raw, one of anything else) and leaves it unread, the socket paused. */
  #sniff(socket: Socket, then: (first: Buffer) => void): void {
    const late = setTimeout(() => {
      this.#counters.silent++;
      socket.destroy();
    }, FIRST_BYTE_TIMEOUT_MS);
    const look = (): void => {
      const first = socket.read() as Buffer | null;
      if (!first) return;
      socket.unshift(first);
      if (first[0] === PREFACE[0] && first.length < PREFACE.length) return;
      clearTimeout(late);
      socket.removeListener('readable', look);
      socket.pause();
      then(first);
    };
    socket.once('close', () => clearTimeout(late));
    socket.on('readable', look);
  }

  /** TLS on a connection whose first bytes are unread; what is inside is sniffed again. */
  #unwrap(carrier: Socket, secureContext: SecureContext): void {
    const secure = new TLSSocket(carrier, { isServer: true, secureContext, ALPNProtocols: ALPN_HTTP1 });
    secure.on('error', () => {
      secure.destroy();
      carrier.destroy();
    });
    secure.once('secure', () => this.#sniff(secure, (first) => this.#answer(secure, carrier, first, 'tls')));
  }

  #makeWeb(): WebFront {
    return new WebFront({
      transports: this.#transports,
      onLink: (io) => this.#onLink(io),
      claim: (carrier) => this.#sockets.claim(carrier),
      onStray: () => this.#counters.webRequests++,
    });
  }
}
