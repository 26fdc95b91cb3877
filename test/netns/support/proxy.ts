// Debian's squid on a site's router: a forward proxy with Basic or Digest authentication, with and without CONNECT, or one that opens TLS on
// its way (ssl-bump).
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Internet } from './internet.ts';
import { run, until } from './shell.ts';
import type { Space } from './space.ts';

export const PROXY_USER = 'office';
export const PROXY_PASSWORD = 'correct horse';

export type ProxyAuthentication = 'none' | 'basic' | 'digest';
const REALM = 'office';

export interface ProxyOptions {
  router: Space;
  /** Address of the router on its inside. */
  address: string;
  name: string;
  kind: 'forward' | 'intercept';
  port: number;
  /** A PAC file is served there. */
  pacPort?: number;
  /** Of a forward proxy; `none` unless told. */
  auth?: ProxyAuthentication;
  /** Whether CONNECT to ports 443 is served; true unless told. */
  connect?: boolean;
  /** Whether `Upgrade: websocket` passes. */
  upgrades?: boolean;
}

export interface Proxy {
  /** What the users of the site set in their environment. */
  env: NodeJS.ProcessEnv;
  /** "http://user:password@192.168.1.1:3128" */
  url: string;
  pacUrl: string | null;
  /** One line for each request that squid served: method, target, status. */
  requests(): string[];
}

/** Why there is no proxy on this machine, or null. */
export function whyNoProxy(): string | null {
  if (!existsSync('/usr/sbin/squid')) return 'squid is not installed';
  if (!existsSync('/usr/lib/squid/security_file_certgen'))
    return 'this squid cannot open TLS (squid-openssl is missing)';
  return null;
}

async function must(command: string, args: string[]): Promise<string> {
  const finished = await run(command, args);
  if (finished.code !== 0) throw new Error(`${command} ${args.join(' ')}: ${finished.stderr}`);
  return finished.stdout;
}

function authLines(folder: string, auth: ProxyAuthentication): string[] {
  if (auth === 'none') return [];
  const program =
    auth === 'basic'
      ? `/usr/lib/squid/basic_ncsa_auth ${folder}/users`
      : `/usr/lib/squid/digest_file_auth -c ${folder}/users`;
  return [
    `auth_param ${auth} program ${program}`,
    `auth_param ${auth} children 2 startup=1`,
    `auth_param ${auth} realm ${REALM}`,
    'acl known proxy_auth REQUIRED',
  ];
}

function forwardLines(folder: string, options: ProxyOptions): string[] {
  const { port, auth = 'none', connect = true, upgrades = false } = options;
  return [
    ...authLines(folder, auth),
    `http_port ${port}`,
    'acl CONNECT method CONNECT',
    'acl tls port 443',
    'acl safe port 80 443 1025-65535',
    'http_access deny !safe',
    // Without a question: whoever asks learns nothing of passwords by this.
    `http_access deny CONNECT ${connect ? '!tls' : ''}`.trim(),
    ...(upgrades ? ['http_upgrade_request_protocols websocket allow all'] : []),
    ...(auth === 'none' ? ['http_access allow all'] : ['http_access allow known', 'http_access deny all']),
  ];
}

async function makeUsers(folder: string, auth: ProxyAuthentication): Promise<void> {
  if (auth === 'none') return;
  const digest = createHash('md5').update(`${PROXY_USER}:${REALM}:${PROXY_PASSWORD}`).digest('hex');
  const line =
    auth === 'digest'
      ? `${PROXY_USER}:${REALM}:${digest}`
      : `${PROXY_USER}:${(await must('openssl', ['passwd', '-apr1', PROXY_PASSWORD])).trim()}`;
  writeFileSync(join(folder, 'users'), `${line}\n`);
}

