// Byte streams to a target, straight or through a proxy, plain or inside TLS that nobody verifies.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { prepare } from './stream-link.ts';
import type { DialCode, DialTarget } from './transport.ts';

export type Opened = { ok: true; socket: Socket } | { ok: false; code: DialCode };

const failed = (code: DialCode): Opened => ({ ok: false, code });

/** Connects to the target's port, through its proxy (CONNECT) if it names one; `secure` puts TLS on top. The signal ends it. */
export async function openStream(target: DialTarget, secure: boolean, signal: AbortSignal): Promise<Opened> {
  const { host, port, proxy } = target;
  const plain = proxy
    ? await (await import('./proxy/proxies.ts')).openTunnel(proxy, host, port, signal)
    : await openTcp(host, port, signal);
  return plain.ok && secure ? secureStream(plain.socket, host, signal) : plain;
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
