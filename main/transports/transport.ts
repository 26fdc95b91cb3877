// The one interface of everything that carries sealed frames outside of UDP: a dialler and a listener that make `LinkIo`s.
// A LinkIo carries batches: whole frames, each `u16 length (big-endian) | frame`. Unreliable in meaning: what does not fit is dropped by
// who feeds it (pump.ts), never stored without bound. Expected failures are codes; nothing here throws for them.
import type { StreamTransport } from '../../app/mesh/paths/caller.ts';

export type { StreamTransport };

export const STREAM_TRANSPORTS: readonly StreamTransport[] = ['tcp', 'tls', 'ws', 'wss', 'http', 'https'];

/** Why a link ended. `malformed`: the other side sent what is no batch of frames; `idle`: it did not prove itself in time. */
export type CloseCode = 'closed' | 'reset' | 'malformed' | 'idle' | 'stopped';

export interface LinkEvents {
  /** Whole frames that came. The bytes are the receiver's until it returns: copy what must stay. */
  onBatch(batch: Uint8Array): void;
  /** Everything that was sent is on its way: `buffered()` is 0 again. */
  onDrain(): void;
  /** Once; nothing comes after it. */
  onClose(code: CloseCode): void;
}

/** One connected link. Events begin with `start`, in a later turn or at once; until then what comes waits (bounded). */
export interface LinkIo {
  /** "tcp", "tls", "ws", "wss", "http", "https", or what another carrier calls itself ("webrtc"). */
  readonly transport: string;
  /** The other end as shown to users: "192.0.2.1:443", "[2001:db8::1]:443". */
  readonly endpoint: string;
  /** Through which proxy, as shown to users and without its password: "http://proxy.example:3128". */
  readonly proxy?: string;
  /** Largest batch that `send` should get, bytes; one frame may be longer. */
  readonly batchBytes: number;
  start(events: LinkEvents): void;
  /** Takes the batch over as it is. Never refuses while open: who feeds minds `buffered`. After the end it does nothing. */
  send(batch: Uint8Array): void;
  /** Bytes handed to `send` that the operating system has not taken yet. */
  buffered(): number;
  /** Ends it at once; `onClose('closed')` follows unless it was closed already. */
  close(): void;
}

/** Why a dial failed. */
export type DialCode =
  /** 8 s passed. */
  | 'timeout'
  /** Nobody listens there. */
  | 'refused'
  /** No way there (host, network, name). */
  | 'unreachable'
  /** The other end closed before the link stood. */
  | 'closed'
  /** Something else answers there. */
  | 'protocol'
  /** `auto` was asked for and the settings name no proxy for this target. */
  | 'no-proxy'
  | 'proxy-unreachable'
  /** It wants a name and password, or others than the known ones. */
  | 'proxy-auth'
  /** It will not connect to there. */
  | 'proxy-refused'
  /** No member is to be sought there (guard.ts). */
  | 'forbidden'
  /** This transport is forbidden or missing on this machine. */
  | 'unavailable'
  /** There are too many links. */
  | 'too-many-links'
  | 'cancelled';

export interface DialTarget {
  /** An address without brackets, or a name. */
  host: string;
  port: number;
  /** null: straight there. */
  proxy: ProxyServer | null;
}

/** A proxy to go through. */
export interface ProxyServer {
  /** How to speak to the proxy itself. */
  scheme: 'http' | 'https';
  host: string;
  port: number;
  user?: string;
  password?: string;
}

export type DialResult = { ok: true; io: LinkIo } | { ok: false; code: DialCode };

export interface Dialling {
  /** Never rejects. Ends by itself with `timeout`. */
  readonly result: Promise<DialResult>;
  /** The result is `cancelled`, and a link that stood in the same moment is closed. */
  cancel(): void;
}

export type ListenResult =
  { ok: true; listener: Listener } | { ok: false; code: 'port-taken' | 'address-unavailable'; address: string };

export interface Listener {
  /** As bound: "0.0.0.0:4000", "[::]:4000". */
  readonly address: string;
  readonly port: number;
  counters(): ListenerCounters;
  /** Stops accepting and ends what is not a link yet; links that stand are the business of who got them. */
  close(): Promise<void>;
}

/** Since the start of the listener. */
export interface ListenerCounters {
  accepted: number;
  /** Links handed over. */
  links: number;
  /** Connections refused because of a limit, by its name. */
  refused: { total: number; perSource: number };
  /** Neither raw Weft nor TLS nor HTTP. */
  strangers: number;
  /** Nothing said in time. */
  silent: number;
  /** HTTP requests that were none of a link's. */
  webRequests: number;
}

export interface ListenOptions {
  /** "0.0.0.0:4000", "[::]:443"; port 0: any free one. Or a listening descriptor that somebody else bound. */
  address: string | { fd: number; address: string };
  /** A link was opened by somebody: nothing is known of who it is. Call `start` on it in the same turn. */
  onLink(io: LinkIo): void;
}

export interface Transport {
  /** One of STREAM_TRANSPORTS, or what another carrier calls itself. */
  readonly name: string;
  dial(target: DialTarget): Dialling;
  /** A port that answers as this transport alone; programs use `listenShared` of listener.ts, where all share one port. */
  listen(options: ListenOptions): Promise<ListenResult>;
}
