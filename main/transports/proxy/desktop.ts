// The desktop's proxy settings: GNOME's, by gsettings. Where there is none, nothing is found.
import { execFile } from 'node:child_process';
import { DESKTOP_TIMEOUT_MS } from '../limits.ts';
import type { ProxyServer } from '../transport.ts';

export interface DesktopProxy {
  /** For "http:" and "https:" targets. */
  http: ProxyServer | null;
  https: ProxyServer | null;
  bypass: string[];
  /** Address of a PAC file; null without. */
  pac: string | null;
}

const SCHEMA = 'org.gnome.system.proxy';

/** Never fails: null when nothing is set or there is no such desktop. */
export function askDesktop(): Promise<DesktopProxy | null> {
  return new Promise((resolve) => {
    const options = { timeout: DESKTOP_TIMEOUT_MS, maxBuffer: 65_536, encoding: 'utf8' as const };
    execFile('gsettings', ['list-recursively', SCHEMA], options, (error, text) =>
      resolve(error ? null : parseDesktop(text)),
    );
  });
}

/** Lines of "schema key value"; null when no proxy is set. */
export function parseDesktop(text: string): DesktopProxy | null {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(org\.gnome\.system\.proxy\S*) (\S+) (.*)$/.exec(line);
    if (match) values.set(`${(match[1] as string).slice(SCHEMA.length)} ${match[2]}`, match[3] as string);
  }
  const get = (key: string): string => textOf(values.get(key) ?? '');
  if (get(' mode') === 'auto') {
    const pac = get(' autoconfig-url');
    return pac === '' ? null : { http: null, https: null, bypass: [], pac };
  }
  if (get(' mode') !== 'manual') return null;
  const server = (kind: 'http' | 'https'): ProxyServer | null => {
    const host = get(`.${kind} host`);
    const port = Number(get(`.${kind} port`));
    if (host === '' || !(port > 0 && port <= 65_535)) return null;
    const plain: ProxyServer = { scheme: 'http', host, port };
    // GNOME has one name and password, with the first of its proxies.
    if (get('.http use-authentication') !== 'true') return plain;
    return { ...plain, user: get('.http authentication-user'), password: get('.http authentication-password') };
  };
  const [http, https] = [server('http'), server('https')];
  const bypass = [...(values.get(' ignore-hosts') ?? '').matchAll(STRING)].map(([all]) => textOf(all));
  return http || https ? { http, https, bypass, pac: null } : null;
}

const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g;
/** A string as gsettings prints it, quotes off; other values as they are. */
const textOf = (value: string): string =>
  /^(['"]).*\1$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
