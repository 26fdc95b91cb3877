// How proxies are named: settings, environment, desktop, PAC answers, what is bypassed, and the answers to a proxy's question.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestHeader, parseDigest, proxyAuth } from '../../main/transports/proxy/auth.ts';
import { bypassRules, isBypassed } from '../../main/transports/proxy/bypass.ts';
import { proxySettings } from '../../main/transports/proxy/choice.ts';
import { parseDesktop } from '../../main/transports/proxy/desktop.ts';
import { ProxyFinder } from '../../main/transports/proxy/find.ts';
import { parsePacAnswer, parseProxy } from '../../main/transports/proxy/servers.ts';

const plain = (host: string, port: number) => ({ scheme: 'http' as const, host, port });
const noDesktop = () => Promise.resolve(null);

describe('the setting', () => {
  it.each([
    ['auto', { mode: 'auto' }],
    ['', { mode: 'auto' }],
    ['none', { mode: 'off' }],
    ['http://proxy.example:3128', { mode: 'manual', url: 'http://proxy.example:3128' }],
    ['http://a:b@proxy.example:3128/', { mode: 'manual', url: 'http://a:b@proxy.example:3128/' }],
    ['proxy.example:3128', { mode: 'manual', url: 'proxy.example:3128' }],
    ['[2001:db8::1]:3128', { mode: 'manual', url: '[2001:db8::1]:3128' }],
    ['http://wpad/wpad.dat', { mode: 'pac', url: 'http://wpad/wpad.dat' }],
    ['http://intra.example/proxy.pac?x=1', { mode: 'pac', url: 'http://intra.example/proxy.pac?x=1' }],
    ['https://intra.example/settings/proxy', { mode: 'pac', url: 'https://intra.example/settings/proxy' }],
    ['http://intra.example/?pac', { mode: 'pac', url: 'http://intra.example/?pac' }],
    ['intra.example/proxy.pac', { mode: 'pac', url: 'http://intra.example/proxy.pac' }],
    ['file:///etc/proxy.conf', { mode: 'pac', url: 'file:///etc/proxy.conf' }],
  ])('%s', (text, settings) => expect(proxySettings(text)).toEqual(settings));
});

