// A small internet: one router with public-like addresses (documentation prefixes, never outside of its namespaces) and sites behind it,
// each on a cable of its own, so that nothing but routed packets passes between sites.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Host, type Place } from './host.ts';
import { must, run } from './shell.ts';
import { Space } from './space.ts';

let internets = 0;
const GATEWAY4 = '198.51.100.1';
const GATEWAY6 = 'fe80::1';

/** A cable's middle: moves frames between two devices named `near` (towards the site) and `far` (towards the internet). */
export interface Middle {
  space: Space;
  /** Called when both devices are there. */
  joined(): Promise<void>;
}

export class Internet {
  readonly hosts = new Map<string, Host>();
  private readonly spaces: Space[] = [];
  private readonly closers: (() => Promise<void> | void)[] = [];
  private cables = 0;

  private constructor(
    readonly prefix: string,
    readonly folder: string,
    readonly router: Space,
  ) {}

  static async create(): Promise<Internet> {
    const prefix = `wl${process.pid}x${internets++}`;
    const router = new Space('internet', `${prefix}net`);
    const internet = new Internet(prefix, mkdtempSync(join(tmpdir(), 'weft-internet-')), router);
    await internet.raise(router);
    await router.script([
      'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0',
      `ip addr add ${GATEWAY4}/32 dev lo`,
    ]);
    await router.nft('table inet cuts {\n chain forward { type filter hook forward priority 0; }\n}\n');
    return internet;
  }

  private async raise(space: Space): Promise<void> {
    await must('ip', ['netns', 'add', space.namespace]);
    this.spaces.push(space);
    await space.must(['ip', 'link', 'set', 'lo', 'up']);
  }

  /** An empty namespace, removed with the rest. */
  async space(name: string): Promise<Space> {
    const space = new Space(name, `${this.prefix}${name}`);
    await this.raise(space);
    return space;
  }

  async host(name: string, ipv4: string, ipv6: string): Promise<Host> {
    const namespace = `${this.prefix}${name}`;
    mkdirSync(`/etc/netns/${namespace}`, { recursive: true });
    writeFileSync(`/etc/netns/${namespace}/hosts`, '127.0.0.1 localhost\n::1 localhost\n');
    writeFileSync(`/etc/netns/${namespace}/resolv.conf`, '');
    const place: Place = { folder: this.folder, ipv4, ipv6 };
    const host = new Host(place, name, namespace, this.hosts.size + 1);
    this.hosts.set(name, host);
    await this.raise(host);
    return host;
  }

  /** A cable between two namespaces; both ends are up. */
  async cable(from: Space, fromDevice: string, to: Space, toDevice: string): Promise<void> {
    const end = ['netns', from.namespace, 'type', 'veth', 'peer', 'name', toDevice, 'netns', to.namespace];
    await must('ip', ['link', 'add', fromDevice, ...end]);
    await from.must(['ip', 'link', 'set', fromDevice, 'up']);
    await to.must(['ip', 'link', 'set', toDevice, 'up']);
  }

  /**
   * Joins `space` to the internet by `device`: routes of the addresses there, default routes here. Returns the router's device.
   * `ipv4` is one address, `ipv6` a prefix of 64 bits of which the first address is taken.
   */
  async uplink(space: Space, device: string, ipv4: string, ipv6: string, middle?: Middle): Promise<string> {
    const port = `s${++this.cables}`;
    if (middle) {
      await this.cable(space, device, middle.space, 'near');
      await this.cable(middle.space, 'far', this.router, port);
      await middle.joined();
    } else await this.cable(space, device, this.router, port);
    await this.router.script([`ip -6 addr add ${GATEWAY6}/64 dev ${port} nodad 2>/dev/null || true`]);
    await this.address(space, device, port, ipv4, ipv6);
    return port;
  }

  /** Gives an uplink its addresses; also used to change them. */
  async address(space: Space, device: string, port: string, ipv4: string, ipv6: string): Promise<void> {
    const here = [`ip addr flush dev ${device} scope global`];
    const there: string[] = [`ip route flush dev ${port} scope link proto boot 2>/dev/null || true`];
    if (ipv4) {
      here.push(`ip addr add ${ipv4}/32 dev ${device}`, `ip route replace ${GATEWAY4} dev ${device} src ${ipv4}`);
      here.push(`ip route replace default via ${GATEWAY4} dev ${device} src ${ipv4}`);
      there.push(`ip route replace ${ipv4} dev ${port}`);
    }
    if (ipv6) {
      here.push(`ip -6 addr add ${ipv6}1/64 dev ${device} nodad`);
      here.push(`ip -6 route replace default via ${GATEWAY6} dev ${device}`);
      there.push(`ip -6 route replace ${ipv6}/64 dev ${port}`);
    }
    await this.router.script(there);
    await space.script(here);
  }

  /** Drops what matches on its way through the internet, e.g. `meta l4proto udp`, `ip saddr { A, B } ip daddr { A, B }`. */
  async cut(match: string): Promise<void> {
    await this.router.must(['nft', 'add', 'rule', 'inet', 'cuts', 'forward', ...match.split(' '), 'drop']);
  }

  /** Nothing passes between two public addresses. */
  async cutPair(one: string, other: string): Promise<void> {
    const family = one.includes(':') ? 'ip6' : 'ip';
    await this.cut(`${family} saddr ${one} ${family} daddr ${other}`);
    await this.cut(`${family} saddr ${other} ${family} daddr ${one}`);
  }

  async mend(): Promise<void> {
    await this.router.must(['nft', 'flush', 'chain', 'inet', 'cuts', 'forward']);
  }

  /** Called before the namespaces are removed, last first. */
  onClose(work: () => Promise<void> | void): void {
    this.closers.push(work);
  }

  async close(): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.close()));
    for (const work of this.closers.reverse()) await work();
    for (const space of this.spaces.reverse()) {
      await space.close();
      const { stdout } = await run('ip', ['netns', 'pids', space.namespace]);
      for (const pid of stdout.split('\n').filter(Boolean)) await run('kill', ['-9', pid]);
      await run('ip', ['netns', 'del', space.namespace]);
      rmSync(`/etc/netns/${space.namespace}`, { recursive: true, force: true });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
