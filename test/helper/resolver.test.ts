// How a machine asks Weft about its names: the real systemd-resolved, the real openresolv with a real resolver, and /etc/hosts.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { projectRoot, run, until, type Running } from '../netns/support/shell.ts';
import { HOSTS, Helper, adapter, reason } from './support/helper.ts';

const packages = join(projectRoot, '.build/debian');
const WEFT = '10.77.1.2';
const UPSTREAM = '192.0.2.1';
const BEN = '10.77.1.3';
const names = {
  name: 'weft0',
  domain: 'home.weft',
  servers: [WEFT],
  hosts: [[BEN, 'ben.home.weft']],
};

/** As if the packages were installed, for what is started in this namespace of mounts. */
const withPackage = (name: string) =>
  [
    'mount -t tmpfs tmpfs /run && mkdir /run/upper /run/work /run/dbus',
    `mount -t overlay overlay -o lowerdir=${packages}/${name}/usr:/usr /usr`,
    'mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc',
    'rm -f /etc/resolv.conf && : > /etc/resolv.conf',
  ].join(' && ');

async function whyNot(name: string): Promise<string | null> {
  if (reason) return reason;
  if (!existsSync(join(packages, name))) return `the package ${name} was not fetched (CI=1 npm test does)`;
  const needed = ['dnsmasq', 'dbus-daemon'].filter((program) =>
    ['/usr/sbin', '/usr/bin'].every((folder) => !existsSync(join(folder, program))),
  );
  if (needed.length > 0) return `missing programs: ${needed.join(', ')}`;
  const tried = await run('unshare', ['--mount', 'sh', '-c', withPackage(name)]);
  return tried.code === 0 ? null : `no overlay of ${name} here: ${tried.stderr.trim()}`;
}
const noResolved = await whyNot('systemd-resolved');
const noOpenresolv = await whyNot('openresolv');
for (const why of new Set([noResolved, noOpenresolv])) if (why) console.log(`skipped: resolver services: ${why}`);

let helper: Helper | undefined;
let running: Running[] = [];
afterEach(async () => {
  for (const one of running) await one.stop();
  running = [];
  await helper?.stop();
  helper = undefined;
});

/** A computer with an adapter, a server of its provider's and one at Weft's address; both refuse what is not theirs. */
async function computer(before: string): Promise<Helper> {
  const made = await Helper.start({ before });
  helper = made;
  const done = await made.inside(['ip', 'addr', 'add', `${UPSTREAM}/32`, 'dev', 'lo']);
  expect(done.code, done.stderr).toBe(0);
  expect(await made.ask('adapter.open', adapter())).toMatchObject({ ok: true });
  await serve(made, UPSTREAM, 'example.test,192.0.2.7');
  await serve(made, WEFT, `ben.home.weft,${BEN}`);
  return made;
}

async function serve(on: Helper, address: string, record: string): Promise<void> {
  const only = ['--listen-address', address, '--bind-interfaces', '--no-resolv', '--no-hosts', '--host-record', record];
  await dnsmasq(on, '--log-queries', ...only);
}

async function dnsmasq(on: Helper, ...args: string[]): Promise<Running> {
  const one = on.startWithin(['dnsmasq', '-C', '/dev/null', '-k', '--log-facility=-', '--user=root', ...args]);
  running.push(one);
  await one.says(/started/, 5000);
  return one;
}

/** A question that meets a resolver as it ends is lost: asked anew after a second, not after the five that are usual. */
const PATIENCE = 'RES_OPTIONS=timeout:1 attempts:2';
const looked = async (on: Helper, name: string) =>
  (await on.within(['env', PATIENCE, 'getent', 'ahostsv4', name])).stdout.split(/\s/)[0] ?? '';
const resolves = (on: Helper) =>
  until(
    'both worlds resolve',
    5000,
    async () => (await looked(on, 'ben.home.weft')) === BEN && (await looked(on, 'example.test')) === '192.0.2.7',
  );
/** What Weft's server was asked. */
const asked = () => (running[1]?.stderr ?? '').match(/query\[\w+\] \S+/g) ?? [];

async function apart(on: Helper): Promise<void> {
  expect(await on.ask('dns.set', names)).toMatchObject({ ok: true });
  await resolves(on);
  expect(on.hosts()).toBe(HOSTS);
  expect(asked().length).toBeGreaterThan(0);
  expect(asked().filter((line) => !line.includes('.weft'))).toEqual([]);
  expect(await on.ask('dns.clear', { name: 'weft0' })).toMatchObject({ ok: true });
  // A local resolver starts anew for this: for a moment it answers nothing at all.
  await until(
    'the names are withdrawn, the rest is there',
    10_000,
    async () => (await looked(on, 'example.test')) === '192.0.2.7' && (await looked(on, 'ben.home.weft')) === '',
  );
}

