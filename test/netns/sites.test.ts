// The sites of the lab are what their names say: probed by plain sockets and stock programs, nothing of Weft's.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Internet } from './support/internet.ts';
import { outside, probe, ProbeSocket, type Outside } from './support/nat-probe.ts';
import { PROXY_PASSWORD, whyNoProxy } from './support/proxy.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite, type Site, type SiteKind } from './support/site.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noProxy = reason ?? whyNoProxy();
if (noProxy && !reason) console.log(`skipped: tests of proxies: ${noProxy}`);

describe.skipIf(reason)('sites', () => {
  let internet: Internet;
  let first: Site;
  let second: Site;
  let outer: Outside;

  beforeAll(async () => {
    internet = await Internet.create();
    first = await addSite(internet, 'open', 'first');
    second = await addSite(internet, 'open', 'second');
    outer = await outside(first.host, first.ipv4, second.host, second.ipv4);
  });
  afterAll(() => internet?.close());

  const behaviours: [SiteKind, string, string][] = [
    ['easy-nat', 'endpoint-independent', 'endpoint-independent'],
    ['address-restricted', 'endpoint-independent', 'address'],
    ['port-restricted', 'endpoint-independent', 'address-and-port'],
    ['symmetric', 'random', 'address-and-port'],
    ['symmetric-sequential', 'sequential', 'address-and-port'],
    ['two-nats', 'endpoint-independent', 'address-and-port'],
    ['same-nat', 'endpoint-independent', 'address-and-port'],
    ['udp-blocked', 'none', 'none'],
    ['tls-only', 'none', 'none'],
    ['webrtc-only', 'none', 'none'],
    ['lan-only', 'none', 'none'],
  ];
  for (const [kind, mapping, filtering] of behaviours)
    it(`${kind}: mapping ${mapping}, filtering ${filtering}`, async () => {
      const site = await addSite(internet, kind, short(kind));
      expect(await probe(site.host, outer)).toMatchObject({ mapping, filtering });
    });

  it('same NAT: two hosts share the address, see each other inside and not by the outside (no hairpin)', async () => {
    const site = await addSite(internet, 'same-nat', 'house');
    const [one, two] = site.hosts as [Site['host'], Site['host']];
    const [left, right] = [await ProbeSocket.open(one, 4000), await ProbeSocket.open(two, 4000)];
    left.send(7001, first.ipv4, 'who');
    right.send(7001, first.ipv4, 'who');
    expect(await outer.sockets[0][0].hears('who')).toBe(true);
    expect(await left.hears('nothing', 300)).toBe(false);
    const seen = (socket: ProbeSocket) => socket.got()[0]?.split('seen ')[1]?.split(' ') ?? [];
    const [mine, theirs] = [seen(left), seen(right)];
    expect(mine[0]).toBe(site.ipv4);
    expect(theirs[0]).toBe(site.ipv4);
    expect(mine[1]).not.toBe(theirs[1]);
    left.send(Number(theirs[1]), site.ipv4, 'hairpin');
    left.send(4000, two.ipv4, 'inside');
    expect(await right.hears('inside')).toBe(true);
    expect(await right.hears('hairpin', 300)).toBe(false);
  });

  it('a mapping ends when its time is up, and packets from inside keep it', async () => {
    const site = await addSite(internet, 'easy-nat', 'brief', { timeoutS: 2 });
    const socket = await ProbeSocket.open(site.host, 4000);
    socket.send(7001, first.ipv4, 'who');
    const port = await portOf(socket);
    await pause(1200);
    socket.send(7001, first.ipv4, 'who');
    await pause(1200);
    outer.sockets[1][1].send(port, site.ipv4, 'kept');
    expect(await socket.hears('kept')).toBe(true);
    await pause(3500);
    outer.sockets[1][0].send(port, site.ipv4, 'late');
    expect(await socket.hears('late', 400)).toBe(false);
  });

  it('a new public address: flows of the old one are gone, new ones come by the new one', async () => {
    const site = await addSite(internet, 'easy-nat', 'moves');
    const socket = await ProbeSocket.open(site.host, 4000);
    socket.send(7001, first.ipv4, 'who');
    await portOf(socket);
    const old = site.ipv4;
    await site.changeAddress();
    expect(site.ipv4).not.toBe(old);
    socket.send(7001, first.ipv4, 'who');
    expect(await socket.hears(`seen ${site.ipv4} ${await portOf(socket, site.ipv4)}`)).toBe(true);
  });

  it('UDP blocked: TCP passes', async () => {
    const site = await addSite(internet, 'udp-blocked', 'tcponly');
    await serve(first, 8443);
    expect(await speaksTls(site, first, 8443)).toBe(true);
  });

  it('only 443/TLS: TLS to 443 passes, anything else there or elsewhere does not', async () => {
    const site = await addSite(internet, 'tls-only', 'strict');
    await serve(second, 443);
    await serve(second, 8443);
    expect(await speaksTls(site, second, 443)).toBe(true);
    expect(await speaksTls(site, second, 8443)).toBe(false);
    const plain = await site.host.exec(['curl', '-sS', '-m', '2', `http://${second.ipv4}:443/`]);
    expect(plain.code).not.toBe(0);
    expect(plain.stderr).toMatch(/reset/i);
  });

  it('WebRTC only: STUN and DTLS pass, other datagrams do not', async () => {
    const site = await addSite(internet, 'webrtc-only', 'meeting');
    const send = (hex: string) =>
      site.host.must(['sh', '-c', `printf '${hex}' | socat -t0.2 - UDP4:${first.ipv4}:7001`]);
    const [echo] = outer.sockets[0];
    const before = echo.got().length;
    await send('\\361\\001\\000\\000weft'); // first byte 0xF1
    await send('\\000\\001\\000\\000\\041\\022\\244\\102stunstunstun'); // binding request with its magic cookie
    await until('the STUN packet', 2000, () => /stunstunstun/.test(echo.got().slice(before).join()));
    expect(echo.got().slice(before).join()).not.toMatch(/weft/);
  });

  it('IPv6 only: no IPv4, and the internet by IPv6', async () => {
    const site = await addSite(internet, 'ipv6-only', 'modern');
    expect(await site.host.ping(first.ipv4)).toBe(false);
    expect(await site.host.ping(first.ipv6)).toBe(true);
  });

  it('the internet can be cut between two addresses, or for UDP alone', async () => {
    await internet.cutPair(first.ipv4, second.ipv4);
    expect(await first.host.ping(second.ipv4)).toBe(false);
    await internet.mend();
    expect(await first.host.ping(second.ipv4)).toBe(true);
    await internet.cut(`ip saddr ${first.ipv4} meta l4proto udp`);
    expect(await first.host.ping(second.ipv4)).toBe(true);
    expect(await second.host.ping(first.ipv4)).toBe(true);
    const socket = await ProbeSocket.open(second.host, 4321);
    outer.sockets[0][0].send(4321, second.ipv4, 'cut');
    expect(await socket.hears('cut', 300)).toBe(false);
    await internet.mend();
  });

  describe.skipIf(noProxy)('with proxies', () => {
    beforeAll(() => serve(first, 443, '-www'));
    const curl = (site: Site, ...args: string[]) =>
      site.host.exec(['curl', '-sSk', '-m', '5', ...args], { env: site.host.env });

    it('HTTP proxy with authentication: the only way out, and only with the password', async () => {
      const site = await addSite(internet, 'http-proxy', 'office');
      const page = `https://${first.ipv4}/`;
      const direct = await curl(site, '-m', '1', '--noproxy', '*', page);
      expect(direct.code).not.toBe(0);
      const bare = 'http://192.168.1.1:3128';
      expect((await curl(site, '-x', bare, page)).stderr).toMatch(/407/);
      expect((await curl(site, '-x', bare, '-U', `office:not ${PROXY_PASSWORD}`, page)).stderr).toMatch(/407/);
      expect((await curl(site, page)).stdout).toMatch(/s_server/);
      expect((await curl(site, `https://${first.ipv4}:8443/`)).stderr, 'CONNECT to other ports').toMatch(/403/);
      expect(site.proxy?.requests().join('\n')).toMatch(new RegExp(`CONNECT ${first.ipv4}:443 TCP_TUNNEL/200`));
      expect(await probe(site.host, outer)).toMatchObject({ mapping: 'none' });
    });

    it('PAC: the file names the only way out', async () => {
      const site = await addSite(internet, 'proxy-pac', 'campus');
      expect((await curl(site, site.proxy?.pacUrl ?? '')).stdout).toMatch(/PROXY 192\.168\.1\.1:3128/);
      expect((await curl(site, '-m', '1', `https://${first.ipv4}/`)).code).not.toBe(0);
      expect((await curl(site, '-x', site.proxy?.url ?? '', `https://${first.ipv4}/`)).stdout).toMatch(/s_server/);
    });

    it('TLS-intercepting: the certificate is the proxy’s, what is inside must be HTTP', async () => {
      const site = await addSite(internet, 'tls-intercepting', 'bank');
      const shown = await site.host.exec(['sh', '-c', `openssl s_client -connect ${first.ipv4}:443 </dev/null 2>&1`]);
      expect(shown.stdout).toMatch(/issuer=.*Office inspection/);
      expect((await curl(site, `https://${first.ipv4}/`)).stdout).toMatch(/s_server/);
      expect((await curl(site, `http://${first.ipv4}:443/`)).code).not.toBe(0);
      expect(site.proxy?.requests().join('\n')).toMatch(/GET https:/);
    });

    it('WebSocket upgrades pass one intercepting proxy and not the other', async () => {
      const web = await addSite(internet, 'open', 'web');
      const [, cert = '', , key = ''] = await certificate(web);
      await web.host.program('upgrade-server', '--port', '443', '--cert', cert, '--key', key).says(/ready/, 5000);
      const ask = async (site: Site) => {
        const headers = [
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
          'Sec-WebSocket-Version: 13',
        ];
        const args = headers.flatMap((header) => ['-H', header]);
        return (
          await curl(
            site,
            '-m',
            '1',
            '--http1.1',
            '-o',
            '/dev/null',
            '-w',
            '%{http_code}',
            ...args,
            `https://${web.ipv4}/`,
          )
        ).stdout;
      };
      expect(await ask(await addSite(internet, 'tls-intercepting', 'lenient'))).toBe('101');
      expect(await ask(await addSite(internet, 'intercepting-no-upgrade', 'severe'))).toBe('200');
    });
  });
});

