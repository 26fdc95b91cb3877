// Sessions between the data planes of a World: what is carried over them, how they are kept up, and how they end.
import type { DataplaneEvent } from '../../../app/engine/ports.ts';
import type { Stamp } from './casts.ts';
import type { Station, World } from './world.ts';

const SILENT_WITH_TRAFFIC_MS = 2_000;
const SILENT_IDLE_MS = 75_000;
const KEEPALIVE_MS = 25_000;

/** Control bytes, a packet of an application, or a cast. */
export type Carried = Uint8Array | 'packet' | Stamp;

/** A data plane as its sessions see it. */
export interface Plane {
  station: Station;
  endpoint(): string;
  emit(event: DataplaneEvent): void;
  /** Something came from a peer. */
  take(net: number, peer: number, what: Carried): void;
  /** Keepalives went out for so long. */
  kept(seconds: number): void;
}

interface End {
  plane: Plane;
  net: number;
  peer: number;
  /** Where it sends. */
  remote: string;
}

/** One side of a session. */
export class Half {
  readonly #world: World;
  readonly #end: End;
  #other!: Half;
  open = true;
  #heardMono: number;
  /** Delivery stays in order. */
  #lastDelivery = 0;

  private constructor(world: World, end: End) {
    this.#world = world;
    this.#end = { ...end };
    this.#heardMono = world.mono;
  }

  static pair(world: World, a: End, b: End): [Half, Half] {
    const [near, far] = [new Half(world, a), new Half(world, b)];
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  get remote(): string {
    return this.#end.remote;
  }

  get other(): Half {
    return this.#other;
  }

  /** On the side that called. */
  start(): void {
    this.#up();
    // The other side learns that the session works by its first frame: nothing overtakes that.
    this.#lastDelivery = this.#world.mono + this.#world.delay();
    this.#world.at(this.#lastDelivery, () => this.#other.#up());
    this.#keepalive();
    this.#other.#keepalive();
  }

  #up(): void {
    if (!this.open) return;
    const { plane, net, peer, remote } = this.#end;
    const observed = plane.endpoint();
    plane.emit({ kind: 'up', net, peer, transport: 'udp', endpoint: remote, observed, rttMs: 10 });
  }

  #down(reason: string): void {
    const { plane, net, peer } = this.#end;
    plane.emit({ kind: 'down', net, peer, reason });
  }

  /** Whether what this half sends now arrives. */
  #works(): boolean {
    const [own, theirs] = [this.#end.plane.station, this.#other.#end.plane.station];
    return this.#other.open && this.#world.hears(own, theirs) && theirs.endpoints.includes(this.remote);
  }

  #keepalive(): void {
    this.#world.after(KEEPALIVE_MS, () => {
      const { plane } = this.#end;
      if (!this.open) return;
      if (!plane.station.alive) return;
      plane.kept(KEEPALIVE_MS / 1000);
      if (this.#works()) this.#other.#heard(plane.endpoint());
      if (this.#world.mono - this.#heardMono >= SILENT_IDLE_MS) return this.#fellSilent();
      this.#keepalive();
    });
  }

  #heard(from: string): void {
    this.#heardMono = this.#world.mono;
    if (this.remote === from) return;
    this.#end.remote = from;
    this.#up();
  }

  #fellSilent(): void {
    if (!this.open) return;
    this.open = false;
    this.#down('silent');
  }

  /** null: only to see whether something comes back. */
  carry(what: Carried | null): void {
    // Casts are not repeated, but tell that nothing comes back.
    const again = what instanceof Uint8Array || what === 'packet' ? what : null;
    if (!this.#works()) return this.#watch(again);
    const at = Math.max(this.#world.mono + this.#world.delay(), this.#lastDelivery);
    this.#lastDelivery = at;
    this.#world.at(at, () => {
      if (!this.#works()) return this.#watch(again);
      const { plane, net, peer } = this.#other.#end;
      this.#other.#heard(this.#end.plane.endpoint());
      if (what !== null) plane.take(net, peer, what);
      // The acknowledgement comes back, or rides on what is said back.
      this.#heardMono = this.#world.mono;
    });
  }

  /** Unanswered traffic: sent again until it works, or the session is given up. */
  #watch(what: Uint8Array | 'packet' | null): void {
    const started = this.#world.mono;
    const retry = (): void => {
      if (!this.open || !this.#end.plane.station.alive) return;
      if (this.#works()) this.carry(what);
      else if (this.#world.mono - started >= SILENT_WITH_TRAFFIC_MS) this.#fellSilent();
      else this.#world.after(200, retry);
    };
    this.#world.after(200, retry);
  }

  /** Closes with a good-bye. `theirs`: reason at the other side; `own` none: no event here. */
  end(theirs: string, own: string): void {
    if (!this.open) return;
    this.open = false;
    if (own !== 'none') this.#down(own);
    const other = this.#other;
    if (!this.#world.hears(this.#end.plane.station, other.#end.plane.station)) return;
    this.#world.at(Math.max(this.#world.mono + this.#world.delay(), this.#lastDelivery), () => {
      if (!other.open) return;
      other.open = false;
      other.#down(theirs);
    });
  }
}
