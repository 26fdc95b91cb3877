// What the two ends of a WebRTC dial tell each other: by their own session where there is one (through relays, say), else passed on
// once by a member that has sessions with both.
import { Bucket } from '../mesh/guard/bucket.ts';
import { encodeMessage, type Message } from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';

/** Others' signals that this member passes on, all together: a burst, and this many a second. */
const PASS_BURST = 200;
const PASS_PER_SECOND = 20;
/** Pieces of one end of one dial. */
const PIECES_MAX = 64;
/** Members that are asked to pass a signal on: one may not have the session that it is thought to have. */
const CARRIERS_MAX = 2;

type Signal = Extract<Message, { type: 'signal' }>;

export interface SignalsIo {
  self: Origin;
  isUp(origin: Origin): boolean;
  /** Members with a session that does not go through others. */
  directs(): readonly Origin[];
  /** Whom the member says it has sessions with. */
  neighboursOf(origin: Origin): readonly Origin[];
  send(origin: Origin, bytes: Uint8Array): boolean;
  /** A member dials: the number of this end's dial, null when it is not wanted. `yields`: of two that began the other's goes on. */
  invited(origin: Origin, yields: boolean): number | null;
  /** To the transport. */
  hand(dial: number, bytes: Uint8Array): void;
}

interface Call {
  peer: Origin;
  call: number;
  initiator: boolean;
  said: number;
  heard: Set<number>;
}

export class Signals {
  readonly #io: SignalsIo;
  readonly #calls = new Map<number, Call>();
  #passing: Bucket | null = null;

  constructor(io: SignalsIo) {
    this.#io = io;
  }

  /** Somebody can carry what there is to say to the member. */
  canReach(origin: Origin): boolean {
    return this.#io.isUp(origin) || this.#carriers(origin).length > 0;
  }

  /** This end dials by itself. `call`: random, u32. */
  began(dial: number, peer: Origin, call: number): void {
    this.#calls.set(dial, { peer, call, initiator: true, said: 0, heard: new Set() });
  }

  ended(dial: number): void {
    this.#calls.delete(dial);
  }

  clear(): void {
    this.#calls.clear();
  }

  /** The transport has something for the other end. False: it is no dial of this network's. */
  say(dial: number, bytes: Uint8Array): boolean {
    const own = this.#calls.get(dial);
    if (!own || own.said >= PIECES_MAX) return own !== undefined;
    const { self, isUp, send } = this.#io;
    const { peer, call, initiator } = own;
    const message = encodeMessage({ type: 'signal', to: peer, from: self, call, initiator, number: own.said++, bytes });
    if (isUp(peer)) send(peer, message);
    else for (const carrier of this.#carriers(peer)) send(carrier, message);
    return true;
  }

  /** `from`: whose session it came by. */
  hear(nowMono: number, from: Origin, message: Signal): 'ok' | 'bad' {
    const { self, isUp, send } = this.#io;
    if (message.from === self || message.to === message.from) return 'bad';
    if (message.to === self) {
      this.#take(message);
      return 'ok';
    }
    // Once: only who says it itself is passed on.
    if (message.from !== from) return 'bad';
    this.#passing ??= new Bucket(PASS_BURST, PASS_PER_SECOND, nowMono);
    if (isUp(message.to) && this.#passing.take(nowMono)) send(message.to, encodeMessage(message));
    return 'ok';
  }

  #take(message: Signal): void {
    const dial = this.#dialOf(message);
    const own = dial === null ? undefined : this.#calls.get(dial);
    if (dial === null || !own || own.heard.has(message.number) || own.heard.size >= PIECES_MAX) return;
    own.heard.add(message.number);
    this.#io.hand(dial, message.bytes);
  }

  #dialOf({ from, call, initiator }: Signal): number | null {
    for (const [dial, own] of this.#calls)
      if (own.peer === from && own.call === call && own.initiator !== initiator) return dial;
    if (!initiator) return null;
    const dial = this.#io.invited(from, from < this.#io.self);
    if (dial === null) return null;
    this.#calls.set(dial, { peer: from, call, initiator: false, said: 0, heard: new Set() });
    return dial;
  }

  /** Those first that one of both ends names. */
  #carriers(peer: Origin): Origin[] {
    const { directs, neighboursOf } = this.#io;
    const named = new Set(neighboursOf(peer));
    const some = directs().filter((origin) => origin !== peer);
    const near = some.filter((origin) => named.has(origin) || neighboursOf(origin).includes(peer));
    return (near.length > 0 ? near : some).slice(0, CARRIERS_MAX);
  }
}
