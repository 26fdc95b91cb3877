// What the engine needs from the machine. Implemented in main/host for real and beside the tests as fakes.
// All calls are synchronous and quick unless a callback is named; time never comes from here, it is an argument everywhere.
import type { Outcome } from '../contract/errors.ts';
import type { DoctorItem, Settings } from '../contract/state.ts';
import type { CastKey, TreeConfig } from '../mesh/multicast/io.ts';
import type { DialTarget } from '../mesh/paths/caller.ts';
import type { Crypto } from '../wire/crypto.ts';

export type { CastKey, Crypto, TreeConfig };

/** Milliseconds: `mono` never jumps (but may stand still in suspend), `wall` is the machine's clock, ms since 1970. */
export interface Now {
  mono: number;
  wall: number;
}

export interface Random {
  bytes(length: number): Uint8Array;
}

/**
 * Durable storage of one state folder. A call that returned ok survives `kill -9` and power loss.
 * Names are relative paths of [a-z0-9-/.]; files carry magic, version and checksums (the store's business).
 */
export interface Store {
  /** null when absent. Damaged files are kept aside and reported as `state-corrupt`. */
  read(name: string): Outcome<Uint8Array | null>;
  /** Replaces atomically. `disk-full` leaves the old content. */
  write(name: string, bytes: Uint8Array): Outcome<void>;
  /** Appends entries to a log, all or none; a torn tail from a crash is cut at the next read. */
  append(name: string, entries: Uint8Array[]): Outcome<void>;
  readLog(name: string): Outcome<Uint8Array[]>;
  /** Removes a file or a folder with all in it. */
  remove(name: string): Outcome<void>;
  list(folder: string): string[];
}

/** The native data plane (native/addon), see its index.d.ts for shapes, limits and events. */
export interface Dataplane {
  addNetwork(config: NetworkConfig): void;
  removeNetwork(net: number): void;
  attachAdapter(net: number, fd: number, name: string): void;
  detachAdapter(net: number): void;
  setPeers(net: number, peers: PeerConfig[]): void;
  removePeers(net: number, peers: number[]): void;
  /** A way is "192.0.2.1:4000" (UDP), "link:7" or "via:12" (relayed by the peer with handle 12). */
  connect(net: number, peer: number, ways: string[], hint?: Uint8Array): void;
  /** What is tried when the present path falls silent; starts nothing. */
  setWays(net: number, peer: number, ways: string[]): void;
  /** A handshake beside the running session: the first way that answers within 5 s takes over. */
  tryWays(net: number, peer: number, ways: string[]): void;
  disconnect(net: number, peer: number): void;
  answerStranger(net: number, ask: number, accept: boolean): void;
  sendControl(net: number, peer: number, bytes: Uint8Array): boolean;
  setGroups(net: number, groups: GroupConfig[]): void;
  /** Adds or replaces an epoch of a tree; the newest 4 are kept. */
  setTree(net: number, tree: TreeConfig): void;
  dropTree(net: number, origin: Uint8Array, tree: number): void;
  /** A subscriber's; ≤ 4 newest per origin and tree. */
  setCastKey(net: number, key: CastKey): void;
  /** The host's packets to the group take these own trees by turns; none: they wait, and `stream` is raised if there is one. */
  sendOn(net: number, group: string, trees: number[]): void;
  /** They go to each receiver by themselves until `sendOn`, however many there are; while they go on, `stream` is raised every 10 s. */
  sendDirectly(net: number, group: string): void;
  /** Next sequence under the newest key of an own tree, 0 without one. Absent: late subscribers accept a key from its beginning. */
  castSequence?(net: number, tree: number): number;
  /** The key that casts of own trees are signed with (Ed25519, 32 bytes), new at each start. Absent: it cannot sign. */
  castSigner?(net: number): Uint8Array;
  /** What may be seen outside of the tunnel. Absent in data planes that have no outside. */
  setOutside?(options: { datagrams: boolean; trafficClass: boolean }): void;
  setRelay(net: number, options: RelayOptions): void;
  /** Next hops towards destinations without a session, for relaying. Replaces all of the network. */
  setRoutes(net: number, routes: Route[]): void;
  /** Spreads what goes to a relayed member over these neighbours by flow. */
  setRelays(net: number, peer: number, relays: RelayShare[]): void;
  /** The way to this peer is slow; `{}` takes that back. Absent in data planes that know no slow ways. */
  setPace?(net: number, peer: number, pace: Pace): void;
  /** What one member, this host included, may send to one group, and this host to all; absent or 0: the data plane's own ceilings. */
  setFair?(net: number, options: { bytesPerSecond?: number; ownBytesPerSecond?: number }): void;
  closeLink(link: number): void;
  rotateKeys(net: number): void;
  poke(): void;
  stats(): Stats;
}

