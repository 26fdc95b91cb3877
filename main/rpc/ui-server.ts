// One loopback port for the browser: the UI's files and the contract over WebSocket.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { fail, ok, type Outcome } from '../../app/contract/errors.ts';
import { MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX } from '../../app/contract/limits.ts';
import { socketCarrier, type Carrier } from '../../app/contract/protocol/index.ts';
import type { Access } from '../../app/contract/table.ts';
import { isLoopback, isOwnRequest, tokenMatches } from './guard.ts';
import { readUi, serveUi } from './static-ui.ts';
import type { Listener } from './unix-socket.ts';

/** Path of the WebSocket. */
export const RPC_PATH = '/rpc';
export const HTTP_CONNECTIONS_MAX = 64;
const HEADERS_TIMEOUT_MS = 10_000;
/** How long what is queued may take to be read after the end. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface UiServerOptions {
  /** A loopback address or name; others are refused with `bad-argument`. */
  host: string;
  /** 0: any free one. */
  port: number;
  /** dist/renderer; read once. */
  folder: string;
  /** Shown by the client in its `hello`; see guard.ts. */
  token: string;
  /** A client came; `authorize` goes into RpcServer.accept. */
  onCarrier: (carrier: Carrier, authorize: (token: string | undefined) => Access | null) => void;
}

/** `address` is what people open: "http://127.0.0.1:PORT/#TOKEN". Fails with `port-taken`, `address-unavailable`, `bad-argument`. */
export async function serveUiAndRpc(options: UiServerOptions): Promise<Outcome<Listener>> {
  const host = options.host.replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(host)) return fail('bad-argument', { what: `${options.host} is not a loopback address` });
  const files = readUi(options.folder);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: REQUEST_BYTES_MAX, perMessageDeflate: false });
  let port = options.port;
  const server = createServer((request, response) => {
    if (isOwnRequest(request, port)) return serveUi(files, request, response);
    response.writeHead(403, { 'Content-Type': 'text/plain' }).end('Open the address that Weft printed.\n');
  });
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  const authorize = (token: string | undefined): Access | null => (tokenMatches(options.token, token) ? 'use' : null);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (request.url !== RPC_PATH || !isOwnRequest(request, port)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (open) => options.onCarrier(socketCarrier(open), authorize));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const address = `${options.host}:${options.port}`;
    return fail(code === 'EADDRINUSE' || code === 'EACCES' ? 'port-taken' : 'address-unavailable', { address });
  }
  server.on('error', () => {});
  port = (server.address() as AddressInfo).port;
  const close = (): void => {
    server.close();
    server.closeIdleConnections?.();
    for (const open of sockets.clients) open.close();
    const rest = setTimeout(() => {
      for (const open of sockets.clients) open.terminate();
      server.closeAllConnections?.();
    }, CLOSE_TIMEOUT_MS);
    rest.unref();
  };
  return ok({ address: `http://${host.includes(':') ? `[${host}]` : host}:${port}/#${options.token}`, close });
}

/** Connects a program to the UI's port; `address` as printed, with its token. */
export function connectUi(address: string): { carrier: Carrier; token: string } {
  const url = new URL(address);
  const token = url.hash.slice(1);
  const socket = new WebSocket(`ws://${url.host}${RPC_PATH}`, {
    maxPayload: MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
  });
  return { carrier: socketCarrier(socket), token };
}
