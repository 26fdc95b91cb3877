// One WebRTC data channel: simple-peer on node-datachannel. Datagrams in meaning (unordered, no retransmission); signalling is opaque
// bytes that the caller carries by whatever reaches the other side. Loaded on first use.
import type SimplePeer from 'simple-peer';

/** Largest message: what every implementation takes in one piece. */
export const WEBRTC_BATCH_BYTES_MAX = 16_384;
/** Bytes that may wait in the channel; beyond it batches are refused, not stored. */
export const WEBRTC_BUFFER_BYTES_MAX = 262_144;
export const WEBRTC_SIGNAL_BYTES_MAX = 8192;
const SIGNALS_MAX = 64;

export interface WebRtcOptions {
  /** Of two sides exactly one is the initiator. */
  initiator: boolean;
  /** "stun:host:port", "turn:host:port?transport=udp" with user and password. Empty: host candidates only. */
  servers: { urls: string; username?: string; credential?: string }[];
  /** Only TURN: neither side learns the other's address. */
  relayOnly?: boolean;
}

export interface WebRtcEvents {
  /** To be carried to the other side's `signal`, in order if possible. */
  onSignal(bytes: Uint8Array): void;
  onOpen(): void;
  onBatch(bytes: Uint8Array): void;
  /** Once; nothing comes after it. */
  onClose(code: 'closed' | 'failed' | 'unavailable'): void;
}

export interface WebRtcPeer {
  /** From the other side's `onSignal`. Malformed ones are ignored. */
  signal(bytes: Uint8Array): void;
  /** False: not open, too long or the buffer is full; the batch is dropped. */
  send(batch: Uint8Array): boolean;
  /** Bytes that wait in the channel. */
  buffered(): number;
  /** The other end of the selected pair: "192.0.2.1:4000"; null when not known. */
  remote(): string | null;
  close(): void;
}

type Description = { type: string; sdp: string };
type Wrtc = NonNullable<SimplePeer.Options['wrtc']>;

/** simple-peer writes into descriptions, which the polyfill's do not allow: they become plain objects. */
async function loadWrtc(): Promise<Wrtc> {
  const { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate } = await import('node-datachannel/polyfill');
  const plain = ({ type, sdp }: { type: string; sdp?: string }): Description => ({ type, sdp: sdp ?? '' });
  class PlainPeerConnection extends RTCPeerConnection {
    override async createOffer(...args: unknown[]) {
      return plain(await (super.createOffer as (...all: unknown[]) => Promise<RTCDescriptionLike>)(...args)) as never;
    }
    override async createAnswer(...args: unknown[]) {
      return plain(await (super.createAnswer as (...all: unknown[]) => Promise<RTCDescriptionLike>)(...args)) as never;
    }
  }
  return { RTCPeerConnection: PlainPeerConnection, RTCSessionDescription, RTCIceCandidate } as unknown as Wrtc;
}
type RTCDescriptionLike = { type: string; sdp?: string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Begins at once; what is signalled before the library is loaded waits. */
export function openWebRtc(options: WebRtcOptions, events: WebRtcEvents): WebRtcPeer {
  let peer: SimplePeer.Instance | null = null;
  let ended = false;
  let waiting: Uint8Array[] = [];
  const end = (code: Parameters<WebRtcEvents['onClose']>[0]): void => {
    if (ended) return;
    ended = true;
    waiting = [];
    peer?.destroy();
    events.onClose(code);
  };
  const take = (bytes: Uint8Array): void => {
    const data = parseSignal(bytes);
    if (!data || !peer) return;
    try {
      peer.signal(data);
    } catch {
      end('failed');
    }
  };
  void make(options).then(
    (made) => {
      if (ended) return made.destroy();
      peer = made;
      made.on('signal', (data) => events.onSignal(encoder.encode(JSON.stringify(data))));
      made.on('connect', () => !ended && events.onOpen());
      made.on('data', (bytes: Uint8Array) => !ended && events.onBatch(new Uint8Array(bytes)));
      made.on('error', () => end('failed'));
      made.on('close', () => end('closed'));
      waiting.forEach(take);
      waiting = [];
    },
    () => end('unavailable'),
  );
  return {
    signal(bytes) {
      if (ended) return;
      if (peer) take(bytes);
      else if (waiting.length < SIGNALS_MAX) waiting.push(bytes);
    },
    send(batch) {
      if (ended || !peer?.connected || batch.length > WEBRTC_BATCH_BYTES_MAX) return false;
      if (bufferedOf(peer) + batch.length > WEBRTC_BUFFER_BYTES_MAX) return false;
      try {
        peer.send(batch);
        return true;
      } catch {
        return false;
      }
    },
    buffered: () => (peer ? bufferedOf(peer) : 0),
    remote: () => (peer ? remoteOf(peer) : null),
    close: () => end('closed'),
  };
}

const bufferedOf = (peer: SimplePeer.Instance): number =>
  (peer as unknown as { _channel?: { bufferedAmount: number } })._channel?.bufferedAmount ?? 0;
function remoteOf(peer: SimplePeer.Instance): string | null {
  const { remoteAddress: address, remotePort: port } = peer as { remoteAddress?: string; remotePort?: number };
  if (!address || !port) return null;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

async function make(options: WebRtcOptions): Promise<SimplePeer.Instance> {
  const [{ default: Peer }, wrtc] = await Promise.all([import('simple-peer'), loadWrtc()]);
  return new Peer({
    initiator: options.initiator,
    wrtc,
    trickle: true,
    channelConfig: { ordered: false, maxRetransmits: 0 },
    config: { iceServers: options.servers, iceTransportPolicy: options.relayOnly ? 'relay' : 'all' },
  });
}

/** What simple-peer says to itself: a description, a candidate, or a request to renegotiate. */
function parseSignal(bytes: Uint8Array): SimplePeer.SignalData | null {
  if (bytes.length > WEBRTC_SIGNAL_BYTES_MAX) return null;
  try {
    const data: unknown = JSON.parse(decoder.decode(bytes));
    return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as SimplePeer.SignalData) : null;
  } catch {
    return null;
  }
}
