/**
 * The binding: about fifteen coarse calls. No call is made per packet, and none from native to JavaScript but `onWake`
 * (coalesced, at most 50 a second). All calls return at once; what they ask happens on the data plane's own threads.
 * Byte arrays are copied when they cross (Electron forbids external buffers). Errors are thrown as `Error` with `code`.
 */

/** A member of a network as the data plane knows it: `peer` is a handle that the engine chose, unique in its network. */
export interface PeerConfig {
  peer: number;
  /** X25519 public key, 32 bytes. */
  key: Uint8Array;
  /** Members exchange packets; strangers (a joiner before its record is accepted) only control messages. */
  level: 'member' | 'stranger';
  /** First 8 bytes of the member id: its name in cast stamps. */
  origin: Uint8Array;
  /** Overlay addresses that may be this member's source, without prefix length: IPv4 (absent without), ULA, fe80. */
  ipv4?: string;
  ipv6?: string;
  linkLocal?: string;
  /** "02:…" */
  mac?: string;
}

export interface NetworkConfig {
  /** Handle chosen by the engine, unique in the process. */
  net: number;
  /** 32 bytes. */
  networkId: Uint8Array;
  /** Own X25519 secret key in this network, 32 bytes. */
  secretKey: Uint8Array;
  /** First 8 bytes of the own member id. */
  origin: Uint8Array;
  ipv4?: string;
  ipv4Prefix?: number;
  ipv6: string;
  ipv6Prefix: number;
  linkLocal: string;
  mac: string;
  /** Adapter MTU in bytes. */
  mtu: number;
}

/** Who wants packets of a group. `mode` and `sources` as in IGMPv3: include = only these sources, exclude = all but these. */
export interface Receiver {
  peer: number;
  mode: 'include' | 'exclude';
  sources: string[];
}

/** Replaces what is known about one group; no receivers, no publishers named and not signed removes it. */
export interface GroupConfig {
  group: string;
  receivers: Receiver[];
  /** Who may send to it; absent: every member. What others send to it is dropped where it arrives, neither delivered nor passed on (`noRight`). */
  publishers?: number[];
  /** What the host sends to it goes by trees however few receive it. */
  repaired?: boolean;
  /** What comes to it by trees is dropped where it arrives, unless its origin signed it (`unsigned`). */
  signed?: boolean;
  /** The receivers are beside those named before, and nothing else changes; a group of which nothing is known begins with them. */
  more?: boolean;
}

/** One node's part in an epoch of a tree. Peers are handles. docs/trees.md. */
export interface TreeConfig {
  /** First 8 bytes of the member id of whose packets travel here. */
  origin: Uint8Array;
  /** 1 – 65,535. */
  tree: number;
  /** u16, wraps. */
  epoch: number;
  /** null: this node is the origin. */
  parent: number | null;
  /** In order, ≤ 6: asked when the parent is silent. */
  backups: number[];
  /** ≤ 64. */
  children: number[];
  /** Who may graft itself here, ≤ 16,384. */
  adoptable: number[];
  repair: 'off' | 'nack' | 'fec';
  /** What this node may send for this tree, 0 = unlimited. Excess is dropped and counted. */
  bytesPerSecond: number;
  /** Groups whose packets travel here (1 unless told); each may bring a group's share. */
  groups?: number;
  /** The host has left all of them since the tree was planned (false unless told): nobody is asked to feed it. */
  left?: boolean;
  /** What all of its casts are signed with: Ed25519, 32 bytes; absent: none is. At the origin `castSigner`. */
  signer?: Uint8Array;
  /** The origin only: what packets of this tree are sealed with from this epoch on; 32 bytes. */
  key?: { id: number; key: Uint8Array };
}

/** A subscriber's key of an origin's tree. */
export interface CastKey {
  origin: Uint8Array;
  tree: number;
  id: number;
  /** Sequences below are not accepted under this key. */
  lowest: number;
  /** 32 bytes. */
  key: Uint8Array;
}

/** A transport that lives in JavaScript: it carries sealed frames both ways, may drop them, never doubles them. */
export interface LinkOptions {
  /** "tcp", "tls", "ws", "wss", "http", "https", "webrtc": as `up` and `stats` shall name it. */
  transport: string;
  /** As shown to users: "192.0.2.1:443". */
  endpoint: string;
  /**
   * Frames that wait to be taken, bytes (262,144 unless told, 2,048 – 16 MiB); where it is more, what was taken in 12.5 ms lately, up to
   * 4 MiB. Oldest are dropped when full (`linkFull`) or after 500 ms (`linkStale`).
   */
  queueBytes?: number;
}

