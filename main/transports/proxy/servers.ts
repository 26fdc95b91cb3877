// Proxies as texts: addresses of settings and environment, answers of PAC files, and how they are shown.
import type { ProxyServer } from '../transport.ts';

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** "http://user:password@host:3128", "host:3128"; null for other schemes (SOCKS) and what is none. */
export function parseProxy(text: string): ProxyServer | null {
  const trimmed = text.trim();
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`);
  } catch {
    return null;
  }
  const scheme = url.protocol.slice(0, -1);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if ((scheme !== 'http' && scheme !== 'https') || host === '') return null;
  const port = url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port);
  const server: ProxyServer = { scheme, host, port };
  if (url.username !== '') {
    server.user = decode(url.username);
    server.password = decode(url.password);
  }
  return server;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** "PROXY a:3128; HTTPS b:443; DIRECT" in order; null stands for DIRECT, what is not understood (SOCKS) is left out. */
export function parsePacAnswer(text: string): (ProxyServer | null)[] {
  const found: (ProxyServer | null)[] = [];
  for (const part of text.split(';')) {
    const [kind = '', place] = part.trim().split(/\s+/);
    const word = kind.toUpperCase();
    if (word === 'DIRECT') found.push(null);
    if (place === undefined) continue;
    const server =
      word === 'PROXY' || word === 'HTTP'
        ? parseProxy(`http://${place}`)
        : word === 'HTTPS'
          ? parseProxy(`https://${place}`)
          : null;
    if (server) found.push(server);
  }
  return found;
}
