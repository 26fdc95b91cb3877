// What a client sees: one snapshot, then patches. `status --json` prints the same shape.
import { z } from 'zod';

export const Role = z.enum(['owner', 'admin', 'member', 'guest']);
export type Role = z.infer<typeof Role>;

/** How packets reach a member just now. `none`: no session, and none wanted. */
export const MemberPath = z.enum(['self', 'direct', 'relay', 'none']);

/** What a transport came to at its last try. */
export const Attempt = z.object({
  /** "udp", "webrtc", "tcp", "tls", "ws", "wss", "http", "https". */
  transport: z.string(),
  /** `reached`: it stood; `no-answer`: nothing came back to datagrams; else the dial's code: `refused`, `timeout`, `proxy-refused` … */
  result: z.string(),
  /** Through the proxy of the machine's settings. */
  proxied: z.boolean().optional(),
  endpoint: z.string().optional(),
});
export type Attempt = z.infer<typeof Attempt>;

export const Member = z.object({
  /** Member id: 52 characters of base32, from the member's public key. */
  id: z.string(),
  name: z.string(),
  role: Role,
  self: z.boolean(),
  /** Overlay addresses without prefix length, IPv4 first when there is one. */
  addresses: z.array(z.string()),
  /** Full name as it resolves, e.g. "anna.home.weft". */
  dnsName: z.string(),
  online: z.boolean(),
  path: MemberPath,
  /** "udp", later also "tcp", "tls" …; absent without a session. */
  transport: z.string().optional(),
  /** Underlay endpoint of the session, e.g. "192.0.2.1:4000". */
  endpoint: z.string().optional(),
  /** The HTTP proxy that the session goes through: "http://proxy.example:3128". */
  proxy: z.string().optional(),
  /** Of a relayed session: names of the members that pass its packets on. */
  relays: z.array(z.string()).optional(),
  rttMs: z.number().optional(),
  /** Wall clock ms of the last sign of life, absent when never seen. */
  lastSeenMs: z.number().optional(),
  rxBytes: z.number(),
  txBytes: z.number(),
  /** Why the member is not reached directly or is offline, as an error code. */
  cause: z.string().optional(),
  /** How the session's endpoint became known here; `mapping`: a router forwards it to the member. Absent: the member called. */
  foundBy: z.enum(['invite', 'gossip', 'lan', 'dht', 'mapping']).optional(),
  /** By transport, in the order of the last try. Absent: none was made, or others were tried since. */
  tried: z.array(Attempt).optional(),
});
export type Member = z.infer<typeof Member>;

export const Group = z.object({
  /** "239.1.2.3" or "ff15::1". */
  address: z.string(),
  /** Members whose applications joined (ids), the own one included. */
  members: z.array(z.string()),
  /** The own host's join. */
  joined: z.boolean(),
  mode: z.enum(['include', 'exclude']).optional(),
  sources: z.array(z.string()).optional(),
  /** How this device's packets to the group go to the others that receive it. Absent: nobody else does, or the engine does not say. */
  sending: z
    .object({
      way: z.enum(['direct', 'trees']),
      receivers: z.number(),
      /** Receivers for whom no member has uplink to spare. */
      unserved: z.number().optional(),
      /** Trees that packets take by turns. */
      stripes: z.number().optional(),
      /** Hops to the last receiver. */
      depth: z.number().optional(),
      /** Most copies that any member sends of one packet. */
      degree: z.number().optional(),
      /** Members that pass on without receiving. */
      relays: z.number().optional(),
    })
    .optional(),
});
export type Group = z.infer<typeof Group>;

/** A tree of a member's packets that this device has a part in. */
export const Tree = z.object({
  /** Id of the member that sends; the own one: this device. */
  origin: z.string(),
  groups: z.array(z.string()),
  /** Grows with each change of the tree. */
  epoch: z.number(),
  /** Id of the member that packets come from; null: this device sends. */
  parent: z.string().nullable(),
  /** Members that this device sends to. */
  children: z.number(),
  /** From the sender to here. */
  hops: z.number(),
  /** Of the whole tree; own trees only. See `Group.sending`. */
  receivers: z.number().optional(),
  unserved: z.number().optional(),
  depth: z.number().optional(),
  degree: z.number().optional(),
  relays: z.number().optional(),
  /** Member and whom it gets packets from, as ids. Absent: more than 256. */
  edges: z.array(z.tuple([z.string(), z.string()])).optional(),
});
export type Tree = z.infer<typeof Tree>;

