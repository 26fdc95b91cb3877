import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Host } from './host.ts';
import { must, run } from './shell.ts';

export interface LabOptions {
  hosts: string[];
  /** "192.168.77" unless told: the underlay is a /24 of it and fd77::/64. */
  subnet?: string;
}

let labs = 0;

/** Entries that the kernel's tables of neighbours have by default. */
const NEIGHBOURS_DEFAULT = 1_024;

/**
 * All namespaces share these tables: thirty hosts that know each other fill them, and packets are dropped from then on. They are made larger
 * where that is needed, and stay so until the machine starts anew.
 */
function roomForNeighbours(hosts: number): void {
  const needed = 4 * hosts * hosts;
  if (needed <= NEIGHBOURS_DEFAULT) return;
  for (const family of ['ipv4', 'ipv6'])
    for (const threshold of ['gc_thresh3', 'gc_thresh2', 'gc_thresh1']) {
      const file = `/proc/sys/net/${family}/neigh/default/${threshold}`;
      // Only the machine's own namespace shows them.
      if (existsSync(file) && Number(readFileSync(file, 'utf8')) < needed) writeFileSync(file, String(needed));
    }
}

/** A switch and hosts around it. `close` removes everything. */
export class Lab {
  readonly hosts = new Map<string, Host>();
  private constructor(
    readonly prefix: string,
    readonly folder: string,
    readonly subnet: string,
  ) {}

  static async create(options: LabOptions): Promise<Lab> {
    const prefix = `w${process.pid}x${labs++}`;
    const lab = new Lab(prefix, mkdtempSync(join(tmpdir(), 'weft-lab-')), options.subnet ?? '192.168.77');
    try {
      roomForNeighbours(options.hosts.length);
      await must('ip', ['netns', 'add', lab.switchName]);
      await lab.inSwitch(['ip', 'link', 'set', 'lo', 'up']);
      // No snooping and no forwarding delay: the underlay must not hide what Weft sends.
      await lab.inSwitch(['ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0', 'forward_delay', '0']);
      await lab.inSwitch(['ip', 'link', 'set', 'br0', 'up']);
      for (const name of options.hosts) await lab.addHost(name);
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  get switchName(): string {
    return `${this.prefix}sw`;
  }

  async inSwitch(command: string[]): Promise<string> {
    return must('ip', ['netns', 'exec', this.switchName, ...command]);
  }

  async addHost(name: string): Promise<Host> {
    const index = this.hosts.size + 1;
    const namespace = `${this.prefix}${name}`;
    mkdirSync(`/etc/netns/${namespace}`, { recursive: true });
    writeFileSync(`/etc/netns/${namespace}/hosts`, '127.0.0.1 localhost\n::1 localhost\n');
    writeFileSync(`/etc/netns/${namespace}/resolv.conf`, '');
    await must('ip', ['netns', 'add', namespace]);
    const port = `p${index}`;
    await must('ip', [
      'link',
      'add',
      port,
      'netns',
      this.switchName,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      namespace,
    ]);
    await this.inSwitch(['ip', 'link', 'set', port, 'master', 'br0', 'up']);
    const host = new Host(
      { folder: this.folder, ipv4: `${this.subnet}.${index}`, ipv6: `fd77::${index}` },
      name,
      namespace,
      index,
    );
    this.hosts.set(name, host);
    await host.must(['ip', 'link', 'set', 'lo', 'up']);
    await host.must(['ip', 'link', 'set', 'eth0', 'up']);
    await host.must(['ip', 'addr', 'add', `${host.ipv4}/24`, 'dev', 'eth0']);
    await host.must(['ip', 'addr', 'add', `${host.ipv6}/64`, 'dev', 'eth0', 'nodad']);
    return host;
  }

  host(name: string): Host {
    const host = this.hosts.get(name);
    if (!host) throw new Error(`no host ${name}`);
    return host;
  }

  /** Takes the cable of a host out of the switch, or puts it back. */
  async cable(name: string, plugged: boolean): Promise<void> {
    const index = this.host(name).index;
    await this.inSwitch(['ip', 'link', 'set', `p${index}`, plugged ? 'up' : 'down']);
  }

  /** Splits the switch: hosts of `apart` talk only among themselves until `heal`. */
  async partition(apart: string[]): Promise<void> {
    await this.inSwitch(['ip', 'link', 'add', 'br1', 'type', 'bridge', 'mcast_snooping', '0', 'forward_delay', '0']);
    await this.inSwitch(['ip', 'link', 'set', 'br1', 'up']);
    for (const name of apart) await this.inSwitch(['ip', 'link', 'set', `p${this.host(name).index}`, 'master', 'br1']);
  }

  async heal(): Promise<void> {
    for (const host of this.hosts.values())
      await this.inSwitch(['ip', 'link', 'set', `p${host.index}`, 'master', 'br0']);
    await this.inSwitch(['ip', 'link', 'del', 'br1']);
  }

  async close(): Promise<void> {
    for (const host of this.hosts.values()) await host.close();
    for (const name of [...[...this.hosts.values()].map((host) => host.namespace), this.switchName]) {
      const { stdout } = await run('ip', ['netns', 'pids', name]);
      for (const pid of stdout.split('\n').filter(Boolean)) run('kill', ['-9', pid]);
      await run('ip', ['netns', 'del', name]);
      rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
