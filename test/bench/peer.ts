import type { Lab } from '../netns/support/lab.ts';
import type { Host } from '../netns/support/host.ts';

/** A VPN between two hosts. */
export interface Peer {
  name: string;
  /** Version as the program says it. */
  version(): Promise<string>;
  /** null when it can be used here; otherwise why not. */
  absent(): Promise<string | null>;
  /** Starts it on both hosts; resolves when the second host answers a ping. */
  start(lab: Lab, a: Host, b: Host): Promise<{ address: string; pids: () => number[] }>;
  stop(a: Host, b: Host): Promise<void>;
}
