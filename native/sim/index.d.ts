/**
 * The simulator's binding. One thread, one virtual clock in µs; nothing happens but inside `World.advance`, `inject` and the
 * calls of a node's data plane. Errors are thrown as `Error` with `code` "bad-argument". Nodes are named by their index, in the
 * order of `addNode`; flows likewise.
 */
import type { Dataplane, DataplaneEvent } from '../../app/engine/ports.ts';

/** How datagrams pass between a host and the world. `addressRestricted` and `portRestricted` filter by what was sent to before; `blocked`: no UDP. */
export type Nat = 'open' | 'independent' | 'addressRestricted' | 'portRestricted' | 'symmetric' | 'blocked';

/** Loss by Gilbert and Elliott: two states in continuous time, each with its loss. Shares of 1; times in ms. */
export interface Loss {
  /** Loss in the good state. */
  good: number;
  /** Loss in the bad state; 0 mean bad time: there is none. */
  bad: number;
  goodMs: number;
  badMs: number;
}

export interface WorldOptions {
  /** Regions of the underlay, at random places of a plane; hosts are spread over them. 8 unless told. */
  regions?: number;
  /** One-way delay across the whole plane, ms; 60 unless told. */
  spanMs?: number;
  /** Range of a host's own access delay, one way, ms; [1, 10] unless told. */
  accessMs?: [number, number];
  /** Mean of the exponential jitter of each datagram, ms; order within a pair of hosts is kept. 0.5 unless told. */
  jitterMs?: number;
  /** Of every path between two hosts; none unless told. */
  loss?: Loss;
  /** Shares of datagrams that arrive twice, and that are delayed out of order by up to 20 ms. 0 unless told. */
  duplicate?: number;
  reorder?: number;
  /** Idle NAT mappings and permissions end after this, s; 120 unless told. */
  natIdleS?: number;
  /** For tests of the tests: every n-th packet that a node would deliver is lost. */
  plantDropEvery?: number;
  /** Likewise: trees neither ask for what they miss nor give it back by parity. */
  plantNoRepair?: boolean;
  /** Signatures of casts are not looked at. */
  plantNoVerify?: boolean;
}

export interface NodeOptions {
  nat?: Nat;
  /** bits/s, 0 = no limit; and what the access queue holds before it drops, bytes (65,536 unless told). */
  upBps?: number;
  downBps?: number;
  queueBytes?: number;
  /** The host's clocks: offset of the monotonic one, ms (it is 0 at the start of the world otherwise), and how much faster it runs, ppm. */
  clockOffsetMs?: number;
  clockPpm?: number;
  /** Of the host's access delay, ms, one way; from the world's range unless told. */
  accessMs?: number;
  region?: number;
}

/** A stream of UDP packets that the world sends as an application of a host would, and whose arrivals it records. */
export interface FlowOptions {
  node: number;
  /** Handle of the network in that node. */
  net: number;
  /** Group or member address, IPv4 or IPv6. */
  to: string;
  /** Whole IP packets, bytes: ≥ 60. */
  bytes: number;
  everyUs: number;
  startUs: number;
  endUs: number;
}

/** What became, at one receiver, of the packets of one flow sent in a span of time. */
export interface Audit {
  /** Packets sent. */
  sent: number;
  /** Of these, arrived at least once. */
  delivered: number;
  /** Second and later arrivals. */
  duplicates: number;
  /** Sum and maximum of first arrivals' delays, ms. */
  delaySumMs: number;
  delayMaxMs: number;
  /** Longest time between two consecutive first arrivals (in order of sending), also from and to the ends of the span, ms. */
  gapMaxMs: number;
  /** All such times longer than was asked for, ms, in order. */
  gapsMs: number[];
  /** Numbers of the first packets that did not arrive, at most 16. */
  missing: number[];
}

/** Frames and bytes with IPv4 and UDP headers, by kind. */
export interface Traffic {
  /** Handshakes. */
  hello: { frames: number; bytes: number };
  /** Control messages, acknowledgements, pings, keys. */
  control: { frames: number; bytes: number };
  /** Unicast packets. */
  packet: { frames: number; bytes: number };
  cast: { frames: number; bytes: number };
  /** Others' frames that were passed on; own relayed frames count as what they are. Of what came, every relayed frame. */
  carry: { frames: number; bytes: number };
}

export interface NodeReport {
  sent: Traffic;
  received: Traffic;
  /** Own packets sealed as casts; copies sent of own and of others' casts. */
  castsSealed: number;
  copiesOwn: number;
  copiesRelayed: number;
  /** Casts of trees sent again, because somebody missed them. */
  copiesAgain: number;
  /** Most copies of one cast: the outdegree. */
  outdegreeMax: number;
  /** Own casts by how many copies were sent of each: index 0 of none, 1 of one … */
  ownByCopies: number[];
  /** Casts that came and were of no use to this host's applications. */
  castsUnwanted: number;
  delivered: number;
  /** Datagrams lost at this host's access: queue full; by chance; by NAT or block. */
  lostQueue: number;
  drops: Record<string, number>;
}

