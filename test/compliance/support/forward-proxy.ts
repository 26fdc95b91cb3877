// An HTTP proxy as offices have them, on loopback: CONNECT, forwarding and upgrades each allowed or not, with Basic or Digest
// authentication judged by the formulas of RFC 7616 written out here once more.
import { createHash } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export const USER = 'office';
export const PASSWORD = 'correct: "horse"';
const REALM = 'the office';

export interface ForwardProxyOptions {
  auth?: 'none' | 'basic' | 'digest-md5' | 'digest-sha256';
  /** Whether CONNECT is served. */
  connect?: boolean;
  /** Whether `Upgrade` passes in a forwarded request. */
  upgrades?: boolean;
  /** Digest: how often one nonce may be used; more and it is stale. */
  nonceUses?: number;
}

export interface ForwardProxy {
  port: number;
  /** "CONNECT 127.0.0.1:443 407" for each request, in order of the answers. */
  served: string[];
  close(): Promise<void>;
}

const hash = (kind: string, text: string): string => createHash(kind).update(text).digest('hex');

/** What stands in a Digest header, names in lower case. */
function fields(header: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', quoted, plain] of header.slice(7).matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g))
    found[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
  return found;
}

class Guard {
  #nonce = 'n1';
  #uses = 0;

  constructor(private readonly options: ForwardProxyOptions) {}

  challenge(): string {
    const { auth } = this.options;
    if (auth === 'basic') return `Basic realm="${REALM}"`;
    const algorithm = auth === 'digest-sha256' ? 'SHA-256' : 'MD5';
    return `Digest realm="${REALM}", nonce="${this.#nonce}", qop="auth", algorithm=${algorithm}, opaque="o"`;
  }

  admits(request: IncomingMessage): boolean {
    const { auth = 'none', nonceUses = Infinity } = this.options;
    const header = request.headers['proxy-authorization'] ?? '';
    if (auth === 'none') return true;
    if (auth === 'basic') return header === `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
    const kind = auth === 'digest-md5' ? 'md5' : 'sha256';
    const said = fields(header);
    const secret = hash(kind, `${USER}:${REALM}:${PASSWORD}`);
    const asked = hash(kind, `${request.method}:${request.url}`);
    const wanted = hash(kind, [secret, this.#nonce, said['nc'], said['cnonce'], 'auth', asked].join(':'));
    const right = said['response'] === wanted && said['uri'] === request.url && said['username'] === USER;
    if (right && ++this.#uses <= nonceUses && Number(`0x${said['nc']}`) === this.#uses) return true;
    if (this.#uses > 0) {
      this.#nonce = `n${Number(this.#nonce.slice(1)) + 1}`;
      this.#uses = 0;
    }
    return false;
  }
}

export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const { connect: mayConnect = true, upgrades = true } = options;
  const guard = new Guard(options);
  const served: string[] = [];
  const sockets = new Set<Duplex>();
  const keep = <S extends Duplex>(socket: S): S => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    return socket.on('error', () => socket.destroy()) as S;
  };
  const note = (request: IncomingMessage, status: number): void =>
    void served.push(`${request.method} ${request.url} ${status}`);
  const join = (one: Duplex, other: Duplex): void => {
    one.pipe(other).pipe(one);
    one.on('close', () => other.destroy());
    other.on('close', () => one.destroy());
  };
  /** Status and headers of a refusal; null: it may pass. */
  const refusal = (request: IncomingMessage, allowed: boolean): [number, string] | null => {
    if (!allowed) return [403, ''];
    return guard.admits(request) ? null : [407, `Proxy-Authenticate: ${guard.challenge()}\r\n`];
  };
  const deny = (request: IncomingMessage, socket: Duplex, [status, headers]: [number, string]): void => {
    note(request, status);
    socket.end(`HTTP/1.1 ${status} No\r\n${headers}Content-Length: 0\r\n\r\n`);
  };
  const raw = (request: IncomingMessage): string =>
    request.rawHeaders
      .flatMap((text, at, all) => (at % 2 || /^proxy-/i.test(text) ? [] : [`${text}: ${all[at + 1]}\r\n`]))
      .join('');

  const server = createServer((request, response) => {
    const no = refusal(request, true);
    const { host = '', port, pathname, search } = new URL(request.url ?? '', 'http://none');
    if (no) {
      note(request, no[0]);
      return response.writeHead(no[0], { 'Proxy-Authenticate': guard.challenge() }).end();
    }
    const { upgrade: _, connection: __, ...headers } = request.headers;
    const onward = { method: request.method, headers, path: `${pathname}${search}`, host: host.split(':')[0], port };
    const out = httpRequest(onward as never, (answer) => {
      note(request, answer.statusCode ?? 0);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    out.on('error', () => response.destroy());
    request.pipe(out);
  });
  server.on('connection', (socket: Socket) => void keep(socket));
  server.on('connect', (request: IncomingMessage, near: Duplex) => {
    const no = refusal(request, mayConnect);
    if (no) return deny(request, near, no);
    const [host = '', port] = (request.url ?? '').split(':');
    const far = keep(connect(Number(port), host));
    far.once('connect', () => {
      note(request, 200);
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      join(near, far);
    });
  });
  server.on('upgrade', (request: IncomingMessage, near: Duplex) => {
    const no = refusal(request, upgrades);
    if (no) return deny(request, near, no);
    const { hostname, port, pathname } = new URL(request.url ?? '');
    const far = keep(connect(Number(port), hostname));
    far.once('connect', () => {
      note(request, 101);
      far.write(`GET ${pathname} HTTP/1.1\r\n${raw(request)}\r\n`);
      join(near, far);
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    port: (server.address() as AddressInfo).port,
    served,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
