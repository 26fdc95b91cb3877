// Byte streams to a proxy and through it by CONNECT.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { endpointText } from '../address.ts';
import { openTcp, secureStream, type Opened } from '../open-stream.ts';
import type { DialCode, ProxyServer } from '../transport.ts';
import { proxyAuth } from './auth.ts';

const failed = (code: DialCode): Opened => ({ ok: false, code });
/** How long an answer of a proxy's may be, bytes of headers. */
const PROXY_HEADER_BYTES_MAX = 16_384;

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
