// Who we are for a proxy: Basic (RFC 7617) and Digest (RFC 7616, qop auth or none; MD5 and SHA-256). What the proxy asked for is
// remembered, so that only the first request is turned down. Nothing is sent before it was asked for.
import { createHash, randomBytes } from 'node:crypto';
import type { ProxyServer } from '../transport.ts';

export interface ProxyAuth {
  /** Value of Proxy-Authorization; null while the proxy asked for nothing. `uri` as in the request line. */
  header(method: string, uri: string): string | null;
  /** From an answer 407; `sent`: what that request had said. True: it is worth to ask again. */
  challenge(rawHeaders: readonly string[], sent: string | null): boolean;
}

type Challenge = { scheme: 'basic' } | ({ scheme: 'digest' } & DigestChallenge);

export interface DigestChallenge {
  realm: string;
  nonce: string;
  opaque?: string;
  algorithm: 'MD5' | 'SHA-256';
  /** False: the old form of RFC 2069. */
  qop: boolean;
}

/** Proxies of a machine are few; more than this and the oldest is asked anew. */
const REMEMBERED_MAX = 32;
const remembered = new Map<string, ProxyAuth>();

export function proxyAuth(proxy: ProxyServer): ProxyAuth {
  const key = JSON.stringify([proxy.scheme, proxy.host, proxy.port, proxy.user ?? '', proxy.password ?? '']);
  const known = remembered.get(key);
  if (known) return known;
  const made = new Auth(proxy.user, proxy.password ?? '');
  if (remembered.size >= REMEMBERED_MAX) remembered.delete(remembered.keys().next().value as string);
  remembered.set(key, made);
  return made;
}

class Auth implements ProxyAuth {
  readonly #user: string | undefined;
  readonly #password: string;
  #asked: Challenge | null = null;
  #count = 0;

  constructor(user: string | undefined, password: string) {
    this.#user = user;
    this.#password = password;
  }

  header(method: string, uri: string): string | null {
    if (this.#user === undefined || !this.#asked) return null;
    if (this.#asked.scheme === 'basic') {
      return `Basic ${Buffer.from(`${this.#user}:${this.#password}`).toString('base64')}`;
    }
    const cnonce = randomBytes(12).toString('hex');
    return digestHeader(this.#asked, {
      user: this.#user,
      password: this.#password,
      method,
      uri,
      count: ++this.#count,
      cnonce,
    });
  }

  challenge(rawHeaders: readonly string[], sent: string | null): boolean {
    if (this.#user === undefined) return false;
    const before = this.#asked;
    this.#asked = strongest(rawHeaders);
    if (!this.#asked) return false;
    // The same again means that name or password are wrong; a new nonce only that the old one is too old.
    if (this.#asked.scheme === 'digest') {
      const renewed = before?.scheme !== 'digest' || before.nonce !== this.#asked.nonce;
      if (renewed) this.#count = 0;
      return renewed;
    }
    return sent === null || !sent.startsWith('Basic ');
  }
}

function strongest(rawHeaders: readonly string[]): Challenge | null {
  let found: Challenge | null = null;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'proxy-authenticate') continue;
    const value = rawHeaders[at + 1] as string;
    const digest = parseDigest(value);
    if (digest && (found?.scheme !== 'digest' || found.algorithm === 'MD5')) found = { scheme: 'digest', ...digest };
    if (/(^|,)\s*Basic\b/i.test(value)) found ??= { scheme: 'basic' };
  }
  return found;
}

/** The Digest challenge in one header; null when there is none that is understood. */
export function parseDigest(value: string): DigestChallenge | null {
  const start = /(?:^|,)\s*Digest\s+/i.exec(value);
  if (!start) return null;
  const params = new Map<string, string>();
  const one = /\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;
  one.lastIndex = start.index + start[0].length;
  for (let match = one.exec(value); match; match = one.exec(value)) {
    const name = (match[1] as string).toLowerCase();
    if (!params.has(name)) params.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? (match[3] as string));
  }
  const [realm, nonce, opaque] = [params.get('realm'), params.get('nonce'), params.get('opaque')];
  const algorithm = (params.get('algorithm') ?? 'MD5').toUpperCase();
  const qop = params.get('qop')?.split(/\s*,\s*/);
  if (realm === undefined || nonce === undefined || (qop && !qop.includes('auth'))) return null;
  if (algorithm !== 'MD5' && algorithm !== 'SHA-256') return null;
  return { realm, nonce, ...(opaque === undefined ? {} : { opaque }), algorithm, qop: qop !== undefined };
}

export interface DigestAnswer {
  user: string;
  password: string;
  method: string;
  uri: string;
  /** How often this nonce was used, this time included. */
  count: number;
  cnonce: string;
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

export function digestHeader(challenge: DigestChallenge, answer: DigestAnswer): string {
  const { realm, nonce, opaque, algorithm, qop } = challenge;
  const hash = (...parts: string[]): string =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(parts.join(':'))
      .digest('hex');
  const count = answer.count.toString(16).padStart(8, '0');
  const who = hash(answer.user, realm, answer.password);
  const what = hash(answer.method, answer.uri);
  const response = qop ? hash(who, nonce, count, answer.cnonce, 'auth', what) : hash(who, nonce, what);
  const parts = [
    `username=${quoted(answer.user)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(answer.uri)}`,
    `algorithm=${algorithm}`,
    `response="${response}"`,
  ];
  if (opaque !== undefined) parts.push(`opaque=${quoted(opaque)}`);
  if (qop) parts.push('qop=auth', `nc=${count}`, `cnonce="${answer.cnonce}"`);
  return `Digest ${parts.join(', ')}`;
}
