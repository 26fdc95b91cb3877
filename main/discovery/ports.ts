// What discovery offers to the program around the engine. Every part is behind an interface of this file, is loaded on first use, can be
// switched off, and has a fake in fakes.ts. Nothing here throws for expected failures: they are states and codes.
// Endpoint texts are those of app/wire/messages/address.ts ("192.0.2.1:4000", "…/udp", "…/tcp").

/** Ends a subscription. */
export type Off = () => void;

// ---- Port mapping (UPnP IGD, NAT-PMP, PCP) ----

export interface MappingWish {
  protocol: 'udp' | 'tcp';
  /** Port on this machine. */
  local: number;
  /** External port that is asked for; another one may be granted. */
  external: number;
}

export type MappedBy = 'upnp' | 'nat-pmp' | 'pcp';

export interface Mapping extends MappingWish {
  /** As granted: "203.0.113.5:4000/udp". */
  endpoint: string;
  by: MappedBy;
  /** Seconds; renewed at half of it. */
  lifetimeS: number;
}

export type MappingCode =
  /** Nothing answered by any of the protocols. */
  | 'no-gateway'
  /** A gateway answered and granted none of the ports. */
  | 'refused'
  /** The gateway's own external address is private: there is another NAT above, the endpoints are of no use outside of it. */
  | 'behind-another-nat'
  /** The library could not be loaded or failed in an unexpected way. */
  | 'failed';

export interface MappingState {
  state: 'off' | 'searching' | 'mapped' | 'none';
  mappings: Mapping[];
  code?: MappingCode;
}

export interface PortMapper {
  /** Replaces what is asked for; an empty list withdraws everything. Renewals are the mapper's business. */
  set(wishes: MappingWish[]): void;
  /** The machine's addresses or its gateway changed: ask again now. */
  refresh(): void;
  state(): MappingState;
  onChange(listener: (state: MappingState) => void): Off;
  /** Withdraws all mappings (≤ 3 s) and ends. */
  stop(): Promise<void>;
}

// ---- LAN ----

export interface LanNetwork {
  /** The engine's handle. */
  net: number;
  /** 32 bytes. */
  networkId: Uint8Array;
  /** 32 bytes: own member id. */
  member: Uint8Array;
  /** Signs beacons: Ed25519 seed of the member key. */
  signSeed: Uint8Array;
  /** Own endpoints as members should dial them; at most 6 go out. */
  endpoints: string[];
  /** True while members are missing: a beacon every 30 s instead of every 10 min. */
  seeking: boolean;
}

export interface LanFound {
  net: number;
  /** 32 bytes; whether it is a member is for the engine to say. */
  member: Uint8Array;
  /** The beacon's own list, and before it the address that it came from with the listed ports. */
  endpoints: string[];
}

export interface LanDiscovery {
  /** Replaces all networks. An unlisted network is neither announced nor recognised. */
  set(networks: LanNetwork[]): void;
  /** Addresses of this machine changed: join the groups on new interfaces, and announce soon. */
  refresh(): void;
  onFound(listener: (found: LanFound) => void): Off;
  stop(): void;
}

// ---- Rendezvous by the BitTorrent Mainline DHT ----

export interface RendezvousNetwork {
  /** 32 bytes. */
  networkId: Uint8Array;
  /** 32 bytes, known to present members only; changes with every removal (see docs/discovery.md). */
  secret: Uint8Array;
}

export interface RendezvousSelf {
  member: Uint8Array;
  signSeed: Uint8Array;
  /** At most 6 go out. */
  endpoints: string[];
}

export interface RendezvousFound {
  member: Uint8Array;
  endpoints: string[];
  /** Wall ms of the publisher's clock. */
  issuedMs: number;
}

export interface RendezvousPublished {
  word: 'published' | 'not-needed';
  /** Members whose fresh records of today lay there, newest first; those that came in meanwhile, too. */
  found: RendezvousFound[];
}

export type RendezvousResult<T> =
  { ok: true; value: T } | { ok: false; code: 'off' | 'dht-unreachable' | 'dht-failed' | 'too-large' };

export interface Rendezvous {
  /**
   * Publishes this member's endpoints once (≤ 45 s), unless three other members' fresh records are there already.
   * The caller repeats hourly while it is one of the publishers (`mayPublish` of app/mesh/discovery/rendezvous.ts).
   */
  publish(
    network: RendezvousNetwork,
    self: RendezvousSelf,
    keyOf: MemberKeyOf,
  ): Promise<RendezvousResult<RendezvousPublished>>;
  /** Members' fresh records, newest first (≤ 45 s). Empty when there are none. */
  lookup(network: RendezvousNetwork, keyOf: MemberKeyOf): Promise<RendezvousResult<RendezvousFound[]>>;
  /** Ends what is under way. */
  stop(): Promise<void>;
}

/** Ed25519 key of a member that counts now; null for anybody else. */
export type MemberKeyOf = (member: Uint8Array) => Uint8Array | null;

// ---- STUN (an option; off without servers) ----

export interface StunAnswer {
  /** "stun.example.net:3478" */
  server: string;
  /** How the server saw a throw-away socket of this machine: address and port. */
  observed: string;
}

export interface Stun {
  /** Asks all servers of the settings from one socket (≤ 3 s). Several answers with different ports: a symmetric NAT. */
  ask(servers: string[]): Promise<StunAnswer[]>;
}

// ---- All of it ----

export interface DiscoverySwitches {
  portMapping: boolean;
  lan: boolean;
  dht: boolean;
}

export interface Discovery {
  portMapper(): PortMapper;
  lan(): LanDiscovery;
  rendezvous(): Rendezvous;
  stun(): Stun;
  stop(): Promise<void>;
}