describe('the question of a proxy', () => {
  const who = { user: 'Mufasa', password: 'Circle of Life', method: 'GET', uri: '/dir/index.html', count: 1 };
  const response = (header: string) => /response="([0-9a-f]+)"/.exec(header)?.[1];

  it('Digest as in the examples of RFC 7616 and RFC 2069', () => {
    const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
    const challenge = {
      realm: 'http-auth@example.org',
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
      qop: true,
    };
    const sha = digestHeader({ ...challenge, algorithm: 'SHA-256' }, { ...who, cnonce });
    expect(response(sha)).toBe('753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1');
    const md5 = digestHeader({ ...challenge, algorithm: 'MD5' }, { ...who, cnonce });
    expect(response(md5)).toBe('8ca523f5e9506fed4657c9700eebdbec');
    expect(md5).toContain('nc=00000001');
    expect(md5).toContain(`opaque="${challenge.opaque}"`);
    const old = { realm: 'testrealm@host.com', nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093', qop: false } as const;
    const header = digestHeader({ ...old, algorithm: 'MD5' }, { ...who, password: 'CircleOfLife', cnonce: '' });
    expect(response(header)).toBe('1949323746fe6a43ef61f9606e7febea');
    expect(header).not.toMatch(/qop|nc=|cnonce/);
  });

  it('Digest is understood beside other schemes, and left when it asks for more than it can', () => {
    expect(parseDigest('Basic realm="a", Digest realm="b \\"c\\"", nonce="d", qop="auth,auth-int"')).toEqual({
      ...{ realm: 'b "c"', nonce: 'd', algorithm: 'MD5', qop: true },
    });
    expect(parseDigest('Digest realm="a", nonce="b", algorithm=SHA-512-256')).toBeNull();
    expect(parseDigest('Digest realm="a", nonce="b", qop="auth-int"')).toBeNull();
    expect(parseDigest('Digest realm="a"')).toBeNull();
    expect(parseDigest('Negotiate')).toBeNull();
  });

  it('the strongest is answered, nothing before it was asked, nobody without a name', () => {
    const headers = [
      ...['Proxy-Authenticate', 'Basic realm="a"', 'Proxy-Authenticate', 'Digest realm="a", nonce="1"'],
      ...['proxy-authenticate', 'Digest realm="a", nonce="2", algorithm=SHA-256, qop="auth"'],
    ];
    const auth = proxyAuth({ ...plain('strongest.example', 1), user: 'ö"', password: 'p' });
    expect(auth.header('GET', '/')).toBeNull();
    expect(auth.challenge(headers, null)).toBe(true);
    expect(auth.header('GET', '/')).toMatch(/^Digest username="ö\\"".*SHA-256/);
    // The same question again: name or password are wrong. A new nonce: the old one was too old.
    expect(auth.challenge(headers, auth.header('GET', '/'))).toBe(false);
    expect(auth.challenge(['Proxy-Authenticate', 'Digest realm="a", nonce="3"'], 'x')).toBe(true);
    expect(auth.challenge(['Proxy-Authenticate', 'NTLM'], null)).toBe(false);
    expect(proxyAuth(plain('nobody.example', 1)).challenge(headers, null)).toBe(false);
  });

  it('Basic is given once: refused means wrong', () => {
    const auth = proxyAuth({ ...plain('basic.example', 1), user: 'anna', password: 'päss' });
    expect(auth.challenge(['Proxy-Authenticate', 'Basic realm="a"'], null)).toBe(true);
    const said = auth.header('CONNECT', 'a:1');
    expect(Buffer.from(said?.slice(6) ?? '', 'base64').toString()).toBe('anna:päss');
    expect(auth.challenge(['Proxy-Authenticate', 'Basic realm="a"'], said)).toBe(false);
  });
});

describe('what is bypassed', () => {
  it.each([
    ['*', 'anything.example', 1, true],
    ['example.org', 'example.org', 443, true],
    ['example.org', 'www.example.org', 443, true],
    ['.example.org', 'www.example.org', 443, true],
    ['*.example.org', 'WWW.Example.ORG', 443, true],
    ['example.org', 'myexample.org', 443, false],
    ['example.org:443', 'example.org', 443, true],
    ['example.org:443', 'example.org', 80, false],
    ['10.0.0.0/8', '10.9.8.7', 1, true],
    ['10.0.0.0/8', '11.0.0.1', 1, false],
    ['10.0.0.0/8', '10.example', 1, false],
    ['fd00::/8', 'fd12::1', 1, true],
    ['fd00::/8', '10.0.0.1', 1, false],
    ['10.0.0.0/99', '10.0.0.1', 1, false],
    ['192.0.2.1', '192.0.2.1', 1, true],
    ['[2001:db8::1]:443', '2001:db8::1', 443, true],
    ['[2001:db8::1]:443', '2001:db8::1', 80, false],
    ['2.0.192', '1.2.0.192', 1, false],
    ['', 'a', 1, false],
  ])('%s: %s:%d %s', (rule, host, port, wanted) => expect(isBypassed([rule], host, port)).toBe(wanted));

  it('lists as NO_PROXY has them', () => {
    expect(bypassRules(' a, b,,10.0.0.0/8 c ')).toEqual(['a', 'b', '10.0.0.0/8', 'c']);
  });
});

describe('texts', () => {
  it('addresses of proxies', () => {
    expect(parseProxy('a:3128')).toEqual(plain('a', 3128));
    expect(parseProxy('https://u%40x:p%20w@a')).toEqual({
      ...{ scheme: 'https', host: 'a', port: 443, user: 'u@x', password: 'p w' },
    });
    expect(parseProxy('http://[2001:db8::1]:8080')).toEqual(plain('2001:db8::1', 8080));
    for (const text of ['socks5://a:1080', 'http://', 'http://a:99999', '']) expect(parseProxy(text)).toBeNull();
  });

  it('answers of PAC files', () => {
    expect(parsePacAnswer('PROXY a:1; SOCKS b:2; HTTPS c:3 ;DIRECT; nonsense')).toEqual([
      ...[plain('a', 1), { scheme: 'https', host: 'c', port: 3 }, null],
    ]);
  });
});

const gnome = (...lines: string[]): string => lines.map((line) => `org.gnome.system.proxy${line}\n`).join('');

describe('the desktop', () => {
  it('a proxy by hand, with name and password and hosts without', () => {
    const text = gnome(
      ...[" mode 'manual'", " ignore-hosts ['localhost', '10.0.0.0/8', \"it's\"]", ".http host 'a.example'"],
      ...['.http port 3128', '.http use-authentication true', ".http authentication-user 'anna'"],
      ...[".http authentication-password 'p\\'w'", ".https host 'b.example'", '.https port 3129', ".ftp host 'no'"],
    );
    const named = { user: 'anna', password: "p'w" };
    expect(parseDesktop(text)).toEqual({
      http: { ...plain('a.example', 3128), ...named },
      https: { ...plain('b.example', 3129), ...named },
      bypass: ['localhost', '10.0.0.0/8', "it's"],
      pac: null,
    });
  });

  it('a PAC file, nothing, or nonsense', () => {
    const auto = gnome(" mode 'auto'", " autoconfig-url 'http://wpad/x'");
    expect(parseDesktop(auto)).toEqual({ http: null, https: null, bypass: [], pac: 'http://wpad/x' });
    expect(parseDesktop(gnome(" mode 'none'", ".http host 'a'", '.http port 1'))).toBeNull();
    expect(parseDesktop(gnome(" mode 'manual'", ".http host ''", '.http port 8080'))).toBeNull();
    expect(parseDesktop(gnome(" mode 'manual'", ".http host 'a'", '.http port 0'))).toBeNull();
    expect(parseDesktop(gnome(" mode 'auto'", " autoconfig-url ''"))).toBeNull();
    expect(parseDesktop('No schemas installed')).toBeNull();
  });
});

describe('who is asked', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'weft-proxy-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function finder(options: ConstructorParameters<typeof ProxyFinder>[0]): Promise<ProxyFinder> {
    const made = new ProxyFinder({ environment: {}, desktop: noDesktop, ...options });
    await made.look();
    return made;
  }

  it('the setting before the environment before the desktop', async () => {
    const environment = { https_proxy: 'http://env.example:1', NO_PROXY: 'near.example' };
    const asked: string[] = [];
    const desktop = () => {
      asked.push('desktop');
      return Promise.resolve({ http: null, https: plain('desk.example', 2), bypass: ['10.0.0.0/8'], pac: null });
    };
    const manual = await finder({
      ...{ settings: { mode: 'manual', url: 'http://u:p@set.example:3', bypass: ['*.x'] }, environment, desktop },
    });
    expect(await manual.resolve('https', 'a', 443)).toEqual([{ ...plain('set.example', 3), user: 'u', password: 'p' }]);
    expect(manual.shown).toEqual(['http://set.example:3']);
    expect(await manual.resolve('https', 'a.x', 443)).toEqual([]);
    const env = await finder({ environment, desktop });
    expect(await env.resolve('https', 'a', 443)).toEqual([plain('env.example', 1)]);
    expect(await env.resolve('http', 'a', 80)).toEqual([]);
    expect(await env.resolve('https', 'www.near.example', 443)).toEqual([]);
    expect(asked).toEqual([]);
    const desk = await finder({ desktop });
    expect(await desk.resolve('https', 'a', 443)).toEqual([plain('desk.example', 2)]);
    expect(await desk.resolve('https', '10.1.2.3', 443)).toEqual([]);
    const off = await finder({ settings: { mode: 'off' }, environment, desktop });
    expect(await off.resolve('https', 'a', 443)).toEqual([]);
    expect(asked).toEqual(['desktop']);
  });

  it('all_proxy where nothing says otherwise, and names for proxies without one', async () => {
    const env = await finder({
      environment: { ALL_PROXY: 'http://all.example:9', http_proxy: 'http://u:p@web.example:8' },
      settings: { mode: 'auto', user: 'anna', password: 'secret' },
    });
    expect(await env.resolve('https', 'a', 1)).toEqual([
      { ...plain('all.example', 9), user: 'anna', password: 'secret' },
    ]);
    expect(await env.resolve('http', 'a', 1)).toEqual([{ ...plain('web.example', 8), user: 'u', password: 'p' }]);
  });

  it('a PAC file of the desktop; what comes after DIRECT counts for nobody', async () => {
    const path = join(folder, 'office.conf');
    writeFileSync(
      path,
      `function FindProxyForURL(url, host) {
        if (isPlainHostName(host)) return 'DIRECT';
        return url.substring(0, 5) === 'https' ? 'PROXY a:1; PROXY b:2; DIRECT; PROXY c:3' : 'DIRECT; PROXY d:4';
      }`,
    );
    const pac = pathToFileURL(path).href;
    const desk = await finder({ desktop: () => Promise.resolve({ http: null, https: null, bypass: [], pac }) });
    expect(await desk.resolve('https', 'x.example', 443)).toEqual([plain('a', 1), plain('b', 2)]);
    expect(await desk.resolve('http', 'x.example', 80)).toEqual([]);
    expect(await desk.resolve('https', 'printer', 443)).toEqual([]);
    expect(desk.shown).toEqual([`pac ${pac}`]);
    writeFileSync(path, 'function FindProxyForURL() { for (;;); }');
    await desk.look();
    expect(await desk.resolve('https', 'x.example', 443)).toEqual([]);
    writeFileSync(path, 'no script');
    await desk.look();
    expect(desk.shown).toEqual([]);
  });
});
