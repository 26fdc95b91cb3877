// What a run is made of. The same options give the same run, byte for byte.
import type { Nat, WorldOptions } from './binding.ts';

export interface SimOptions {
  seed: number;
  /** Members at the start. */
  nodes: number;
  /** Of the members at the start, those that ever run; the others are known by their records alone. 0: all. */
  awake: number;
  /** Quiet virtual seconds before the streams begin, for the figures of an idle network. */
  idle: number;
  /** Length of the scenario's main part, virtual seconds. */
  seconds: number;
  /** Members that send, each its own stream to the scenario's group. */
  senders: number;
  /** Packets a second and sender; bytes of a packet. */
  rate: number;
  bytes: number;
  /** Links: bursts of loss, jitter, duplicates, reordering. Off: only delay. */
  faults: boolean;
  /** Kinds of NAT, spread over the hosts in this order. */
  nats: readonly Nat[];
  /** Clocks run differently and show different times. */
  skew: boolean;
  /** Uplink and downlink, bits/s; 0: no limit. */
  upBps: number;
  downBps: number;
  /** What each access queue holds before it drops, bytes. */
  queueBytes: number;
  /** How losses are repaired: as for any group (`open`), or as a channel says. */
  repair: 'open' | 'off' | 'nack' | 'fec';
  /** Signatures of the records and statements: real ones, or ones that cost nothing and prove nothing. */
  crypto: 'real' | 'fake';
  /** Mean time to failure and to repair, seconds: for scenarios with churn. */
  mttf: number;
  mttr: number;
  /** Planted bugs: every n-th delivery is lost (0: none); trees repair nothing. */
  plantDropEvery: number;
  plantNoRepair: boolean;
  /** Signatures of casts are not looked at. */
  plantNoVerify: boolean;
}

export const DEFAULTS: SimOptions = {
  seed: 1,
  nodes: 16,
  awake: 0,
  idle: 0,
  seconds: 60,
  senders: 1,
  rate: 10,
  bytes: 200,
  faults: true,
  nats: ['open', 'independent'],
  skew: true,
  upBps: 0,
  downBps: 0,
  queueBytes: 65_536,
  repair: 'open',
  crypto: 'fake',
  mttf: 1_800,
  mttr: 1_200,
  plantDropEvery: 0,
  plantNoRepair: false,
  plantNoVerify: false,
};

/** Share of datagrams that a path loses on the average. */
const LOSS = { good: 0.0005, bad: 0.3, goodMs: 60_000, badMs: 150 };
const DUPLICATE = 0.001;
const REORDER = 0.001;

export function worldOptions(options: SimOptions): WorldOptions {
  const { plantDropEvery, plantNoRepair, plantNoVerify } = options;
  const planted = { plantNoRepair, plantNoVerify, ...(plantDropEvery > 0 ? { plantDropEvery } : {}) };
  if (!options.faults) return { jitterMs: 0, ...planted };
  return { loss: LOSS, duplicate: DUPLICATE, reorder: REORDER, jitterMs: 0.5, ...planted };
}

/** Share of datagrams that one path loses by chance. */
export function pathLoss(options: SimOptions): number {
  if (!options.faults) return 0;
  const isBad = LOSS.badMs / (LOSS.goodMs + LOSS.badMs);
  return LOSS.good * (1 - isBad) + LOSS.bad * isBad;
}

/** The options as the command that repeats the run; `standard`: what the scenario takes unless told. */
export function command(scenario: string, options: SimOptions, standard: SimOptions): string {
  const parts = [`npm run sim -- --scenario ${scenario}`];
  for (const [name, value] of Object.entries(options)) {
    const same = JSON.stringify(value) === JSON.stringify(standard[name as keyof SimOptions]);
    if (name === 'seed' || name === 'nodes' || name === 'seconds' || !same) parts.push(`--${name} ${String(value)}`);
  }
  return parts.join(' ');
}
