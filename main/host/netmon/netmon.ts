// Underlay addresses and their changes.
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

export const LOOK_EVERY_MS = 500;
export const ADDRESSES_MAX = 16;

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

export interface MonitorOptions {
  /** Best first: IPv6 and IPv4 of real interfaces; loopback only when there is nothing else. Called at the start too. */
  onChange: (addresses: string[]) => void;
  look?: () => Interfaces;
}

export class NetworkMonitor {
  private timer: NodeJS.Timeout | null = null;
  private last: string | null = null;

  constructor(private readonly options: MonitorOptions) {}

  start(): void {
    this.check();
    this.timer = setInterval(() => this.check(), LOOK_EVERY_MS);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** Looks now; for tests and after a wake-up. */
  check(): void {
    const interfaces = this.interfaces();
    if (!interfaces) return;
    const addresses = underlayAddresses(interfaces);
    const key = addresses.join();
    if (key === this.last) return;
    this.last = key;
    this.options.onChange(addresses);
  }

  /** null: the system could not say just now (no memory, no descriptors); the next look will. */
  private interfaces(): Interfaces | null {
    try {
      return (this.options.look ?? networkInterfaces)();
    } catch {
      return null;
    }
  }
}

export function underlayAddresses(interfaces: Interfaces): string[] {
  const found: string[] = [];
  const loopback: string[] = [];
  for (const [name, list] of Object.entries(interfaces)) {
    if (name.startsWith('weft')) continue;
    for (const { address, internal } of list ?? []) {
      if (internal) loopback.push(address);
      else if (!/^fe80:/i.test(address) && !address.startsWith('169.254.')) found.push(address);
    }
  }
  return (found.length > 0 ? found : loopback).slice(0, ADDRESSES_MAX);
}