export interface UnderlayReport {
  sent: number;
  arrived: number;
  lostChance: number;
  lostQueue: number;
  lostNat: number;
  lostPartition: number;
  lostDead: number;
  noRoute: number;
  /** Casts: mean and maximum copies of the same packet over the same physical link, over links that carried it. */
  stressMean: number;
  stressMax: number;
}

/** A node's data plane, as the engine's port, and what the real binding has besides. After the host's death all calls do nothing. */
export interface SimNode extends Dataplane {
  /** Up to `max` events (512 unless told), oldest first. */
  poll(max?: number): Polled;
}

type Told<E> = E extends { kind: 'control' } ? Omit<E, 'bytes'> & { length: number } : E;

/** The messages of the control events follow one another in `bytes`. */
export interface Polled {
  events: Told<DataplaneEvent>[];
  bytes: Uint8Array;
}

export class World {
  constructor(seed: number, options?: WorldOptions);
  /** World time, µs since its start. */
  now(): number;
  /** A new host, alive; returns its index. */
  addNode(options?: NodeOptions): number;
  /** Where other hosts may reach this one without a NAT's help ("5.0.0.7:4000"); behind one: its private address. */
  endpoint(node: number): string;
  node(node: number): SimNode;
  /** The host's monotonic clock, µs. */
  localNow(node: number): number;
  /** When the host's clock will show `localUs`, in world time, µs. */
  worldTime(node: number, localUs: number): number;
  /** Runs until some node has events for its engine (told at most 50 times a second per node), or until `untilUs`; returns those nodes. */
  advance(untilUs: number): Uint32Array;
  /** Power cut: sessions and keys are gone; the host's applications stay. */
  kill(node: number): void;
  /** A new process on a dead host, with new randomness. */
  restart(node: number): void;
  alive(node: number): boolean;
  /** Datagrams pass between hosts of the same partition only; 0 at first. */
  setPartition(node: number, partition: number): void;
  /** Blocks or opens one pair of hosts, both ways. */
  setBlocked(a: number, b: number, blocked: boolean): void;
  /** Another access network: new addresses, mappings gone. Returns the new endpoint. */
  move(node: number): string;
  setLoss(loss?: Loss): void;
  setRates(node: number, upBps: number, downBps: number): void;
  /** Delay of the direct path without jitter and queues, one way, ms. */
  directMs(from: number, to: number): number;
  /** Applications of the host join (`exclude` without sources: any) or leave a group, by IGMP and MLD reports on its adapters. */
  join(node: number, group: string, mode?: 'include' | 'exclude', sources?: string[]): void;
  leave(node: number, group: string): void;
  /** An IP packet as an application would send it through the adapter of a network. */
  inject(node: number, net: number, packet: Uint8Array): void;
  /** A host that means ill: it keeps casts of others' trees, at most 256 of them … */
  hoard(node: number): void;
  /** … and sends them to everybody it has a session with, whole or with a wrong byte inside; returns how many frames went. */
  replay(node: number, damaged: boolean): number;
  /** The node makes new casts in their origins' names of what it kept and has keys for, and sends them to everybody it has a session with; returns how many went. */
  forge(node: number): number;
  addFlow(options: FlowOptions): number;
  /** Sending times of a flow's packets, ms of world time; −1 where the host was dead or without adapter. */
  sentTimes(flow: number): Float64Array;
  /** How often each packet of the flow arrived at this node (255 and more: 255). */
  arrivals(flow: number, node: number): Uint8Array;
  /** Of packets sent at `fromUs` ≤ t < `toUs`; gaps longer than `longerMs` are told one by one, none unless it is given. */
  audit(flow: number, node: number, fromUs: number, toUs: number, longerMs?: number): Audit;
  /** Delays of all first arrivals of a flow, ms, at these quantiles. */
  delays(flow: number, quantiles: number[]): number[];
  report(node: number): NodeReport;
  /**
   * Control traffic of all hosts by what is said: handshakes as they were sent, everything else as it arrived (only its receiver can read
   * it). Engines' messages are called "message TYPE".
   */
  kinds(): { name: string; frames: number; bytes: number }[];
  underlay(): UnderlayReport;
  /** Folds bytes of the harness into the digest. */
  note(bytes: Uint8Array): void;
  /** Of everything sent, delivered and noted so far, 32 hex digits. */
  digest(): string;
}
