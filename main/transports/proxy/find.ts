// Which proxies the settings, the environment, the desktop and a PAC file name for a target.
import { proxyText } from '../address.ts';
import { PROXIES_TRIED_MAX } from '../limits.ts';
import type { ProxyServer } from '../transport.ts';
import { bypassRules, isBypassed } from './bypass.ts';
import { askDesktop, type DesktopProxy } from './desktop.ts';
import type { AskPac } from './pac.ts';
import { parseProxy } from './servers.ts';

/** What the user chose. `user` and `password` are for proxies whose address carries none. */
export type ProxySettings = { user?: string; password?: string } & (
  | { mode: 'auto' }
  /** No proxy, whatever the machine says. */
  | { mode: 'off' }
  /** "http://user:password@proxy.example:3128", and hosts that are reached without it ("*.local", "10.0.0.0/8"). */
  | { mode: 'manual'; url: string; bypass?: string[] }
  /** Address of a PAC file: http, https or file. */
  | { mode: 'pac'; url: string }
);

export type Environment = Record<string, string | undefined>;
export type TargetScheme = 'http' | 'https';

/** One place that names proxies. */
interface Source {
  /** For the user: "http://proxy.example:3128". */
  shown: string[];
  ask(scheme: TargetScheme, host: string, port: number): Promise<(ProxyServer | null)[]>;
}

export interface ProxyFinderOptions {
  settings?: ProxySettings;
  environment?: Environment;
  /** The desktop's settings; tests put their own. */
  desktop?: () => Promise<DesktopProxy | null>;
}

export class ProxyFinder {
  #settings: ProxySettings;
  readonly #environment: Environment;
  readonly #desktop: () => Promise<DesktopProxy | null>;
  #source: Source | null = null;
  #looking: Promise<void> | null = null;
  #again = false;

  constructor({ settings, environment, desktop }: ProxyFinderOptions = {}) {
    this.#settings = settings ?? { mode: 'auto' };
    this.#environment = environment ?? process.env;
    this.#desktop = desktop ?? askDesktop;
  }

  /** What the last look found. */
  get shown(): string[] {
    return this.#source?.shown ?? [];
  }

  /** Looks anew; one look at a time. */
  look(settings?: ProxySettings): Promise<void> {
    if (settings) this.#settings = settings;
    if (this.#looking) this.#again = true;
    this.#looking ??= (async () => {
      do {
        this.#again = false;
        this.#source = await this.#find(this.#settings).catch(() => null);
      } while (this.#again);
      this.#looking = null;
    })();
    return this.#looking;
  }

  /** Proxies for a target in the order to try; empty: none is named. `scheme`: what the connection will look like to the proxy. */
  async resolve(scheme: TargetScheme, host: string, port: number): Promise<ProxyServer[]> {
    await this.#looking;
    const named = (await this.#source?.ask(scheme, host, port)) ?? [];
    // DIRECT ends the list: what comes after it is for those who failed without a proxy.
    const end = named.indexOf(null);
    const servers = (end < 0 ? named : named.slice(0, end)) as ProxyServer[];
    return servers.slice(0, PROXIES_TRIED_MAX).map((server) => this.#withName(server));
  }

  #withName(server: ProxyServer): ProxyServer {
    const { user, password } = this.#settings;
    if (server.user !== undefined || user === undefined) return server;
    return { ...server, user, password: password ?? '' };
  }

  async #find(settings: ProxySettings): Promise<Source | null> {
    switch (settings.mode) {
      case 'off':
        return null;
      case 'manual': {
        const server = parseProxy(settings.url);
        return server && fixed({ http: server, https: server }, settings.bypass ?? []);
      }
      case 'pac':
        return pacSource(settings.url);
      case 'auto':
        return fromEnvironment(this.#environment) ?? (await this.#fromDesktop());
    }
  }

  async #fromDesktop(): Promise<Source | null> {
    const found = await this.#desktop();
    if (!found) return null;
    return found.pac === null ? fixed(found, found.bypass) : pacSource(found.pac);
  }
}

function fixed(servers: Record<TargetScheme, ProxyServer | null>, bypass: readonly string[]): Source {
  const both = [servers.https, servers.http].flatMap((server) => (server ? [proxyText(server)] : []));
  return {
    shown: [...new Set(both)],
    ask: (scheme, host, port) => {
      const server = servers[scheme];
      return Promise.resolve(server && !isBypassed(bypass, host, port) ? [server] : []);
    },
  };
}

function fromEnvironment(environment: Environment): Source | null {
  const get = (name: string): string => environment[name] || environment[name.toUpperCase()] || '';
  const all = get('all_proxy');
  const server = (name: string): ProxyServer | null => parseProxy(get(name)) ?? parseProxy(all);
  const [http, https] = [server('http_proxy'), server('https_proxy')];
  return http || https ? fixed({ http, https }, bypassRules(get('no_proxy'))) : null;
}

async function pacSource(url: string): Promise<Source | null> {
  let shown: string;
  try {
    const { protocol, host, pathname } = new URL(url);
    // Neither name and password nor what a query may hold.
    shown = `pac ${protocol}//${host}${pathname}`;
  } catch {
    return null;
  }
  const { loadPac } = await import('./pac.ts');
  const pac = await loadPac(url);
  if (!pac.ok) return null;
  const ask: AskPac = pac.ask;
  return {
    shown: [shown],
    ask: (scheme, host, port) => {
      const name = host.includes(':') ? `[${host}]` : host;
      return ask(`${scheme}://${name}:${port}/`, name);
    },
  };
}
