// Joins links with the data plane: takes frames only while a link can send them, hands over what came, closes what proves nothing.
// Nothing is stored here: what a link cannot take stays in the data plane's queue, which drops the oldest.
import { DrainBound } from './drain-bound.ts';
import { LINKS_UNPROVEN_MAX, LINK_PROVE_MS, LINK_SPARE_MS, LINK_SWEEP_MS } from './limits.ts';
import type { CloseCode, LinkIo } from './transport.ts';

/** The data plane's link calls, as in native/addon/index.d.ts. */
export interface LinkPort {
  /** Throws when there are too many. */
  openLink(options: { transport: string; endpoint: string; queueBytes?: number }): number;
  closeLink(link: number): void;
  /** Throws when it is not whole frames. */
  linkReceive(link: number, batch: Uint8Array): void;
  linkTake(link: number, maxBytes: number): Uint8Array;
  onLinks(callback: (links: number[]) => void): void;
}

export interface PumpOptions {
  port: LinkPort;
  /** Monotonic milliseconds. */
  now?: () => number;
  /** A link that `add` had returned is gone; not called for `close` by the user of the pump. */
  onClosed(link: number, code: CloseCode): void;
}

export interface PumpCounters {
  open: number;
  opened: number;
  /** Closed because the other side sent what is no batch. */
  malformed: number;
  /** Closed because nothing authentic came in time, or to make room. */
  unproven: number;
}

interface Joint {
  link: number;
  io: LinkIo;
  /** Somebody else opened it. */
  inbound: boolean;
  /** Infinity when proven. */
  proveBy: number;
  /** Since when no session uses it; Infinity while one does. */
  closeAt: number;
  bound: DrainBound;
  closed: boolean;
}

export class Pump {
  readonly #port: LinkPort;
  readonly #now: () => number;
  readonly #onClosed: PumpOptions['onClosed'];
  /** In the order of their opening. */
  readonly #joints = new Map<number, Joint>();
  readonly #counters = { opened: 0, malformed: 0, unproven: 0 };
  #sweeper: ReturnType<typeof setInterval> | null = null;

  constructor({ port, now, onClosed }: PumpOptions) {
    this.#port = port;
    this.#now = now ?? (() => performance.now());
    this.#onClosed = onClosed;
    port.onLinks((links) => {
      for (const link of links) {
        const joint = this.#joints.get(link);
        if (joint) this.#push(joint);
      }
    });
  }

  /** Starts a link and returns its number. Null, and the link is closed: there are too many, or it ended at once. */
  add(io: LinkIo, inbound: boolean): number | null {
    if (inbound) this.#makeRoom();
    let link: number;
    try {
      link = this.#port.openLink({ transport: io.transport, endpoint: io.endpoint });
    } catch {
      io.close();
      return null;
    }
    const now = this.#now();
    const joint: Joint = {
      link,
      io,
      inbound,
      proveBy: now + LINK_PROVE_MS,
      closeAt: Infinity,
      bound: new DrainBound(),
      closed: false,
    };
    this.#joints.set(link, joint);
    this.#counters.opened++;
    // A link that ends while it starts was never there for anybody.
    let starting = true;
    io.start({
      onBatch: (batch) => this.#receive(joint, batch),
      onDrain: () => this.#drained(joint),
      onClose: (code) => this.#gone(joint, code, !starting),
    });
    starting = false;
    if (joint.closed) return null;
    this.#sweeper ??= setInterval(() => this.#sweep(), LINK_SWEEP_MS);
    this.#push(joint);
    return link;
  }

  /** Nothing is said about it any more. */
  close(link: number): void {
    const joint = this.#joints.get(link);
    if (!joint) return;
    this.#gone(joint, 'closed', false);
    joint.io.close();
  }

  /** The data plane's `link` event. */
  state(link: number, state: 'proven' | 'unused'): void {
    const joint = this.#joints.get(link);
    if (!joint) return;
    if (state === 'proven') joint.proveBy = Infinity;
    // Links that this side dialled are the engine's: it knows which it wants as spares.
    else if (joint.inbound) joint.closeAt = this.#now() + LINK_SPARE_MS;
  }

  counters(): PumpCounters {
    return { open: this.#joints.size, ...this.#counters };
  }

  stop(): void {
    for (const joint of [...this.#joints.values()]) this.#end(joint, 'stopped');
    if (this.#sweeper) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #receive(joint: Joint, batch: Uint8Array): void {
    if (joint.closed) return;
    joint.closeAt = Infinity;
    try {
      this.#port.linkReceive(joint.link, batch);
    } catch {
      this.#end(joint, 'malformed');
    }
  }

  #drained(joint: Joint): void {
    joint.bound.drained(this.#now());
    this.#push(joint);
  }

  /** Takes and sends until the link has enough or there is nothing left. After an empty take the data plane tells of the next frame. */
  #push(joint: Joint): void {
    const { io, bound, link } = joint;
    while (!joint.closed) {
      const room = bound.bytes - io.buffered();
      if (room <= 0) return bound.full(this.#now());
      const batch = this.#port.linkTake(link, Math.min(room, io.batchBytes));
      if (batch.length === 0) return;
      io.send(batch);
    }
  }

  #end(joint: Joint, code: CloseCode): void {
    this.#gone(joint, code, true);
    joint.io.close();
  }

  #gone(joint: Joint, code: CloseCode, tell: boolean): void {
    if (joint.closed) return;
    joint.closed = true;
    this.#joints.delete(joint.link);
    this.#port.closeLink(joint.link);
    if (code === 'malformed') this.#counters.malformed++;
    if (code === 'idle' && joint.proveBy !== Infinity) this.#counters.unproven++;
    if (this.#joints.size === 0 && this.#sweeper) {
      clearInterval(this.#sweeper);
      this.#sweeper = null;
    }
    if (tell) this.#onClosed(joint.link, code);
  }

  #sweep(): void {
    const now = this.#now();
    for (const joint of [...this.#joints.values()]) {
      if (joint.proveBy <= now || joint.closeAt <= now) this.#end(joint, 'idle');
    }
  }

  #makeRoom(): void {
    let oldest: Joint | null = null;
    let unproven = 0;
    for (const joint of this.#joints.values()) {
      if (!joint.inbound || joint.proveBy === Infinity) continue;
      oldest ??= joint;
      unproven++;
    }
    if (oldest && unproven >= LINKS_UNPROVEN_MAX) this.#end(oldest, 'idle');
  }
}
