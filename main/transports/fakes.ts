// In memory: a transport without sockets, and a data plane that is only its links. For tests, which run them through the same suite.
import { isWhole } from './framing.ts';
import { RECEIVE_BYTES_MAX, TAKE_BYTES } from './limits.ts';
import type { LinkPort } from './pump.ts';
import type {
  CloseCode,
  DialTarget,
  Dialling,
  LinkEvents,
  LinkIo,
  Listener,
  ListenOptions,
  Transport,
} from './transport.ts';

/** A transport whose network is this object: `stall` stops everything that is under way, `cut` resets all links. */
export interface MemoryTransport extends Transport {
  stall(on: boolean): void;
  cut(): void;
}

export function memoryTransport(): MemoryTransport {
  const listeners = new Map<number, ListenOptions['onLink']>();
  const wire = { stalled: false, ends: new Set<MemoryLink>() };
  let lastPort = 0;
  return {
    name: 'memory',
    dial: ({ host, port }: DialTarget): Dialling => {
      let cancelled = false;
      const result = new Promise<Awaited<Dialling['result']>>((resolve) => {
        setImmediate(() => {
          const onLink = listeners.get(port);
          if (cancelled) return resolve({ ok: false, code: 'cancelled' });
          if (!onLink) return resolve({ ok: false, code: 'refused' });
          const near = new MemoryLink(wire, `${host}:${port}`);
          const far = new MemoryLink(wire, `${host}:0`);
          near.other = far;
          far.other = near;
          resolve({ ok: true, io: near });
          onLink(far);
        });
      });
      return { result, cancel: () => (cancelled = true) };
    },
    listen: ({ onLink }: ListenOptions) => {
      const port = ++lastPort;
      listeners.set(port, onLink);
      return Promise.resolve({ ok: true, listener: new MemoryListener(port, () => listeners.delete(port)) });
    },
    stall: (on) => {
      wire.stalled = on;
      for (const end of wire.ends) end.deliver();
    },
    cut: () => {
      for (const end of [...wire.ends]) end.end('reset');
    },
  };
}

class MemoryListener implements Listener {
  readonly address: string;

  constructor(
    readonly port: number,
    readonly stop: () => void,
  ) {
    this.address = `memory:${port}`;
  }

  counters() {
    return {
      accepted: 0,
      links: 0,
      refused: { total: 0, perSource: 0 },
      strangers: 0,
      silent: 0,
      webRequests: 0,
    };
  }

  close(): Promise<void> {
    this.stop();
    return Promise.resolve();
  }
}

class MemoryLink implements LinkIo {
  readonly transport = 'memory';
  readonly batchBytes = TAKE_BYTES;
  other: MemoryLink | null = null;
  #events: LinkEvents | null = null;
  #ended: CloseCode | null = null;
  #underWay: Uint8Array[] = [];
  #bytes = 0;
  #due = false;

  constructor(
    readonly wire: { stalled: boolean; ends: Set<MemoryLink> },
    readonly endpoint: string,
  ) {
    wire.ends.add(this);
  }

  start(events: LinkEvents): void {
    this.#events = events;
    if (this.#ended) return events.onClose(this.#ended);
    this.other?.deliver();
  }

  send(batch: Uint8Array): void {
    if (this.#ended) return;
    this.#underWay.push(batch);
    this.#bytes += batch.length;
    this.deliver();
  }

  buffered(): number {
    return this.#bytes;
  }

  close(): void {
    this.end('closed');
  }

  /** What is under way arrives in a later turn. */
  deliver(): void {
    if (this.#due || this.wire.stalled || this.#underWay.length === 0) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (this.#ended || this.wire.stalled || !this.other?.ready) return;
      const batches = this.#underWay;
      this.#underWay = [];
      this.#bytes = 0;
      for (const batch of batches) this.other.arrive(batch);
      this.#events?.onDrain();
    });
  }

  get ready(): boolean {
    return this.#events !== null;
  }

  arrive(batch: Uint8Array): void {
    if (this.#ended) return;
    if (batch.length <= RECEIVE_BYTES_MAX && isWhole(batch)) this.#events?.onBatch(batch);
    else this.end('malformed');
  }

  end(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = code;
    this.wire.ends.delete(this);
    this.#underWay = [];
    this.#events?.onClose(code);
    const { other } = this;
    setImmediate(() => other?.end(code === 'reset' ? 'reset' : 'closed'));
  }
}

interface Queue {
  frames: Uint8Array[];
  bytes: number;
  /** The user was told since it last found nothing. */
  told: boolean;
}

/** The data plane's links: queues of frames that drop the oldest, and what came. */
export class FakePort implements LinkPort {
  /** Whole batches that came, by link. */
  onReceive: (link: number, batch: Uint8Array) => void = () => {};
  readonly opened: { link: number; transport: string; endpoint: string }[] = [];
  readonly closed: number[] = [];
  /** Frames that were dropped because a queue was full. */
  dropped = 0;
  linksMax = 1_024;
  queueBytes = 262_144;
  readonly #queues = new Map<number, Queue>();
  #callback: (links: number[]) => void = () => {};
  #pending = new Set<number>();
  #last = 0;

  openLink({ transport, endpoint }: { transport: string; endpoint: string }): number {
    if (this.#queues.size >= this.linksMax) throw Object.assign(new Error('too many'), { code: 'too-many-links' });
    const link = ++this.#last;
    this.#queues.set(link, { frames: [], bytes: 0, told: false });
    this.opened.push({ link, transport, endpoint });
    return link;
  }

  closeLink(link: number): void {
    if (this.#queues.delete(link)) this.closed.push(link);
  }

  linkReceive(link: number, batch: Uint8Array): void {
    if (!isWhole(batch)) throw Object.assign(new Error('malformed'), { code: 'bad-argument' });
    this.onReceive(link, batch);
  }

  linkTake(link: number, maxBytes: number): Uint8Array {
    const queue = this.#queues.get(link);
    if (!queue) return new Uint8Array(0);
    const taken: Uint8Array[] = [];
    let bytes = 0;
    for (let next = queue.frames[0]; next; next = queue.frames[0]) {
      if (bytes > 0 && bytes + next.length > maxBytes) break;
      bytes += next.length;
      taken.push(next);
      queue.frames.shift();
    }
    queue.bytes -= bytes;
    if (bytes === 0) queue.told = false;
    return Buffer.concat(taken, bytes);
  }

  onLinks(callback: (links: number[]) => void): void {
    this.#callback = callback;
  }

  /** The data plane has a frame for a link. */
  offer(link: number, frame: Uint8Array): void {
    const queue = this.#queues.get(link);
    if (!queue) return;
    const framed = new Uint8Array(2 + frame.length);
    new DataView(framed.buffer).setUint16(0, frame.length);
    framed.set(frame, 2);
    queue.frames.push(framed);
    queue.bytes += framed.length;
    while (queue.bytes > this.queueBytes) {
      queue.bytes -= queue.frames.shift()?.length ?? 0;
      this.dropped++;
    }
    if (queue.told) return;
    queue.told = true;
    if (this.#pending.size === 0) setImmediate(() => this.#call());
    this.#pending.add(link);
  }

  queued(link: number): number {
    return this.#queues.get(link)?.bytes ?? 0;
  }

  #call(): void {
    const links = [...this.#pending];
    this.#pending = new Set();
    this.#callback(links);
  }
}
