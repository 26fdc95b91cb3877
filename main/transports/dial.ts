// The dialler of every stream transport. A dial ends by itself after DIAL_TIMEOUT_MS and can be called off.
import type { ClientRequest, IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { endpointText, proxyText } from './address.ts';
import { DIAL_TIMEOUT_MS, HTTP_HEADER_BYTES_MAX, RECEIVE_BYTES_MAX } from './limits.ts';
import { openStream } from './open-stream.ts';
import { streamLink } from './stream-link.ts';
import type { DialCode, DialResult, DialTarget, Dialling, LinkIo, ProxyServer, StreamTransport } from './transport.ts';
import { WS_PATH } from './web-front.ts';
import { wsLink } from './ws-link.ts';

const failed = (code: DialCode): DialResult => ({ ok: false, code });

/** Dials by one transport; through a proxy: CONNECT for all, but "http" by plain forwarding, and "ws" by it where CONNECT is refused. */
export function dialStream(transport: StreamTransport, target: DialTarget): Dialling {
  return dialling((signal) => open(transport, target, signal));
}

/** Gives a dial its deadline and its end. */
export function dialling(
  attempt: (signal: AbortSignal) => Promise<DialResult>,
  timeoutMs: number = DIAL_TIMEOUT_MS,
): Dialling {
  const abort = new AbortController();
  let settled: ((result: DialResult) => void) | null = null;
  const result = new Promise<DialResult>((resolve) => (settled = resolve));
  const settle = (outcome: DialResult): void => {
    if (!settled) {
      if (outcome.ok) outcome.io.close();
      return;
    }
    clearTimeout(deadline);
    settled(outcome);
    settled = null;
  };
  const end = (code: DialCode): void => {
    settle(failed(code));
    abort.abort();
  };
  const deadline = setTimeout(() => end('timeout'), timeoutMs);
  attempt(abort.signal).then(settle, () => settle(failed('unavailable')));
  return { result, cancel: () => end('cancelled') };
}

function open(transport: StreamTransport, target: DialTarget, signal: AbortSignal): Promise<DialResult> {
  switch (transport) {
    case 'tcp':
    case 'tls':
      return openRaw(transport, target, signal);
    case 'ws':
    case 'wss':
      return openWs(transport, target, signal);
    case 'http':
    case 'https':
      return import('./polling-client.ts').then(({ openPolling }) => openPolling(transport, target, signal));
  }
}

/** What a link says of where it leads. */
export function linkNames(target: DialTarget): { endpoint: string; proxy?: string } {
  const endpoint = endpointText(target.host, target.port);
  return target.proxy ? { endpoint, proxy: proxyText(target.proxy) } : { endpoint };
}

async function openRaw(transport: 'tcp' | 'tls', target: DialTarget, signal: AbortSignal): Promise<DialResult> {
  const opened = await openStream(target, transport === 'tls', signal);
  if (!opened.ok) return opened;
  return { ok: true, io: streamLink(opened.socket, { transport, ...linkNames(target), dialled: true }) };
}

async function openWs(transport: 'ws' | 'wss', target: DialTarget, signal: AbortSignal): Promise<DialResult> {
  const opened = await openStream(target, transport === 'wss', signal);
  if (opened.ok) {
    const { socket } = opened;
    return shake(transport, target, signal, { createConnection: () => socket.resume() });
  }
  // Some proxies connect to 443 only, but forward an upgrade.
  if (opened.code !== 'proxy-refused' || transport === 'wss' || !target.proxy) return opened;
  return forwardWs(target.proxy, target, signal);
}

/** A second request when the proxy asks who we are: it denied CONNECT without a question. */
async function forwardWs(
  proxy: ProxyServer,
  target: DialTarget,
  signal: AbortSignal,
  isSecond = false,
): Promise<DialResult> {
  const { openProxy, proxyAuth } = await import('./proxy/proxies.ts');
  const opened = await openProxy(proxy, signal);
  if (!opened.ok) return opened;
  const { socket } = opened;
  const uri = `http://${endpointText(target.host, target.port)}${WS_PATH}`;
  const auth = proxyAuth(proxy);
  const authorization = auth.header('GET', uri);
  let isWorthAgain = false;
  const result = await shake('ws', target, signal, {
    createConnection: () => socket.resume(),
    headers: authorization ? { 'Proxy-Authorization': authorization } : {},
    finishRequest: (request: ClientRequest) => {
      request.path = uri;
      request.once('response', ({ statusCode, rawHeaders }: IncomingMessage) => {
        isWorthAgain = statusCode === 407 && auth.challenge(rawHeaders, authorization);
      });
      request.end();
    },
  });
  return isWorthAgain && !isSecond && !signal.aborted ? forwardWs(proxy, target, signal, true) : result;
}

/**
 * A WebSocket's client masks what it sends, so that nobody who has it send something chooses what a proxy sees. Here all is sealed before, and
 * to mask it would cost both ends more than all else: the key is there, and changes nothing.
 */
const keyThatChangesNothing = (key: Uint8Array): void => void key.fill(0);

/** The WebSocket handshake on a stream that is open. */
function shake(transport: 'ws' | 'wss', target: DialTarget, signal: AbortSignal, options: object): Promise<DialResult> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${transport}://${endpointText(target.host, target.port)}${WS_PATH}`, {
      perMessageDeflate: false,
      maxPayload: RECEIVE_BYTES_MAX,
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      generateMask: keyThatChangesNothing,
      ...options,
    } as ConstructorParameters<typeof WebSocket>[2]);
    const end = (code: DialCode): void => {
      signal.removeEventListener('abort', abort);
      resolve(failed(code));
      socket.terminate();
    };
    const abort = (): void => end('cancelled');
    signal.addEventListener('abort', abort);
    socket.on('error', () => end('protocol'));
    socket.on('unexpected-response', (_, { statusCode }) => end(statusCode === 407 ? 'proxy-auth' : 'protocol'));
    socket.on('open', () => {
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners();
      const io: LinkIo = wsLink(socket, { transport, ...linkNames(target) });
      resolve({ ok: true, io });
    });
    if (signal.aborted) abort();
  });
}