export const Channel = z.object({
  /** 32 hex digits. */
  id: z.string(),
  name: z.string(),
  /** Multicast group that carries it: "239.193.4.5" or "ff15::1". */
  address: z.string(),
  port: z.number(),
  repair: z.enum(['off', 'nack', 'fec']),
  /** Ids of members who may send; null: every member. */
  publishers: z.array(z.string()).nullable(),
  /** What members pass on is signed by its sender: so in channels that name their publishers. Absent: an engine that does not say. */
  signed: z.boolean().optional(),
  /** Ids of members who may receive; null: every member. */
  subscribers: z.array(z.string()).nullable(),
  /** This device takes part, also without an application on it. */
  joined: z.boolean(),
  mayPublish: z.boolean(),
  maySubscribe: z.boolean(),
  /** The own role may change it. */
  mayChange: z.boolean(),
});
export type Channel = z.infer<typeof Channel>;

/** A member that sends more broadcast or multicast than its share: what is beyond is dropped. */
export const Limited = z.object({
  /** Id; the own one: programs on this device. */
  member: z.string(),
  /** "255.255.255.255", "239.1.2.3"; null: all its groups together, those of one tree, or it says so itself without naming them. */
  group: z.string().nullable(),
  /** Wall clock ms. */
  sinceMs: z.number(),
  /** Packets dropped here since then; 0: its own device drops them. */
  dropped: z.number(),
});
export type Limited = z.infer<typeof Limited>;

export const Invite = z.object({
  id: z.string(),
  role: Role,
  usesMax: z.number(),
  usesLeft: z.number(),
  expiresMs: z.number(),
  createdMs: z.number(),
  /** Name of the member who made it. */
  issuer: z.string(),
  issuerId: z.string(),
  state: z.enum(['open', 'used', 'expired', 'revoked', 'void']),
});
export type Invite = z.infer<typeof Invite>;

/** Something that needs the user's eye: the code's text and remedy are in the error table. */
export const Problem = z.object({ code: z.string(), data: z.record(z.string(), z.string()).optional() });
export type Problem = z.infer<typeof Problem>;

export const NetworkState = z.enum(['joining', 'connecting', 'connected', 'degraded', 'off']);

export const Network = z.object({
  id: z.string(),
  name: z.string(),
  state: NetworkState,
  /** Switched on by the user; the toggle. */
  on: z.boolean(),
  /** Own addresses with prefix length: ["10.87.3.9/16", "fd…/64"]. */
  addresses: z.array(z.string()),
  /** "weft0"; null without an adapter. */
  adapter: z.string().nullable(),
  mtu: z.number(),
  selfId: z.string(),
  selfRole: Role,
  members: z.array(Member),
  groups: z.array(Group),
  /** Only what the own role may see: owners and admins all, others their own. */
  invites: z.array(Invite),
  /** Absent: an engine that does not know channels. */
  channels: z.array(Channel).optional(),
  /** Absent: this device has a part in none. */
  trees: z.array(Tree).optional(),
  /** Gone 5 s after the last packet too many. Absent: nobody. */
  limited: z.array(Limited).optional(),
  problems: z.array(Problem),
  createdMs: z.number(),
});
export type Network = z.infer<typeof Network>;

