// Byte streams to a target, straight or through a proxy, plain or inside TLS that nobody verifies.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { endpointText } from './address.ts';
import { proxyAuth } from './proxy/auth.ts';
import { prepare } from './stream-link.ts';
import type { DialCode, DialTarget, ProxyServer } from './transport.ts';

export type Opened = { ok: true; socket: Socket } | { ok: false; code: DialCode };

const failed = (code: DialCode): Opened => ({ ok: false, code });
/** How long an answer of a proxy's may be, bytes of headers. */
const PROXY_HEADER_BYTES_MAX = 16_384;

/** Connects to the target's port, through its proxy (CONNECT) if it names one; `secure` puts TLS on top. The signal ends it. */
export async function openStream(target: DialTarget, secure: boolean, signal: AbortSignal): Promise<Opened> {
  const { host, port, proxy } = target;
  const plain = proxy ? await openTunnel(proxy, host, port, signal) : await openTcp(host, port, signal);
  return plain.ok && secure ? secureStream(plain.socket, host, signal) : plain;
}

/** Connects to the proxy itself. */
export async function openProxy(proxy: ProxyServer, signal: AbortSignal): Promise<Opened> {
  const plain = await openTcp(proxy.host, proxy.port, signal);
  const opened = plain.ok && proxy.scheme === 'https' ? await secureStream(plain.socket, proxy.host, signal) : plain;
  return opened.ok || opened.code === 'cancelled' ? opened : failed('proxy-unreachable');
}

/** Through a CONNECT proxy. One more connection when it asks who we are. */
export async function openTunnel(proxy: ProxyServer, host: string, port: number, signal: AbortSignal): Promise<Opened> {
  const first = await askTunnel(proxy, host, port, signal);
  return first === 'again' ? orRefused(await askTunnel(proxy, host, port, signal)) : first;
}

const orRefused = (answer: Opened | 'again'): Opened => (answer === 'again' ? failed('proxy-auth') : answer);

async function askTunnel(
  proxy: ProxyServer,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Opened | 'again'> {
  const opened = await openProxy(proxy, signal);
  if (!opened.ok) return opened;
  const { socket } = opened;
  const authority = endpointText(host, port);
  const auth = proxyAuth(proxy);
  const authorization = auth.header('CONNECT', authority);
  const headers: Record<string, string> = { Host: authority, 'Proxy-Connection': 'keep-alive' };
  if (authorization) headers['Proxy-Authorization'] = authorization;
  return new Promise((resolve) => {
    let settled = false;
    const end = (result: Opened | 'again'): void => {
      // The request closes after its stream was handed over, too.
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', abort);
      if (result === 'again' || !result.ok) socket.destroy();
      resolve(result);
    };
    const abort = (): void => end(failed('cancelled'));
    signal.addEventListener('abort', abort);
    const request = httpRequest({
      method: 'CONNECT',
      path: authority,
      headers,
      maxHeaderSize: PROXY_HEADER_BYTES_MAX,
      // It was paused so that nothing gets lost; a proxy says nothing before it was asked.
      createConnection: () => socket.resume(),
    });
    request.on('error', () => end(failed('proxy-refused')));
    request.on('close', () => end(failed('proxy-refused')));
    request.on('connect', (response: IncomingMessage, _: Socket, head: Buffer) => {
      const status = response.statusCode ?? 0;
      if (status === 407)
        return end(auth.challenge(response.rawHeaders, authorization) ? 'again' : failed('proxy-auth'));
      if (status < 200 || status > 299) return end(failed('proxy-refused'));
      socket.removeAllListeners('error');
      socket.pause();
      if (head.length > 0) socket.unshift(head);
      end({ ok: true, socket });
    });
    request.end();
  });
}

export function openTcp(host: string, port: number, signal: AbortSignal): Promise<Opened> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    settle(socket, 'connect', signal, resolve, codeOf);
  });
}

/** TLS on a connected stream: the other end's certificate is not looked at. */
export function secureStream(under: Socket, host: string, signal: AbortSignal): Promise<Opened> {
  return new Promise((resolve) => {
    const socket = connectTls({
      socket: under,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      // An address is no server name (RFC 6066).
      ...(isIP(host) ? {} : { servername: host }),
    });
    settle(socket, 'secureConnect', signal, resolve, (error) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'closed' : 'protocol',
    );
  });
}

function settle(
  socket: Socket,
  ready: string,
  signal: AbortSignal,
  resolve: (opened: Opened) => void,
  codeFor: (error: NodeJS.ErrnoException) => DialCode,
): void {
  const end = (opened: Opened): void => {
    signal.removeEventListener('abort', abort);
    socket.removeListener('error', fail);
    socket.removeListener('close', close);
    if (!opened.ok) {
      // What a dying socket still says is nobody's business.
      socket.on('error', () => {});
      socket.destroy();
    }
    resolve(opened);
  };
  const abort = (): void => end(failed('cancelled'));
  const fail = (error: NodeJS.ErrnoException): void => end(failed(codeFor(error)));
  const close = (): void => end(failed('closed'));
  if (signal.aborted) return abort();
  signal.addEventListener('abort', abort);
  socket.once('error', fail);
  socket.once('close', close);
  socket.once(ready, () => {
    prepare(socket);
    socket.pause();
    end({ ok: true, socket });
  });
}

function codeOf({ code }: NodeJS.ErrnoException): DialCode {
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ETIMEDOUT') return 'timeout';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : 'unreachable';
}
