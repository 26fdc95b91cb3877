// Who may talk to the UI's port: only pages that it served itself, opened at a loopback address, with the token.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const TOKEN_BYTES = 32;

/** A fresh token, 43 characters of base64url. It lives in memory and in the printed address only. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url');

/** Takes the same time whatever is given, its length included. */
export function tokenMatches(token: string, given: string | undefined): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(token), digest(given ?? '')) && given !== undefined;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

export const isLoopback = (host: string): boolean => host === '::1' || LOOPBACK.includes(host);

/**
 * Whether a request was really meant for us. A page elsewhere whose name was rebound to 127.0.0.1 shows its own name in Host; a
 * page of another origin that calls our address shows its own Origin. Programs send no Origin; they still need the token.
 */
export function isOwnRequest(request: IncomingMessage, port: number): boolean {
  const hosts = LOOPBACK.map((host) => `${host}:${port}`);
  const { host, origin } = request.headers;
  if (host === undefined || !hosts.includes(host.toLowerCase())) return false;
  return origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
}