export const Settings = z.object({
  /** Name of this device, offered as member name in networks joined later. */
  deviceName: z.string(),
  /** UDP listen addresses, empty = chosen by Weft. */
  listen: z.array(z.string()),
  language: z.string(),
  theme: z.enum(['system', 'light', 'dark']),
  startMinimised: z.boolean(),
  quit: z.enum(['disconnect', 'stay']),
  // Absent: an engine that does not know them.
  /** Passing on sealed traffic between members that do not reach each other. `metered`: only when nobody else can. */
  relay: z.enum(['off', 'metered', 'unlimited']).optional(),
  /** What is passed on at most, kB/s; 0: no limit. */
  relayKBps: z.number().int().min(0).max(4_000_000).optional(),
  /** What this device can send, kB/s; 0: not known. */
  uplinkKBps: z.number().int().min(0).max(4_000_000).optional(),
  /** What any member may send to one group at most, kB/s, as far as this device sends, takes or passes it on; 0: 400,000. */
  groupKBps: z.number().int().min(0).max(400_000).optional(),
  /** Everything looks like the web: TLS and HTTPS to ports 443 only. */
  only443: z.boolean().optional(),
  /** Copies ECN and DSCP of packets to the outer ones as RFC 6040 says; off: they stay inside. */
  trafficClass: z.boolean().optional(),
  /** `auto`: as the environment and the desktop say; `none`; or "http://user:password@host:port", or the URL of a PAC file. */
  proxy: z.string().max(1_024).optional(),
  /** Asks the router to open a port. */
  portMapping: z.boolean().optional(),
  /** Looks for members on the same link. */
  lan: z.boolean().optional(),
  /** Publishes and looks up sealed addresses in the BitTorrent DHT when nothing else helps. */
  dht: z.boolean().optional(),
  /** STUN servers asked for the own address, "host:port"; none unless told. */
  stun: z.array(z.string()).optional(),
  /** Takes streams on TCP port 443 as well: others reach this device from behind strict firewalls. */
  port443: z.boolean().optional(),
  /** WebRTC where nothing else goes straight. */
  webrtc: z.boolean().optional(),
  /** TURN servers that may carry WebRTC, "user:password@host:port"; none unless told. */
  turn: z.array(z.string().max(512)).optional(),
  /**
   * Groups served for programs that choose no interface: `discovery`, `games`, `robots`, `stage`, `all`, addresses and ranges; at most 64
   * once spelled out. None: such programs stay on the own LAN.
   */
  anywhere: z.array(z.string().max(64)).optional(),
});
export type Settings = z.infer<typeof Settings>;

/** How this device finds others and is found. */
export const Finding = z.object({
  /**
   * What stands before it, judged from where others see it. `mapped`: a router forwards a port; `cone`: everybody sees one place;
   * `symmetric`: each sees another one; `nat`: only one has seen it.
   */
  nat: z.enum(['unknown', 'open', 'mapped', 'cone', 'symmetric', 'nat']),
  /** Where others saw it, each place once. */
  observed: z.array(z.string()),
  mapping: z.object({
    state: z.enum(['off', 'searching', 'mapped', 'none']),
    by: z.enum(['upnp', 'nat-pmp', 'pcp']).optional(),
    endpoints: z.array(z.string()),
    code: z.string().optional(),
  }),
  /** `found`: beacons of members heard since the start. */
  lan: z.object({ on: z.boolean(), found: z.number() }),
  dht: z.object({
    on: z.boolean(),
    /** Records of members found since the start. */
    found: z.number(),
    last: z.enum(['idle', 'working', 'published', 'found', 'nothing', 'unreachable']),
  }),
});
export type Finding = z.infer<typeof Finding>;

export const State = z.object({
  version: z.string(),
  contract: z.number(),
  networks: z.array(Network),
  settings: Settings,
  /** Machine-wide: helper missing, no rights, port taken … */
  problems: z.array(Problem),
  /** Underlay addresses that the engine listens on. */
  listening: z.array(z.string()),
  helper: z.enum(['ready', 'missing', 'refused', 'unneeded']),
  /** Absent: an engine that does not say, or nothing is looked for. */
  finding: Finding.optional(),
});
export type State = z.infer<typeof State>;

/** Topic `traffic`, once a second while watched: bytes per second since the last one. */
export const Traffic = z.object({
  atMs: z.number(),
  networks: z.array(
    z.object({
      id: z.string(),
      rxBytesPerSecond: z.number(),
      txBytesPerSecond: z.number(),
      members: z.array(z.object({ id: z.string(), rxBytesPerSecond: z.number(), txBytesPerSecond: z.number() })),
    }),
  ),
});
export type Traffic = z.infer<typeof Traffic>;

export const DoctorItem = z.object({
  id: z.string(),
  level: z.enum(['ok', 'note', 'warning', 'error']),
  /** Error-table code or plain key of the finding. */
  code: z.string(),
  text: z.string(),
  remedy: z.string().optional(),
});
export type DoctorItem = z.infer<typeof DoctorItem>;