function interceptLines(folder: string, port: number, upgrades: boolean): string[] {
  return [
    'http_port 127.0.0.1:3129',
    `https_port ${port} intercept ssl-bump tls-cert=${folder}/ca.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB`,
    `sslcrtd_program /usr/lib/squid/security_file_certgen -s ${folder}/certificates -M 4MB`,
    'sslcrtd_children 1 startup=1',
    'ssl_bump bump all',
    'sslproxy_cert_error allow all',
    'tls_outgoing_options flags=DONT_VERIFY_PEER',
    'http_access allow all',
    ...(upgrades ? ['http_upgrade_request_protocols websocket allow all'] : []),
  ];
}

async function makeAuthority(folder: string): Promise<void> {
  const subject = ['-subj', '/CN=Office inspection', '-days', '30', '-nodes', '-keyout', `${folder}/key.pem`];
  await must('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, '-out', `${folder}/ca.crt`]);
  writeFileSync(
    join(folder, 'ca.pem'),
    readFileSync(`${folder}/key.pem`, 'utf8') + readFileSync(`${folder}/ca.crt`, 'utf8'),
  );
  await must('/usr/lib/squid/security_file_certgen', ['-c', '-s', `${folder}/certificates`, '-M', '4MB']);
}

async function startPac(options: ProxyOptions): Promise<string | null> {
  if (options.pacPort === undefined) return null;
  const answer = `PROXY ${options.address}:${options.port}`;
  const server = options.router.program(
    'pac',
    '--host',
    options.address,
    '--port',
    String(options.pacPort),
    '--answer',
    answer,
  );
  await server.says(/ready/, 5000);
  return `http://${options.address}:${options.pacPort}/proxy.pac`;
}

export async function startProxy(internet: Internet, options: ProxyOptions): Promise<Proxy> {
  const { router, kind, port, address } = options;
  // squid gives up root at once: its folder is outside of the lab's own, which only root may enter.
  const folder = mkdtempSync(join(tmpdir(), 'weft-squid-'));
  internet.onClose(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'cores'));
  const { auth = 'none' } = options;
  await makeUsers(folder, auth);
  if (kind === 'intercept') await makeAuthority(folder);
  const lines =
    kind === 'forward' ? forwardLines(folder, options) : interceptLines(folder, port, options.upgrades ?? false);
  const log = join(folder, 'access.log');
  const common = [
    `pid_filename ${folder}/squid.pid`,
    `coredump_dir ${folder}/cores`,
    `cache_log ${folder}/cache.log`,
    `access_log stdio:${log}`,
    // Each site has a squid of its own; their shared memory must not meet.
    `visible_hostname ${options.name}.example`,
    'cache deny all',
    'cache_mem 4 MB',
    'shutdown_lifetime 0 seconds',
    'pinger_enable off',
    'dns_nameservers 127.0.0.1',
    'workers 1',
  ];
  writeFileSync(join(folder, 'squid.conf'), [...lines, ...common, ''].join('\n'));
  await must('chown', ['-R', 'proxy:proxy', folder]);
  const squid = router.start([
    'squid',
    '-N',
    '-n',
    `s${router.namespace.replace(/\W/g, '')}`,
    '-f',
    join(folder, 'squid.conf'),
  ]);
  await until(`squid of ${options.name} listens`, 15_000, async () => {
    if (squid.ended) throw new Error(`${squid.tail()}\n${tail(join(folder, 'cache.log'))}`);
    return (await router.must(['ss', '-Hltn', `sport = :${port}`])).trim();
  });
  const pacUrl = await startPac(options);
  const credentials = auth !== 'none' ? `${PROXY_USER}:${encodeURIComponent(PROXY_PASSWORD)}@` : '';
  const url = `http://${credentials}${address}:${port}`;
  return {
    url,
    pacUrl,
    env: kind === 'forward' && !pacUrl ? { http_proxy: url, https_proxy: url, HTTPS_PROXY: url } : {},
    requests: () => tail(log).split('\n').filter(Boolean).map(shorten),
  };
}

const tail = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Of squid's own log format: "CONNECT 203.0.113.9:443 TCP_TUNNEL/200". */
function shorten(line: string): string {
  const [, , , status = '', , method = '', target = ''] = line.trim().split(/\s+/);
  return `${method} ${target} ${status}`;
}