export interface AnywhereOptions {
  /** Of the helper (`datagrams.watch`); taken over. */
  fd: number;
  /** Addresses of this host on all its interfaces. */
  own: string[];
  /** Groups and ranges of groups, ≤ 64: "239.255.255.250", "239.255.0.0/16", "255.255.255.255", "ff02::c". */
  groups: string[];
  /** UDP ports, at either end, whose datagrams are left alone. */
  exceptPorts: number[];
  nets: number[];
}

export interface OutsideOptions {
  datagrams: boolean;
  trafficClass: boolean;
}

export interface RelayOptions {
  on: boolean;
  /** 0 = unlimited. Counted with IP and UDP headers; no second exceeds it. */
  bytesPerSecond: number;
}

/** What is known of a slow way. Absent or 0: no limit, no waiting. */
export interface Pace {
  /** What the way carries, with IP and UDP headers; flows then take turns before it, at most half a second's worth waits (`paceFull`: the oldest of the longest flow give way). Say a little less than the line bears. */
  bytesPerSecond?: number;
  /** Packets below 400 bytes wait this long for others and travel in one frame, ≤ 40 ms. */
  aggregateMs?: number;
}

export interface Route {
  origin: Uint8Array;
  via: number;
}

/** `weight`: 1 – 65,535, relative. */
export interface RelayShare {
  via: number;
  weight: number;
}

export interface LocalGroup {
  group: string;
  mode: 'include' | 'exclude';
  sources: string[];
}

export type DataplaneEvent =
  /** A control message, whole and in order, from a session that is up. */
  | { kind: 'control'; net: number; peer: number; bytes: Uint8Array }
  /** A hello with an unknown key: answer with `answerStranger` within 3 s. At most 64 wait; more are dropped and counted. */
  | { kind: 'stranger'; net: number; ask: number; key: Uint8Array; hint: Uint8Array; from: string }
  /** A session became usable both ways; also after it roamed or was renewed over another path. `link`: which one carries, if one does. `observed`: the own address as the peer sees it. */
  | { kind: 'up'; net: number; peer: number; transport: string; endpoint: string; link?: number; observed?: string; rttMs?: number }
  /** Gone. Control messages not acknowledged are lost. `reason`: closed | silent | unreachable | removed. */
  | { kind: 'down'; net: number; peer: number; reason: string }
  /** Packets wait for a member without a session (unicast, or casts to a group it receives). Repeated at most once a second. */
  | { kind: 'want'; net: number; peer: number }
  /** Data went out and nothing comes back, or the link that carried was closed: the data plane tries the ways of `setWays` by itself; open spares. Once per silence. */
  | { kind: 'suspect'; net: number; peer: number }
  /** What the way to the peer carries, measured while it was full, with IP and UDP headers; 0: it is not slow any more. */
  | { kind: 'line'; net: number; peer: number; bytesPerSecond: number }
  /** `net` is 0. proven: an authentic frame of a session came by this link (once). unused: no session has used it for 60 s. */
  | { kind: 'link'; net: number; link: number; state: 'proven' | 'unused' }
  /** The complete list of groups that applications on this host joined through the adapter, after a change. */
  | { kind: 'groups'; net: number; groups: LocalGroup[] }
  /** The host sends to a group that more than 4 others receive, and `sendOn` names no trees for it: again every 10 s. Up to 256 packets of the last 1.5 s wait for the answer. */
  | { kind: 'stream'; net: number; group: string }
  /** The host has sent nothing to that group for 60 s. */
  | { kind: 'streamEnd'; net: number; group: string }
  /** This node's parent fell silent, and a backup feeds it now. */
  | { kind: 'grafted'; net: number; origin: Uint8Array; tree: number; from: number | null; to: number }
  | { kind: 'treeTrouble'; net: number; origin: Uint8Array; tree: number; code: 'no-parent' | 'over-rate' | 'bad-tags' | 'bad-signatures'; peer: number }
  /**
   * Broadcast or multicast beyond a member's share was dropped, `dropped` packets since it began: at once, and again once a second while it
   * goes on. `peer` absent: this host's own applications. `group` absent: all of the member's groups, or those of one tree.
   */
  | { kind: 'limited'; net: number; peer?: number; group?: string; dropped: number }
  /** The adapter's descriptor failed or the device was deleted. */
  | { kind: 'adapterLost'; net: number; message: string }
  /** Something a user should know, once: code from the contract's error table. */
  | { kind: 'problem'; net: number; code: string; message: string };

export interface PeerStats {
  net: number;
  peer: number;
  rxBytes: number;
  txBytes: number;
  rxPackets: number;
  txPackets: number;
  /** Smoothed, ms; absent before the first pong. */
  rttMs?: number;
  /** Milliseconds since an authenticated frame came; absent when none did. */
  silentMs?: number;
  up: boolean;
  transport?: string;
  endpoint?: string;
  /** The link that carries, if one does. */
  link?: number;
}

