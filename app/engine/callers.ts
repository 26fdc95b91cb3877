// One caller per peer of a network (or of a join), with what the data plane and the transports say handed to the right one.
import type { Chance } from '../mesh/paths/chance.ts';
import { Caller, type CallPolicy, type DialTarget } from '../mesh/paths/caller.ts';
import type { MayCall } from '../mesh/guard/callable.ts';
import type { Dataplane, LinkInput, Links } from './ports.ts';

export interface CallersIo {
  net: number;
  dataplane: Dataplane;
  links?: Links | undefined;
  chance: Chance;
  policy(): CallPolicy;
  hint(): Uint8Array;
  endpoints(peer: number): readonly string[];
  mayCall: MayCall;
  /** Handles of peers that can pass frames on to this one, best first. */
  vias(peer: number): readonly number[];
  meet(nowMono: number, peer: number): void;
  /** Somebody can carry WebRTC's signals to the peer. */
  canSignal(peer: number): boolean;
  /** A dial begins, ends. */
  began(dial: number, peer: number, target: DialTarget): void;
  ended(dial: number): void;
}

/** Names of dials: unique in the process, so that every answer finds who asked. */
let lastDial = 0;

export class Callers {
  readonly #io: CallersIo;
  readonly #callers = new Map<number, Caller>();
  /** The earliest deadline; null: something happened to a caller since. */
  #nextMono: number | null = null;

  constructor(io: CallersIo) {
    this.#io = io;
  }

  #known(peer: number): Caller | undefined {
    this.#nextMono = null;
    return this.#callers.get(peer);
  }

  #of(peer: number): Caller {
    const known = this.#known(peer);
    if (known) return known;
    const { net, dataplane, links, chance } = this.#io;
    const caller = new Caller(
      {
        policy: () => this.#io.policy(),
        endpoints: () => this.#io.endpoints(peer),
        mayCall: (endpoint) => this.#io.mayCall(endpoint),
        vias: () => this.#io.vias(peer),
        connect: (ways) => dataplane.connect(net, peer, ways, this.#io.hint()),
        setWays: (ways) => dataplane.setWays(net, peer, ways),
        tryWays: (ways) => dataplane.tryWays(net, peer, ways),
        dial: (target) => {
          const dial = ++lastDial;
          this.#io.began(dial, peer, target);
          links?.dial(dial, target);
          return dial;
        },
        cancel: (dial) => {
          this.#io.ended(dial);
          links?.cancel(dial);
        },
        closeLink: (link) => links?.close(link),
        meet: (nowMono) => this.#io.meet(nowMono, peer),
        canSignal: () => this.#io.canSignal(peer),
      },
      chance,
      links !== undefined,
    );
    this.#callers.set(peer, caller);
    return caller;
  }

  call(nowMono: number, peer: number): void {
    this.#of(peer).call(nowMono);
  }

  up(nowMono: number, peer: number, transport: string, link: number | null): void {
    this.#of(peer).up(nowMono, transport, link);
  }

  /** `unreachable` is the data plane's word alone: what is being dialled may still stand. */
  down(peer: number, reason: string): void {
    const caller = this.#known(peer);
    if (reason === 'unreachable' && caller?.unanswered()) return;
    caller?.down();
    this.#callers.delete(peer);
  }

  suspect(nowMono: number, peer: number): void {
    this.#known(peer)?.suspect(nowMono);
  }

  /** How others may be called changed: what is no longer allowed is left for something else. */
  policyChanged(nowMono: number): void {
    for (const caller of this.#callers.values()) caller.policyChanged(nowMono);
  }

  changed(nowMono: number, peer: number): void {
    this.#known(peer)?.changed(nowMono);
  }

  met(peer: number, endpoints: readonly string[]): void {
    this.#known(peer)?.met(endpoints);
  }

  /** The peer dials by WebRTC: the number of this end's dial, null when it is not wanted. */
  invited(peer: number, yields: boolean): number | null {
    return this.#of(peer).invited(yields);
  }

  /** The ways through others changed. */
  rerouted(): void {
    this.#nextMono = null;
    for (const caller of this.#callers.values()) caller.rerouted();
  }

  clear(): void {
    this.#nextMono = null;
    for (const caller of this.#callers.values()) caller.down();
    this.#callers.clear();
  }

  /** What a transport says. False: it was about none of these callers. */
  take(input: LinkInput): boolean {
    this.#nextMono = null;
    if (input.kind === 'linkOpen' || input.kind === 'linkFailed') this.#io.ended(input.dial);
    for (const caller of this.#callers.values()) {
      if (input.kind === 'linkOpen' && caller.opened(input.dial, input.link, input.transport)) return true;
      if (input.kind === 'linkFailed' && caller.failed(input.dial, input.code)) return true;
      if (input.kind === 'linkClosed' && caller.closed(input.link)) return true;
    }
    return false;
  }

  nextDeadline(): number {
    if (this.#nextMono === null) {
      let next = Infinity;
      for (const caller of this.#callers.values()) next = Math.min(next, caller.nextDeadline());
      this.#nextMono = next;
    }
    return this.#nextMono;
  }

  tick(nowMono: number): void {
    if (this.nextDeadline() > nowMono) return;
    this.#nextMono = null;
    for (const caller of this.#callers.values()) if (caller.nextDeadline() <= nowMono) caller.tick(nowMono);
  }
}
