// What goes into the engine: everything that happens outside of it, as data.
import type { Finding, Problem, State } from '../contract/state.ts';
import type { DataplaneEvent, LinkInput } from './ports.ts';

export type Input =
  /** What `Dataplane.poll` returned, oldest first. */
  | { kind: 'dataplane'; events: DataplaneEvent[] }
  /**
   * At the start and after every change of the machine's addresses or listening ports: endpoints at which other machines may
   * reach this one, best first ("192.0.2.7:51820", "[2001:db8::7]:51820"), loopback included only when it is all there is.
   */
  | { kind: 'underlay'; endpoints: string[] }
  /** The process slept (suspend, SIGSTOP) about this long; mono may or may not have counted it. */
  | { kind: 'woke'; sleptMs: number }
  /** Answer to `Adapters.open`; the descriptor is handed to the data plane. */
  | { kind: 'adapterReady'; net: number; fd: number; name: string }
  /** Answer to `Adapters.open` or `readdress`: code of the error table. */
  | { kind: 'adapterFailed'; net: number; code: string; data?: Record<string, string> }
  /** Once a second while somebody watches: rates and RTTs are sampled from the data plane's counters. */
  | { kind: 'statsTick' }
  | LinkInput
  /** A member was seen on the local network or in the DHT; whether it is one is for the engine to say. `member`: 32 bytes. */
  | { kind: 'found'; net: number; member: Uint8Array; endpoints: string[]; by: 'lan' | 'dht' }
  /** STUN servers saw a socket of this machine, not the one that members call: "198.51.100.7:40000". */
  | { kind: 'observed'; answers: { server: string; observed: string }[] }
  /** What the program knows of the machine; replaces what it said before. */
  | {
      kind: 'host';
      listening: string[];
      helper: State['helper'];
      problems: Problem[];
      finding?: Omit<Finding, 'nat' | 'observed'>;
    };

/** An administrator's word; what is absent is allowed. */
export interface Policy {
  /** Passing on others' traffic. */
  relay?: boolean;
  /** Asking a router to open a port. */
  portMapping?: boolean;
  /** Tunnels in HTTP, HTTPS and through proxies. */
  http?: boolean;
  /** WebRTC, and so STUN and TURN. */
  webrtc?: boolean;
  /** ECN and DSCP of packets on the outer ones. */
  trafficClass?: boolean;
}

export interface EngineOptions {
  /** Version of the program, for people. */
  version: string;
  /** Name of the first network's adapter; `none`: no network gets one. Absent: weft0, weft1 … */
  adapter?: string;
  /** Device name until the user chooses one, e.g. the host's name. */
  deviceName: string;
  /** What an administrator forbids. */
  policy?: Policy;
  /** Adapter MTU of networks made here, bytes; 1380 when absent. */
  mtu?: number;
}
