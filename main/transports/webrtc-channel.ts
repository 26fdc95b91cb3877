// One WebRTC data channel: simple-peer on node-datachannel. Datagrams in meaning (unordered, no retransmission); signalling is opaque
// bytes that the caller carries by whatever reaches the other side. The libraries are loaded on first use.
import type SimplePeer from 'simple-peer';
import { endpointText } from './address.ts';
import { candidateFilter } from './guard.ts';
import { WEBRTC_CANDIDATES_MAX, WEBRTC_SIGNALS_WAITING_MAX, WEBRTC_SIGNAL_COALESCE_MS } from './limits.ts';
import { borrowLibrary } from './webrtc-library.ts';
import {
  candidatesIn,
  decodeSignals,
  encodeSignals,
  filtered,
  forSimplePeer,
  signalOf,
  type Signal,
} from './webrtc-signal.ts';

export interface IceServer {
  /** "stun:host:port" or "turn:host:port". */
  urls: string;
  username?: string;
  credential?: string;
}

export interface ChannelOptions {
  /** Of two sides exactly one is the initiator. */
  initiator: boolean;
  /** Empty: own addresses only. */
  servers: readonly IceServer[];
}

export interface ChannelEvents {
  /** To be carried to the other side's `signal`, in order if possible. */
  onSignal(bytes: Uint8Array): void;
  onOpen(): void;
  onMessage(bytes: Uint8Array): void;
  /** Nothing waits in the channel any more. */
  onDrain(): void;
  /** Once; nothing comes after it. `unavailable`: the library does not run here. */
  onClose(code: 'closed' | 'failed' | 'unavailable'): void;
}

export interface Channel {
  /** From the other side's `onSignal`. Malformed ones are ignored. */
  signal(bytes: Uint8Array): void;
  /** Takes one message; when it is not open it is dropped. */
  send(message: Uint8Array): void;
  /** Bytes that wait in the channel. */
  buffered(): number;
  /** Where it leads, once it is open; `turn`: the TURN server that packets go through, "turn:192.0.2.1". Null when that is not known. */
  path(): { endpoint: string; turn?: string } | null;
  close(): void;
}

async function makePeer({ initiator, servers }: ChannelOptions): Promise<SimplePeer.Instance> {
  const { default: Peer } = await import('simple-peer');
  const { wrtc, giveBack } = await borrowLibrary();
  try {
    const peer = new Peer({
      initiator,
      wrtc,
      trickle: true,
      // One chunk of the stream is one message.
      objectMode: true,
      channelConfig: { ordered: false, maxRetransmits: 0 },
      config: { iceServers: servers.map((server) => ({ ...server })) },
    });
    peer.once('close', giveBack);
    return peer;
  } catch (error) {
    giveBack();
    throw error;
  }
}

/** Begins at once; what is signalled before the library is loaded waits. */
export function openChannel(options: ChannelOptions, events: ChannelEvents): Channel {
  return new PeerChannel(options, events);
}

class PeerChannel implements Channel {
  readonly #events: ChannelEvents;
  readonly #allowed = candidateFilter();
  #peer: SimplePeer.Instance | null = null;
  #ended = false;
  /** What the other side said before the library was there. */
  #waiting: Uint8Array[] = [];
  /** What this side found and has not said yet. */
  #found: Signal[] = [];
  #candidates = 0;

  constructor(options: ChannelOptions, events: ChannelEvents) {
    this.#events = events;
    void makePeer(options).then(
      (peer) => this.#made(peer),
      () => this.#end('unavailable'),
    );
  }

  #made(peer: SimplePeer.Instance): void {
    if (this.#ended) return void peer.destroy();
    this.#peer = peer;
    peer.on('signal', (data) => this.#say(data));
    peer.on('connect', () => this.#connected(peer));
    peer.on('data', (bytes: Uint8Array) => {
      if (!this.#ended) this.#events.onMessage(bytes);
    });
    peer.on('error', () => this.#end('failed'));
    peer.on('close', () => this.#end('closed'));
    for (const bytes of this.#waiting.splice(0)) this.signal(bytes);
  }

  #connected(peer: SimplePeer.Instance): void {
    if (this.#ended) return;
    const channel = channelOf(peer);
    if (channel) {
      channel.bufferedAmountLowThreshold = 0;
      channel.addEventListener('bufferedamountlow', () => {
        if (!this.#ended && this.buffered() === 0) this.#events.onDrain();
      });
    }
    this.#events.onOpen();
  }

  #say(data: unknown): void {
    const known = signalOf(data);
    const signal = known && filtered(known, this.#allowed);
    if (!signal || this.#ended) return;
    this.#found.push(signal);
    if (this.#found.length > 1) return;
    setTimeout(() => {
      const found = this.#found.splice(0);
      if (!this.#ended) for (const bytes of encodeSignals(found)) this.#events.onSignal(bytes);
    }, WEBRTC_SIGNAL_COALESCE_MS);
  }

  signal(bytes: Uint8Array): void {
    if (this.#ended) return;
    if (!this.#peer) {
      if (this.#waiting.length < WEBRTC_SIGNALS_WAITING_MAX) this.#waiting.push(bytes);
      return;
    }
    for (const each of decodeSignals(bytes)) {
      const signal = filtered(each, this.#allowed);
      if (!signal) continue;
      this.#candidates += candidatesIn(signal);
      if (this.#candidates > WEBRTC_CANDIDATES_MAX) return;
      try {
        this.#peer.signal(forSimplePeer(signal));
      } catch {
        return this.#end('failed');
      }
    }
  }

  send(message: Uint8Array): void {
    if (this.#ended || !this.#peer?.connected) return;
    try {
      this.#peer.send(message);
    } catch {
      // It closes just now; that is told in a moment.
    }
  }

  buffered(): number {
    return this.#ended || !this.#peer ? 0 : (channelOf(this.#peer)?.bufferedAmount ?? 0);
  }

  path(): { endpoint: string; turn?: string } | null {
    const pair = this.#peer && connectionOf(this.#peer)?.selectedCandidatePair?.();
    if (!pair) return null;
    const { local, remote } = pair;
    const endpoint = endpointText(remote.address, remote.port);
    // A relayed candidate's address is the server's.
    const relay = [local, remote].find(isRelay);
    return relay ? { endpoint, turn: `turn:${relay.address}` } : { endpoint };
  }

  close(): void {
    this.#end('closed');
  }

  #end(code: Parameters<ChannelEvents['onClose']>[0]): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#peer?.destroy();
    this.#events.onClose(code);
  }
}

interface EndOfPath {
  address: string;
  port: number;
  type: string;
}

const isRelay = ({ type }: EndOfPath): boolean => type.startsWith('relay');

/** simple-peer keeps both to itself, and says too little of either. */
const channelOf = (peer: SimplePeer.Instance): RTCDataChannelLike | null =>
  (peer as unknown as { _channel: RTCDataChannelLike | null })._channel;
const connectionOf = (peer: SimplePeer.Instance): ConnectionLike | null =>
  (peer as unknown as { _pc: ConnectionLike | null })._pc;

interface RTCDataChannelLike {
  bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  addEventListener(type: 'bufferedamountlow', listener: () => void): void;
}

interface ConnectionLike {
  selectedCandidatePair?(): { local: EndOfPath; remote: EndOfPath } | null;
}