const short = (kind: SiteKind) => kind.replaceAll('-', '').slice(0, 12);
const pause = (ms: number) => new Promise((settle) => setTimeout(settle, ms));

/** The outside port that an echo saw, by its latest answer. */
async function portOf(socket: ProbeSocket, address = ''): Promise<number> {
  const line = await until(
    'an echo',
    2000,
    () =>
      socket
        .got()
        .filter((text) => text.includes(`seen ${address}`))
        .at(-1),
    10,
  );
  return Number(line.split(' ').at(-1));
}

/** Arguments of a throw-away certificate for `openssl s_server`. */
async function certificate(site: Site): Promise<string[]> {
  const [key, cert] = [join(site.host.state, 'key.pem'), join(site.host.state, 'cert.pem')];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert];
  await site.host.must(['openssl', 'req', '-x509', '-subj', '/CN=localhost', '-days', '2', ...made]);
  return ['-cert', cert, '-key', key];
}

async function serve(site: Site, port: number, ...args: string[]): Promise<void> {
  site.host.start(['openssl', 's_server', '-accept', String(port), '-quiet', ...args, ...(await certificate(site))]);
  await until(`${site.name} listens on ${port}`, 5000, async () =>
    (await site.host.must(['ss', '-Hltn', `sport = :${port}`])).trim(),
  );
}

async function speaksTls(from: Site, to: Site, port: number): Promise<boolean> {
  const command = `timeout 2 openssl s_client -connect ${to.ipv4}:${port} </dev/null 2>&1`;
  return (await from.host.exec(['sh', '-c', command])).stdout.includes('CN = localhost');
}
