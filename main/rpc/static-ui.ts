// Serves the built UI: a fixed list of files read when it starts, so that no request path ever reaches the file system.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

const MIME: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};
const UI_BYTES_MAX = 64 * 1024 * 1024;

/** `host` as in the Host header, checked before. Inline styles come from the kit's scroll lock and pop-overs; scripts never inline. */
export const contentSecurityPolicy = (host: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ws://${host}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

interface UiFile {
  type: string;
  etag: string;
  /** Files whose names hold their hash never change. */
  forever: boolean;
  bytes: Buffer;
}

/** Reads a folder of UI files by their URL paths; empty when it does not exist. */
export function readUi(folder: string): Map<string, UiFile> {
  const files = new Map<string, UiFile>();
  let total = 0;
  const visit = (path: string, url: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) visit(join(path, entry.name), `${url}${entry.name}/`);
      const type = MIME[extname(entry.name)];
      if (!entry.isFile() || !type || entry.name.startsWith('.')) continue;
      const bytes = readFileSync(join(path, entry.name));
      total += bytes.length;
      if (total > UI_BYTES_MAX) return;
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      files.set(`${url}${entry.name}`, { type, etag, bytes, forever: /-[\w-]{8,}\.\w+$/.test(entry.name) });
    }
  };
  try {
    visit(folder, '/');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const index = files.get('/index.html');
  if (index) files.set('/', index);
  return files;
}

function baseHeaders(host: string): Record<string, string> {
  return {
    'Content-Security-Policy': contentSecurityPolicy(host),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
  };
}

/** Answers one request whose Host was checked. */
export function serveUi(files: Map<string, UiFile>, request: IncomingMessage, response: ServerResponse): void {
  const headers = baseHeaders(request.headers.host ?? '');
  const text = (status: number, body: string, more: Record<string, string> = {}): void => {
    response.writeHead(status, {
      ...headers,
      ...more,
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : `${body}\n`);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'Only GET.', { Allow: 'GET, HEAD' });
  const path = (request.url ?? '/').split('?', 1)[0] as string;
  const file = files.get(path);
  if (!file) {
    const missing = files.size === 0 && path === '/';
    return missing ? text(503, 'The user interface is not built. Run `npm run build`.') : text(404, 'Not found.');
  }
  headers['ETag'] = file.etag;
  headers['Cache-Control'] = file.forever ? 'private, max-age=31536000, immutable' : 'no-cache';
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers);
    return void response.end();
  }
  response.writeHead(200, { ...headers, 'Content-Type': file.type, 'Content-Length': file.bytes.length });
  response.end(request.method === 'HEAD' ? undefined : file.bytes);
}