/** What the host sent to a group since its `stream`: bytes of IP packets, counted once however many receive them. */
export interface StreamStats {
  net: number;
  group: string;
  bytes: number;
}

export interface Stats {
  peers: PeerStats[];
  /** Groups between `stream` and `streamEnd`. */
  streams?: StreamStats[];
  /** Counts by reason since start, e.g. "replay", "badSource", "unknownIndex", "noRoute", "queueFull", "helloFlood". */
  drops: Record<string, number>;
  counters: Record<string, number>;
  /** Calls from native into JavaScript since start. */
  wakes: number;
}

export interface DataplaneOptions {
  /** "auto" | "none": none forbids every GSO/GRO/TSO/USO/checksum offload, on adapter and socket. */
  offloads?: 'auto' | 'none';
  /** "copy" (unless told): packets' DSCP and ECN show in the outer headers and congestion marks come back in (RFC 6040). "none": they stay inside. */
  trafficClass?: 'copy' | 'none';
}

export class Dataplane {
  constructor(options: DataplaneOptions);
  /** Called on the JavaScript thread when `poll` has something. */
  onWake(callback: () => void): void;
  /** Up to `max` events (512 unless told), oldest first. When the queue (8,192) overflows, a `problem` with code `events-lost` says so. */
  poll(max?: number): DataplaneEvent[];
  /** Binds more UDP sockets ("0.0.0.0:0", "[::]:51820") and returns their addresses in the same order. Throws `port-taken`, `address-unavailable`; then none of them is bound. */
  listen(addresses: string[]): string[];
  addNetwork(config: NetworkConfig): void;
  /** Ends its sessions (with close frames) and forgets it. */
  removeNetwork(net: number): void;
  /** Takes over a TAP descriptor (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR); the data plane closes it on detach. The `fd` of a `Tap` of this addon
   * is duplicated instead, and the `Tap` stays the owner of its own. Sets offloads and carrier, queries for groups at once. */
  attachAdapter(net: number, fd: number, name: string): void;
  detachAdapter(net: number): void;
  /** Adds or replaces; a changed key ends the session. */
  setPeers(net: number, peers: PeerConfig[]): void;
  removePeers(net: number, peers: number[]): void;
  /**
   * Sets the ways and starts (or refreshes) a handshake over all of them, staggered in their order: the first that answers carries. ≤ 16 ways;
   * what is no way is left out. A way is "192.0.2.1:4000" or "[2001:db8::1]:4000" (UDP), "link:7" (of `openLink`) or "via:12" (relayed
   * by the peer with handle 12, which must be a member with a session of its own that is not itself relayed).
   */
  connect(net: number, peer: number, ways: string[], hint?: Uint8Array): void;
  /** Replaces the ways that are tried when the present path falls silent; starts nothing. */
  setWays(net: number, peer: number, ways: string[]): void;
  /** A handshake over these ways beside the running session: the first that answers within 5 s takes over, else nothing changes. Without a session nothing happens. */
  tryWays(net: number, peer: number, ways: string[]): void;
  /** Sends close and drops the session; the peer stays known. */
  disconnect(net: number, peer: number): void;
  /** After `setPeers` with that key: true continues the waiting hello; false drops it. */
  answerStranger(net: number, ask: number, accept: boolean): void;
  /** Reliable and ordered while the session lives. ≤ 60,000 bytes a message, ≤ 1 MiB queued per peer: returns false (nothing queued) beyond or without a session. */
  sendControl(net: number, peer: number, bytes: Uint8Array): boolean;
  /** Group receivers on other hosts. Broadcast is the group "255.255.255.255", all-nodes "ff02::1": the engine lists all members there. */
  setGroups(net: number, groups: GroupConfig[]): void;
  /** Adds or replaces this epoch of a tree; the newest 4 are kept. Throws `bad-argument`, `no-such-network`. */
  setTree(net: number, tree: TreeConfig): void;
  dropTree(net: number, origin: Uint8Array, tree: number): void;
  /** The newest 4 of each origin and tree are kept. */
  setCastKey(net: number, key: CastKey): void;
  /** Packets of this group take these own trees by turns; none: they wait, and `stream` is raised if there is one. Throws `bad-argument`. */
  sendOn(net: number, group: string, trees: number[]): void;
  /** They go to each receiver by themselves until `sendOn`, however many there are; while they go on, `stream` is raised every 10 s. Throws `bad-argument`. */
  sendDirectly(net: number, group: string): void;
  /** Next sequence under the newest key of an own tree; 0 without one. */
  castSequence?(net: number, tree: number): number;
  /** The key that casts of own trees are signed with (Ed25519, 32 bytes), new at each start; the secret stays inside. Throws `no-such-network`. */
  castSigner?(net: number): Uint8Array;
  /** Whether this host carries frames between other members (off unless told), and how many bytes a second of them the machine passes on, all networks, trees and headers included (the newest word counts). 0 = unlimited. */
  setRelay(net: number, options: RelayOptions): void;
  /** What may be seen outside of the tunnel from now on. Without `datagrams` (on unless told) only links carry, and what comes by UDP is for nobody; with `trafficClass` (as constructed unless told) DSCP and ECN are copied as RFC 6040 says. */
  setOutside(options: OutsideOptions): void;
  /** The way to this peer is slow. Holds until changed, whatever way carries: set it back ({}) when a faster one does. Control messages do not wait behind packets, and count. */
  setPace(net: number, peer: number, pace: Pace): void;
  /**
   * What one member, this host included, may send to one group, and this host to all; bytes a second, absent or 0: 400 and 800 MB/s.
   * Broadcast and each group of discovery have 1 MB/s and 500 packets/s.
   */
  setFair?(net: number, options: { bytesPerSecond?: number; ownBytesPerSecond?: number }): void;
  /** Replaces the next hops towards destinations without a session, for relaying: `origin` (8 bytes) is reached through the neighbour `via`. ≤ 4,096. */
  setRoutes(net: number, routes: Route[]): void;
  /** Spreads what goes to a relayed member over these neighbours, flow by flow. None: only the way that its handshake took. ≤ 8. Unused while the path is direct. */
  setRelays(net: number, peer: number, relays: RelayShare[]): void;
  /** A transport that lives in JavaScript, connected and ready. Returns its number, never used twice. Throws `too-many-links` (1,024 are open). */
  openLink(options: LinkOptions): number;
  /** Sessions on it become suspect at once and try their other ways. What is queued is dropped. Unknown numbers are ignored. */
  closeLink(link: number): void;
  /** Whole frames that came, each `u16 length (big-endian) | frame`, ≤ 1 MiB a call. Throws `bad-argument` when malformed. Dropped and counted `linkBusy` when the data plane is 4 MiB behind. */
  linkReceive(link: number, batch: Uint8Array): void;
  /** Frames to send, oldest first, each `u16 length | frame`; at least one even if longer than `maxBytes` (≤ 1 MiB); empty when there are none. */
  linkTake(link: number, maxBytes: number): Uint8Array;
  /** Called on the JavaScript thread with the links that got something to take since their last empty `linkTake`. Coalesced: one call is under way at a time. */
  onLinks(callback: (links: number[]) => void): void;
  /** Takes datagrams of applications from other interfaces; none: no more. Replaces what was said before. Throws `bad-argument`, `internal`. */
  setAnywhere(options?: AnywhereOptions | null): void;
  /** New sender keys, e.g. after a removal. */
  rotateKeys(net: number): void;
  /** The machine's addresses or routes changed, or it slept: every session probes its path at once. */
  poke(): void;
  stats(): Stats;
  /** Ends sessions with close frames, stops threads, closes descriptors. */
  close(): void;
}