export interface PeerConfig {
  peer: number;
  key: Uint8Array;
  level: 'member' | 'stranger';
  origin: Uint8Array;
  ipv4?: string;
  ipv6?: string;
  linkLocal?: string;
  mac?: string;
}

export interface NetworkConfig {
  net: number;
  networkId: Uint8Array;
  secretKey: Uint8Array;
  origin: Uint8Array;
  ipv4?: string;
  ipv4Prefix?: number;
  ipv6: string;
  ipv6Prefix: number;
  linkLocal: string;
  mac: string;
  mtu: number;
}

export interface RelayOptions {
  on: boolean;
  /** 0 = unlimited. */
  bytesPerSecond: number;
}

export interface Route {
  origin: Uint8Array;
  via: number;
}

export interface RelayShare {
  via: number;
  /** 1 – 65,535, relative. */
  weight: number;
}

export interface Pace {
  /** What the way carries, headers included; absent or 0: no limit. */
  bytesPerSecond?: number;
  /** Small packets wait this long for company, ≤ 40; absent or 0: never. */
  aggregateMs?: number;
}

export interface LocalGroup {
  group: string;
  mode: 'include' | 'exclude';
  sources: string[];
}

export interface Receiver {
  peer: number;
  mode: 'include' | 'exclude';
  sources: string[];
}

export interface GroupConfig {
  group: string;
  receivers: Receiver[];
  /** Who may send to it; absent: every member. */
  publishers?: number[];
  /** What the host sends to it is repaired, so it goes by trees however few receive it. */
  repaired?: boolean;
  /** What comes to it by trees is believed only where its origin signed it. */
  signed?: boolean;
  /** The receivers are beside those named before, and nothing else changes. */
  more?: true;
}

export type TreeEvent =
  /** The host sends to a group with more receivers than are served directly, and no `sendOn` names trees for it: again every 10 s. */
  | { kind: 'stream'; net: number; group: string }
  | { kind: 'streamEnd'; net: number; group: string }
  /** This node moved to a backup parent by itself. */
  | { kind: 'grafted'; net: number; origin: Uint8Array; tree: number; from: number | null; to: number }
  | { kind: 'treeTrouble'; net: number; origin: Uint8Array; tree: number; code: TreeTrouble; peer: number };

/**
 * Broadcast or multicast beyond a member's share was dropped: told at once, and once a second while it goes on. `peer` absent: this host's
 * own; `group` absent: all of the member's groups, or those of one tree; `dropped`: packets since it began.
 */
export interface LimitedEvent {
  kind: 'limited';
  net: number;
  peer?: number;
  group?: string;
  dropped: number;
}

export type TreeTrouble = 'no-parent' | 'over-rate' | 'bad-tags' | 'bad-signatures';

export type DataplaneEvent =
  | { kind: 'control'; net: number; peer: number; bytes: Uint8Array }
  | { kind: 'stranger'; net: number; ask: number; key: Uint8Array; hint: Uint8Array; from: string }
  | {
      kind: 'up';
      net: number;
      peer: number;
      transport: string;
      endpoint: string;
      link?: number;
      observed?: string;
      rttMs?: number;
    }
  | { kind: 'down'; net: number; peer: number; reason: string }
  | { kind: 'want'; net: number; peer: number }
  | { kind: 'suspect'; net: number; peer: number }
  /** What the way to the peer carries, measured while it was full, headers included; 0: it is not slow any more. */
  | { kind: 'line'; net: number; peer: number; bytesPerSecond: number }
  | { kind: 'link'; net: number; link: number; state: 'proven' | 'unused' }
  | { kind: 'groups'; net: number; groups: LocalGroup[] }
  | TreeEvent
  | LimitedEvent
  | { kind: 'adapterLost'; net: number; message: string }
  | { kind: 'problem'; net: number; code: string; message: string };

