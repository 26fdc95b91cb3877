import { join } from 'node:path';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { describe, fail, type Outcome } from '../../../app/contract/errors.ts';
import type { State } from '../../../app/contract/state.ts';
import { connectEngine } from '../../../main/rpc/engine-client.ts';
import { projectRoot, until, type Finished, type Running } from './shell.ts';
import { Space } from './space.ts';

const cli = join(projectRoot, 'dist/cli/weft.cjs');

/** A daemon that is asleep or stuck does not hold up who asks. */
const STATUS_MS_MAX = 20_000;

export interface StatusMember {
  id: string;
  name: string;
  addresses: string[];
  online: boolean;
  path: string;
  transport?: string;
  proxy?: string;
  relays?: string[];
  rttMs?: number;
  self: boolean;
}
export interface StatusTree {
  origin: string;
  groups: string[];
  epoch: number;
  parent: string | null;
  children: number;
  receivers?: number;
  unserved?: number;
  depth?: number;
  degree?: number;
  relays?: number;
  /** Member and whom it gets packets from. */
  edges?: [string, string][];
}
export interface StatusNetwork {
  id: string;
  name: string;
  addresses: string[];
  adapter: string | null;
  selfId: string;
  state: string;
  members: StatusMember[];
  groups: { address: string; members: string[]; joined: boolean }[];
  trees?: StatusTree[];
  channels?: { name: string; address: string; port: number; joined: boolean }[];
  limited?: { member: string; group: string | null; sinceMs: number; dropped: number }[];
  invites: { id: string; state: string }[];
  problems: { code: string }[];
}
export interface Status {
  networks: StatusNetwork[];
  problems: { code: string }[];
  listening: string[];
}

/** Where a host keeps its files, and its underlay address there. */
export interface Place {
  folder: string;
  ipv4: string;
  ipv6: string;
}

/** One computer: a namespace with an underlay address, a state folder and perhaps a running daemon. */
export class Host extends Space {
  daemon: Running | null = null;
  state: string;
  /** Environment of this computer's programs, e.g. its proxy. */
  env: NodeJS.ProcessEnv = {};

  constructor(
    readonly place: Place,
    name: string,
    namespace: string,
    readonly index: number,
  ) {
    super(name, namespace);
    this.state = join(place.folder, name);
    mkdirSync(this.state, { recursive: true, mode: 0o700 });
  }

  get ipv4(): string {
    return this.place.ipv4;
  }
  get ipv6(): string {
    return this.place.ipv6;
  }

  async startDaemon(options: { args?: string[]; env?: NodeJS.ProcessEnv } = {}): Promise<void> {
    const given = options.args ?? [];
    const args = ['daemon', '--state', this.state, ...(given.includes('--ui') ? [] : ['--ui', 'none']), ...given];
    this.daemon = this.start([process.execPath, cli, ...args], {
      env: { WEFT_DEVICE_NAME: this.name, ...this.env, ...options.env },
    });
    const daemon = this.daemon;
    await until(`daemon on ${this.name} answers`, 15_000, async () => {
      if (daemon.ended) throw new Error(daemon.tail());
      return (await this.asked()).ok;
    });
  }

  async stopDaemon(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.daemon;
    this.daemon = null;
    // `ip netns exec` replaces itself by the program, so this pid is the daemon's.
    await daemon?.stop(signal);
  }

  weft(...args: string[]): Promise<Finished> {
    return this.exec([process.execPath, cli, args[0] ?? 'status', '--state', this.state, ...args.slice(1)], {
      timeoutMs: 60_000,
    });
  }

  async mustWeft(...args: string[]): Promise<string> {
    const finished = await this.weft(...args);
    if (finished.code !== 0)
      throw new Error(
        `${this.name}: weft ${args[0]} → ${finished.code}: ${finished.stderr}\n${this.daemon?.tail() ?? ''}`,
      );
    return finished.stdout.trim();
  }

  /** What `weft status --json` prints, without a program of its own: tests ask many times a second. */
  private async asked(): Promise<Outcome<State>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome<never>>((settle) => {
      timer = setTimeout(() => settle(fail('timeout')), STATUS_MS_MAX);
    });
    const connected = await Promise.race([connectEngine(this.state, 'lab'), late]);
    const outcome = connected.ok ? await Promise.race([connected.value.call('status', {}), late]) : connected;
    if (connected.ok) connected.value.close();
    clearTimeout(timer);
    return outcome;
  }

  async status(): Promise<Status> {
    const outcome = await this.asked();
    if (outcome.ok) return outcome.value as unknown as Status;
    throw new Error(`${this.name}: status: ${describe(outcome.error)}\n${this.daemon?.tail() ?? ''}`);
  }

  async network(name?: string): Promise<StatusNetwork> {
    const { networks } = await this.status();
    const network = name === undefined ? networks[0] : networks.find((candidate) => candidate.name === name);
    if (!network) throw new Error(`${this.name} is not in ${name ?? 'any network'}`);
    return network;
  }

  /** Own overlay addresses without prefix length. */
  async overlay(name?: string): Promise<{ ipv4: string; ipv6: string; adapter: string }> {
    const network = await this.network(name);
    const bare = network.addresses.map((address) => address.split('/')[0] ?? '');
    return {
      ipv4: bare.find((address) => address.includes('.')) ?? '',
      ipv6: bare.find((address) => address.startsWith('fd')) ?? '',
      adapter: network.adapter ?? '',
    };
  }

  async linkLocal(adapter: string): Promise<string> {
    const output = await this.must(['ip', '-6', '-o', 'addr', 'show', 'dev', adapter, 'scope', 'link']);
    const match = output.match(/inet6 (fe80\S+)\//);
    if (!match?.[1]) throw new Error(`${this.name}: no fe80 address on ${adapter}`);
    return match[1];
  }

  /** true when one ping is answered. */
  async ping(address: string, ...options: string[]): Promise<boolean> {
    const finished = await this.exec(['ping', '-n', '-c', '1', '-W', '1', ...options, address], { timeoutMs: 5000 });
    return finished.code === 0;
  }

  hostsFile(): string {
    return readFileSync(`/etc/netns/${this.namespace}/hosts`, 'utf8');
  }

  wipe(): void {
    rmSync(this.state, { recursive: true, force: true });
  }

  override async close(): Promise<void> {
    await this.stopDaemon().catch(() => undefined);
    await super.close();
  }
}