export interface AdapterOptions {
  /** Wished name, e.g. "weft0"; the kernel picks one when absent. */
  name?: string;
}

/** The adapter with the shape that users of node-tuntap2 know. Needs CAP_NET_ADMIN; throws `no-rights`, `no-tun`, `name-taken`. */
declare class Adapter {
  constructor(options?: AdapterOptions);
  readonly name: string;
  readonly fd: number;
  mac: string;
  mtu: number;
  /** "10.1.2.3/24"; empty without one. */
  ipv4: string;
  /** "fd00::1/64"; setting takes the place of others of the same scope, so a link-local one can stand beside. Empty without one. */
  ipv6: string;
  isUp: boolean;
  /** One packet (Tun) or frame (Tap); resolves with the next one. For tools and tests: packets of the VPN never come this way. */
  read(): Promise<Uint8Array>;
  write(packet: Uint8Array): Promise<void>;
  release(): void;
}
export class Tap extends Adapter {}
export class Tun extends Adapter {}

/** X25519 public key of a 32-byte secret. */
export function x25519PublicKey(secret: Uint8Array): Uint8Array;
/** Connects to the helper's socket, sends one JSON line and returns its JSON answer with the descriptors that came along. Blocking ≤ 5 s: call rarely. */
export function helperCall(socketPath: string, line: string): { answer: string; fds: number[] };
/** Closes a descriptor that `helperCall` returned and nobody took. */
export function closeFd(fd: number): void;
export const version: string;
