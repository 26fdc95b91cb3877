// IP bytes of TCP and UDP that a host exchanges with the world outside of the mesh, by nft counters on its cable.
import type { Host } from './host.ts';

const TABLE = 'weft_traffic';

/** Starts counting from 0; returns when, ms. */
export async function watchTraffic(host: Host): Promise<number> {
  await host.nft(`table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
  counter received { }
  counter sent { }
  chain in { type filter hook input priority 0; iifname "eth0" meta l4proto { tcp, udp } counter name received; }
  chain out { type filter hook output priority 0; oifname "eth0" meta l4proto { tcp, udp } counter name sent; }
}
`);
  return Date.now();
}

export interface TrafficReport {
  /** IP bytes. */
  sent: number;
  received: number;
  /** IP packets sent. */
  packets: number;
  seconds: number;
}

export async function trafficSince(host: Host, begunMs: number): Promise<TrafficReport> {
  const listing = JSON.parse(await host.must(['nft', '-j', 'list', 'counters', 'table', 'inet', TABLE])) as {
    nftables: { counter?: { name: string; bytes: number; packets: number } }[];
  };
  const counter = (name: string) => listing.nftables.find((item) => item.counter?.name === name)?.counter;
  const [sent, received] = [counter('sent'), counter('received')];
  const seconds = (Date.now() - begunMs) / 1000;
  return { sent: sent?.bytes ?? NaN, received: received?.bytes ?? NaN, packets: sent?.packets ?? NaN, seconds };
}
