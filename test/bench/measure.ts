// What a measure is: some rows of the table, and how to fill them on a net that stands.
import type { Host } from '../netns/support/host.ts';
import type { Lab } from '../netns/support/lab.ts';
import type { Net, Peer, Transport } from './peer.ts';

export interface Target {
  /** A peer's name, `best` of the peers (floors aside), or null: the figure itself. */
  beside: string | null;
  /** Bound of the ratio (or of the figure): at least for rows where more is better, at most for the others. */
  must: number;
  aim?: number;
  /** Row of the same column by which the figure is divided first. */
  per?: string;
  /** Whose figure; Weft's unless told. */
  of?: string;
  /** Rows of the others to compare with; the own row unless told. */
  rows?: string[];
}

export interface Row {
  key: string;
  label: string;
  better: 'more' | 'less';
  digits: number;
  targets?: Target[];
}

/** Values by row key; NaN or absent: none. */
export type Figures = Record<string, number>;

export interface Bench {
  lab: Lab;
  hosts: Host[];
  net: Net;
  peer: Peer;
  transport: Transport;
  effort: Effort;
}

/** How long things are measured. */
export interface Effort {
  /** Of each TCP stream. */
  seconds: number;
  pings: number;
  /** Of the search for the highest rate, and seconds of each. */
  trials: number;
  trialSeconds: number;
  /** Before idle traffic is counted, and of the counting. */
  settleSeconds: number;
  idleSeconds: number;
}

export interface Measure {
  /** For `--only`. */
  name: string;
  rows: Row[];
  /** Skipped for peers that do not carry multicast. */
  multicast?: boolean;
  run(bench: Bench): Promise<Figures>;
}

/** The two ends of most measures. */
export function pairOf({ hosts, net }: Bench): { a: Host; b: Host; address: string; via: string } {
  const [a, b] = hosts as [Host, Host];
  return { a, b, address: net.address(b), via: net.address(a) };
}
