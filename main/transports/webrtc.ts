// Links over WebRTC: a dial without an address, signalled by whoever asks for it. Loaded when the first one is wanted.
import { dialling } from './dial.ts';
import { isWhole } from './framing.ts';
import { WEBRTC_BATCH_BYTES_MAX, WEBRTC_DIAL_TIMEOUT_MS, WEBRTC_EARLY_MAX, WEBRTC_PACKET_BYTES } from './limits.ts';
import type { CloseCode, DialCode, DialResult, Dialling, LinkEvents, LinkIo } from './transport.ts';
import { openChannel, type Channel, type ChannelOptions } from './webrtc-channel.ts';

export interface WebRtcDialOptions extends ChannelOptions {
  /** To be carried to the other side's `signal`. */
  onSignal(bytes: Uint8Array): void;
}

export interface WebRtcDialling extends Dialling {
  /** What the other side's `onSignal` said. */
  signal(bytes: Uint8Array): void;
}

/** Both sides dial, one of them as the initiator. Fails with `timeout` after 20 s, `unreachable` when no pair of addresses works. */
export function dialWebRtc({ onSignal, ...options }: WebRtcDialOptions): WebRtcDialling {
  let link: WebRtcLink | null = null;
  const dial = dialling((abort) => {
    return new Promise<DialResult>((resolve) => {
      const made = new WebRtcLink(options, onSignal, resolve);
      link = made;
      abort.addEventListener('abort', () => made.close());
    });
  }, WEBRTC_DIAL_TIMEOUT_MS);
  return { ...dial, signal: (bytes) => link?.signal(bytes) };
}

const FAILURES: Record<'closed' | 'failed' | 'unavailable', DialCode> = {
  closed: 'closed',
  failed: 'unreachable',
  unavailable: 'unavailable',
};

class WebRtcLink implements LinkIo {
  readonly transport = 'webrtc';
  readonly batchBytes = WEBRTC_BATCH_BYTES_MAX;
  endpoint = '';
  proxy?: string;
  readonly #channel: Channel;
  #events: LinkEvents | null = null;
  #early: Uint8Array[] = [];
  #ended: CloseCode | null = null;
  #drainDue = false;

  constructor(options: ChannelOptions, onSignal: (bytes: Uint8Array) => void, done: (result: DialResult) => void) {
    this.#channel = openChannel(options, {
      onSignal,
      onOpen: () => {
        const path = this.#channel.path();
        this.endpoint = path?.endpoint ?? 'unknown';
        if (path?.turn !== undefined) this.proxy = path.turn;
        done({ ok: true, io: this });
      },
      onMessage: (message) => this.#take(message),
      onDrain: () => this.#drained(),
      onClose: (code) => {
        done({ ok: false, code: FAILURES[code] });
        this.#end(code === 'closed' ? 'closed' : 'reset');
      },
    });
  }

  signal(bytes: Uint8Array): void {
    this.#channel.signal(bytes);
  }

  start(events: LinkEvents): void {
    this.#events = events;
    if (this.#ended) return events.onClose(this.#ended);
    for (const message of this.#early.splice(0)) this.#take(message);
  }

  /** While the channel keeps up, each packet is a message of its own; when frames queue, fewer and larger messages cost less. */
  send(batch: Uint8Array): void {
    if (this.#ended) return;
    if (this.#channel.buffered() > 0) this.#channel.send(batch);
    else for (const message of pieces(batch, WEBRTC_PACKET_BYTES)) this.#channel.send(message);
    if (this.#channel.buffered() > 0 || this.#drainDue) return;
    // All of it went through at once, and the channel says nothing of that.
    this.#drainDue = true;
    setImmediate(() => {
      this.#drainDue = false;
      if (this.#channel.buffered() === 0) this.#drained();
    });
  }

  buffered(): number {
    return this.#channel.buffered();
  }

  close(): void {
    this.#end('closed');
  }

  #drained(): void {
    if (!this.#ended) this.#events?.onDrain();
  }

  #take(message: Uint8Array): void {
    if (this.#ended) return;
    if (!this.#events) {
      if (this.#early.length < WEBRTC_EARLY_MAX) this.#early.push(message);
    } else if (isWhole(message)) this.#events.onBatch(message);
    else this.#end('malformed');
  }

  #end(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = code;
    this.#early = [];
    this.#channel.close();
    this.#events?.onClose(code);
  }
}

/** Whole frames, together at most `bytesMax` or one that is longer. What is no batch stays as it is. */
function* pieces(batch: Uint8Array, bytesMax: number): Generator<Uint8Array> {
  let start = 0;
  let at = 0;
  while (at + 2 <= batch.length) {
    const end = at + 2 + (((batch[at] as number) << 8) | (batch[at + 1] as number));
    if (end - start > bytesMax && at > start) {
      yield batch.subarray(start, at);
      start = at;
    }
    at = end;
  }
  yield batch.subarray(start);
}
