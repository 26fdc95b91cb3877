// Cables with a rate, a delay and loss: rate by tbf at both ends, delay and loss by a program between them.
import { join } from 'node:path';
import type { Internet, Middle } from './internet.ts';
import { projectRoot, type Running } from './shell.ts';
import type { Site } from './site.ts';
import type { Space } from './space.ts';

export interface Profile {
  /** Bits per second away from the site, and towards it. */
  up: number;
  down: number;
  /** Added to each round trip; half each way. */
  roundTripMs: number;
  /** Share of frames lost each way. */
  loss: number;
}

export const profiles = {
  broadband: { up: 20e6, down: 100e6, roundTripMs: 20, loss: 0 },
  mobile: { up: 3e6, down: 10e6, roundTripMs: 80, loss: 0.01 },
  narrowband: { up: 64e3, down: 64e3, roundTripMs: 300, loss: 0 },
} as const satisfies Record<string, Profile>;

/** What one way of a wire did; `runs`: number of losses by how many frames were lost in a row. */
export interface WireReport {
  passed: number;
  lost: number;
  runs: Record<string, number>;
}

export interface Wire extends Middle {
  profile: Profile;
  /** Ends the wire and tells what it did; nothing passes any more. */
  stop(): Promise<{ toInternet: WireReport; toSite: WireReport }>;
}

/** A tbf's bucket: one full frame at least, a few ms of a fast line. */
const BURST_BYTES_MIN = 1600;
const BURST_S = 0.005;
/** What a line's queue holds. */
const QUEUE_MS = 300;

/** The middle of a cable for `Internet.uplink`; `joined` completes it when the site stands. */
export async function layWire(internet: Internet, name: string, profile: Profile): Promise<Wire> {
  const space = await internet.space(`${name}dl`);
  await space.must(['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1']);
  let program: Running | null = null;
  return {
    space,
    profile,
    async joined() {
      for (const device of ['near', 'far']) await offloadsOff(space, device);
      const path = join(projectRoot, 'test/netns/programs/delay-link.py');
      const options = ['--delay-ms', String(profile.roundTripMs / 2), '--loss', String(profile.loss)];
      program = space.start(['/usr/bin/python3', path, '--a', 'near', '--b', 'far', ...options]);
      await program.says(/ready/, 10_000);
    },
    async stop() {
      const finished = await program?.stop();
      return JSON.parse(finished?.stdout.trim().split('\n').at(-1) ?? '{}') as Awaited<ReturnType<Wire['stop']>>;
    },
  };
}

async function offloadsOff(space: Space, device: string): Promise<void> {
  await space.must(['ethtool', '-K', device, 'tso', 'off', 'gso', 'off', 'gro', 'off', 'tx', 'off', 'rx', 'off']);
  await space.exec(['ethtool', '-K', device, 'tx-udp-segmentation', 'off']);
}

/** Limits a site's rates at both ends of its cable; 0 takes the limit away. */
export async function limit(internet: Internet, site: Site, up: number, down: number): Promise<void> {
  await rate(site.uplink.space, site.uplink.device, up);
  await rate(internet.router, site.port, down);
}

async function rate(space: Space, device: string, bits: number): Promise<void> {
  if (bits === 0) return void (await space.exec(['tc', 'qdisc', 'del', 'dev', device, 'root']));
  const burst = Math.max(BURST_BYTES_MIN, Math.round((bits / 8) * BURST_S));
  const bucket = ['rate', `${bits}bit`, 'burst', String(burst), 'latency', `${QUEUE_MS}ms`];
  await space.must(['tc', 'qdisc', 'replace', 'dev', device, 'root', 'tbf', ...bucket]);
}

/** A wire's site gets the rates of its profile, and loses single frames instead of batches. */
export async function applyProfile(internet: Internet, site: Site, wire: Wire): Promise<void> {
  await offloadsOff(site.uplink.space, site.uplink.device);
  await offloadsOff(internet.router, site.port);
  await limit(internet, site, wire.profile.up, wire.profile.down);
}

/** "1 × 52, 2 × 1": lengths of losses in a row, for the eye. */
export function lossRuns({ passed, lost, runs }: WireReport): string {
  const lengths = Object.entries(runs).map(([length, count]) => `${length} × ${count}`);
  return `${lost} of ${passed + lost} frames lost${lengths.length ? ` (in a row: ${lengths.join(', ')})` : ''}`;
}
