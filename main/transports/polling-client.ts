// Links over plain HTTP requests: the dialler's half, on engine.io-client's polling with requests of our own, so that they go through
// proxies and answers have a bound. Loaded when the first dial wants it.
import { Fetch, Socket as Session } from 'engine.io-client';
import { Agent, request as httpRequest, type ClientRequestArgs, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { endpointText } from './address.ts';
import { linkNames } from './dial.ts';
import { HTTP_HEADER_BYTES_MAX, POLL_PAYLOAD_BYTES_MAX, POLL_SOCKET_IDLE_MS } from './limits.ts';
import { openStream, type Opened } from './open-stream.ts';
import { PollingLink, type PollingSession } from './polling-link.ts';
import type { ProxyAuth } from './proxy/auth.ts';
import type { DialCode, DialResult, DialTarget } from './transport.ts';
import { POLLING_PATH } from './web-front.ts';

/** One waits for what comes, one says what goes. */
const CONNECTIONS_MAX = 2;
/** How long the last word may take at the end. */
const FAREWELL_MS = 1_000;

/** Opens its connections as transports do, through proxies and TLS. */
class StreamAgent extends Agent {
  readonly #open: () => Promise<Opened>;
  /** Why the last connection failed. */
  code: DialCode | null = null;

  constructor(open: () => Promise<Opened>) {
    super({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
    this.#open = open;
  }

  /** Node calls it with a callback, which its types do not say. */
  override createConnection(_: ClientRequestArgs, done: (error: Error | null, stream?: Duplex) => void): undefined {
    void this.#open().then((opened) => {
      if (opened.ok) return done(null, opened.socket.resume());
      this.code = opened.code;
      done(new Error(opened.code));
    });
  }
}

interface Way {
  agent: Agent;
  /** Before the path in the request line: a forwarding proxy wants the whole address. */
  prefix: string;
  auth: ProxyAuth | null;
  /** "Host" of the requests. */
  host: string;
}

export async function openPolling(
  transport: 'http' | 'https',
  target: DialTarget,
  signal: AbortSignal,
): Promise<DialResult> {
  const secure = transport === 'https';
  const lifetime = new AbortController();
  const proxy = secure ? null : target.proxy;
  /** A forwarding proxy is spoken to itself. */
  const forwarded = proxy && { ...(await import('./proxy/proxies.ts')), proxy };
  const agent = new StreamAgent(() =>
    forwarded ? forwarded.openProxy(forwarded.proxy, lifetime.signal) : openStream(target, secure, lifetime.signal),
  );
  const host = endpointText(target.host, target.port);
  const way: Way = {
    agent,
    prefix: forwarded ? `http://${host}` : '',
    auth: forwarded && forwarded.proxyAuth(forwarded.proxy),
    host,
  };
  return new Promise((resolve) => {
    const session = new Session(`${transport}://${host}`, {
      path: POLLING_PATH,
      transports: [requester(way)],
      upgrade: false,
      timestampRequests: false,
    });
    session.binaryType = 'nodebuffer' as never;
    const end = (code: DialCode): void => {
      resolve({ ok: false, code });
      session.close();
    };
    const abort = (): void => end('cancelled');
    signal.addEventListener('abort', abort);
    session.on('open', () =>
      resolve({ ok: true, io: new PollingLink(session as PollingSession, { transport, ...linkNames(target) }) }),
    );
    session.on('error', (error) => end(agent.code ?? codeOf(error)));
    session.on('close', () => {
      signal.removeEventListener('abort', abort);
      resolve({ ok: false, code: agent.code ?? 'closed' });
      setTimeout(() => {
        lifetime.abort();
        agent.destroy();
      }, FAREWELL_MS).unref();
    });
    if (signal.aborted) abort();
  });
}

const codeOf = (error: unknown): DialCode =>
  (error as { description?: unknown }).description === 407 ? 'proxy-auth' : 'protocol';

/** engine.io's polling with the requests made by this way. */
function requester(way: Way) {
  return class extends Fetch {
    override doPoll(): void {
      this.#ask('GET', null, (text) => this.onData(text));
    }

    override doWrite(data: string, done: () => void): void {
      this.#ask('POST', data, done);
    }

    #ask(method: 'GET' | 'POST', body: string | null, done: (text: string) => void): void {
      const { pathname, search } = new URL(this.uri());
      exchange(way, method, `${pathname}${search}`, body, (answer) => {
        if (answer.status === 200) done(answer.text);
        else this.onError('request failed', answer.status, undefined);
      });
    }
  };
}

interface Answer {
  /** 0: none came. */
  status: number;
  text: string;
}

/** One request; a second one when a proxy asks who we are. */
function exchange(way: Way, method: string, path: string, body: string | null, done: (answer: Answer) => void): void {
  const uri = `${way.prefix}${path}`;
  const authorization = way.auth?.header(method, uri) ?? null;
  const headers: Record<string, string | number> = { Host: way.host, Accept: '*/*' };
  if (authorization) headers['Proxy-Authorization'] = authorization;
  if (body !== null) {
    headers['Content-Type'] = 'text/plain;charset=UTF-8';
    headers['Content-Length'] = Buffer.byteLength(body);
  }
  const request = httpRequest({
    agent: way.agent,
    method,
    path: uri,
    headers,
    maxHeaderSize: HTTP_HEADER_BYTES_MAX,
    timeout: POLL_SOCKET_IDLE_MS,
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => done({ status: 0, text: '' }));
  request.on('response', (response: IncomingMessage) => {
    const again = response.statusCode === 407 && way.auth?.challenge(response.rawHeaders, authorization) === true;
    read(response, (answer) => (again ? exchange(way, method, path, body, done) : done(answer)));
  });
  request.end(body ?? undefined);
}

function read(response: IncomingMessage, done: (answer: Answer) => void): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  response.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > POLL_PAYLOAD_BYTES_MAX) response.destroy();
    else pieces.push(piece);
  });
  response.on('end', () => done({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }));
  response.on('error', () => done({ status: 0, text: '' }));
}