describe.skipIf(noOpenresolv)('resolvconf', () => {
  /** openresolv feeds a resolver on this machine. */
  async function withLocalResolver(on: Helper): Promise<void> {
    // Its pid file goes before its socket does: the next one may have to try again.
    const again = 'n=0; until /run/resolver || [ $n -gt 100 ]; do n=$((n + 1)); sleep 0.05; done';
    const restart = `kill $(cat /run/dnsmasq.pid); while [ -e /run/dnsmasq.pid ]; do sleep 0.02; done; ${again}`;
    const local = '/usr/sbin/dnsmasq -C /run/weft.conf --listen-address=127.0.0.1 --bind-interfaces --no-hosts';
    const resolver = `#!/bin/sh\n${local} --resolv-file=/run/servers --pid-file=/run/dnsmasq.pid --user=root\n`;
    const conf = `name_servers=127.0.0.1\ndnsmasq_conf=/run/weft.conf\ndnsmasq_resolv=/run/servers\ndnsmasq_restart='${restart}'\n`;
    const prepare = [
      `printf '%s' "$1" > /etc/resolvconf.conf && printf '%s' "$2" > /run/resolver && chmod 755 /run/resolver`,
      ': > /run/weft.conf && : > /run/servers && /run/resolver',
      `echo 'nameserver ${UPSTREAM}' | resolvconf -a eth0`,
    ].join(' && ');
    const done = await on.within(['sh', '-c', prepare, 'sh', conf, resolver]);
    expect(done.code, done.stderr).toBe(0);
    running.push(
      on.startWithin(['sh', '-c', `trap 'kill $(cat /run/dnsmasq.pid); exit 0' TERM; while :; do sleep 0.1; done`]),
    );
  }

  it('with a local resolver takes the names apart', async () => {
    const on = await computer(withPackage('openresolv'));
    await withLocalResolver(on);
    await apart(on);
  });

  it('without one is left alone: the names are in /etc/hosts', async () => {
    const on = await computer(withPackage('openresolv'));
    const added = await on.within(['sh', '-c', `echo 'nameserver ${UPSTREAM}' | resolvconf -a eth0`]);
    expect(added.code, added.stderr).toBe(0);
    const conf = async () => (await on.within(['cat', '/etc/resolv.conf'])).stdout;
    const before = await conf();
    expect(before).toContain(UPSTREAM);
    expect(await on.ask('dns.set', names)).toMatchObject({ ok: true });
    await resolves(on);
    expect(on.hosts()).toContain(`${BEN}\tben.home.weft`);
    expect(await conf()).toBe(before);
    expect(asked()).toEqual([]);
  });

  it('is told to forget when the helper ends', async () => {
    const on = await computer(withPackage('openresolv'));
    await withLocalResolver(on);
    expect(await on.ask('dns.set', names)).toMatchObject({ ok: true });
    const list = '/run/resolvconf/interfaces';
    expect((await on.within(['ls', list])).stdout).toMatch(/weft0/);
    // A look into its files that outlives it.
    const watcher = on.startWithin(['sh', '-c', `while [ -e ${list}/weft0 ]; do sleep 0.05; done; echo forgotten`]);
    running.push(watcher);
    await on.end('SIGTERM');
    await watcher.says(/forgotten/, 5000);
  });
});

describe.skipIf(noResolved)('systemd-resolved', () => {
  const BUS = '/run/dbus/system_bus_socket';
  const busConf = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${BUS}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>`;

  it('takes the names apart, by link', async () => {
    const on = await computer(withPackage('systemd-resolved'));
    const folder = join(on.folder, 'resolved');
    mkdirSync(folder);
    writeFileSync(join(folder, 'bus.conf'), busConf);
    const users = readFileSync('/etc/passwd', 'utf8');
    const user = users.includes('systemd-resolve:') ? '' : 'systemd-resolve:x:992:992::/:/usr/sbin/nologin';
    const prepare = [
      `printf '%s\\n' "$1" >> /etc/passwd && mkdir -p /run/systemd`,
      `printf '[Resolve]\\nDNS=${UPSTREAM}\\nDNSSEC=no\\nMulticastDNS=no\\nLLMNR=no\\n' > /etc/systemd/resolved.conf`,
      'ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf',
    ].join(' && ');
    expect(await on.within(['sh', '-c', prepare, 'sh', user])).toMatchObject({ code: 0 });
    const bus = on.startWithin([
      'dbus-daemon',
      `--config-file=${folder}/bus.conf`,
      '--nofork',
      '--nopidfile',
      '--print-address=1',
    ]);
    await bus.says(/unix:/, 5000);
    const resolved = on.startWithin(['/usr/lib/systemd/systemd-resolved']);
    running.push(resolved, bus);
    await until('resolved runs', 10_000, async () => {
      if (resolved.ended) throw new Error(resolved.tail());
      return (await on.within(['test', '-S', '/run/systemd/resolve/io.systemd.Resolve'])).code === 0;
    });
    await apart(on);
    rmSync(folder, { recursive: true });
  });
});