export interface PeerStats {
  net: number;
  peer: number;
  rxBytes: number;
  txBytes: number;
  rxPackets: number;
  txPackets: number;
  rttMs?: number;
  silentMs?: number;
  up: boolean;
  transport?: string;
  endpoint?: string;
  /** The link that carries, if one does. */
  link?: number;
}

/** What the host sent to a group since its `stream`: bytes of one copy of each packet with all headers, however many receive it. */
export interface StreamStats {
  net: number;
  group: string;
  bytes: number;
}

export interface Stats {
  peers: PeerStats[];
  /** Absent: rates of streams are not known. */
  streams?: StreamStats[];
  drops: Record<string, number>;
  counters: Record<string, number>;
  wakes: number;
}

export interface AdapterRequest {
  net: number;
  /** "weft0" or the name that the user gave. */
  name: string;
  mac: string;
  mtu: number;
  /** "10.87.3.9/16"; absent: IPv6 only. */
  ipv4?: string;
  /** ["fd…/64", "fe80::…/64"] */
  ipv6: string[];
}

/** The adapter of a network, by the helper. The answer comes later as the engine's input `adapterReady` or `adapterFailed`. */
export interface Adapters {
  open(request: AdapterRequest): void;
  /** Changes addresses in place. */
  readdress(request: AdapterRequest): void;
  carrier(net: number, on: boolean): void;
  close(net: number): void;
  /** Takes the names of a network into the machine's resolver; an empty list withdraws them. */
  setNames(net: number, domain: string, own: { name: string; addresses: string[] }, hosts: HostEntry[]): void;
}

export interface HostEntry {
  /** "anna.home.weft" */
  name: string;
  addresses: string[];
}

/** Links that live outside of the data plane: TCP, TLS, HTTP(S), WebRTC. Answers come as `LinkInput`, never within the call. */
export interface Links {
  /** `dial` is a number of the engine's own choice, never used twice. */
  dial(dial: number, target: DialTarget): void;
  /** What the other end of a WebRTC dial says. */
  signal?(dial: number, bytes: Uint8Array): void;
  /** Nothing is said of the dial any more. */
  cancel(dial: number): void;
  /** Nothing is said of the link any more. */
  close(link: number): void;
  /** Whether the settings, the environment or the desktop name a proxy. */
  proxies(): { found: boolean; shown: string[] };
}

export type LinkInput =
  /** `link` as in "link:7". `endpoint` as shown to users; `proxy`: through which, without its password. */
  | { kind: 'linkOpen'; dial: number; link: number; transport: string; endpoint: string; proxy?: string }
  | { kind: 'linkFailed'; dial: number; code: string }
  /** A WebRTC dial wants its other end to know this, ≤ 8,192 bytes. */
  | { kind: 'linkSignal'; dial: number; bytes: Uint8Array }
  | { kind: 'linkClosed'; link: number };

export interface Log {
  /** `fields` never hold secrets; links, keys and seeds are not logged. */
  write(level: 'debug' | 'info' | 'warn' | 'error', event: string, fields?: Record<string, unknown>): void;
}

/** What only the program around the engine can do. Answers may come later, from the same thread. */
export interface Host {
  /** Findings about the machine for `doctor.run`: rights, helper, DNS, ports, host firewall. Called at most once per call. */
  findings(answer: (items: DoctorItem[]) => void): void;
  installHelper(answer: (outcome: Outcome<Record<string, never>>) => void): void;
  /** The engine has answered `engine.stop`: end the process. The engine's own `stop` was not called yet. */
  stop(disconnect: boolean): void;
  /** New settings are durable: bind other listen addresses, change the autostart … */
  settings(settings: Settings): void;
}

export interface Ports {
  crypto: Crypto;
  /** Equal bytes as one array, where many engines live in one process; nobody changes them. Absent: each engine keeps its own. */
  share?(bytes: Uint8Array): Uint8Array;
  random: Random;
  store: Store;
  dataplane: Dataplane;
  adapters: Adapters;
  log: Log;
  /** Absent: datagrams only. */
  links?: Links;
  /** Absent: the program answers these calls itself, before the engine. */
  host?: Host;
}
