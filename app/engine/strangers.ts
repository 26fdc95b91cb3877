// Callers whose key is no member's: joiners, members whose record has not come yet, and those who were removed. Few at a time,
// control messages only, and gone after a while.
import type { Outcome } from '../contract/errors.ts';
import { Bucket } from '../mesh/guard/bucket.ts';
import { PeerBudget } from '../mesh/guard/peer-budget.ts';
import { decodeHint, encodeMessage, type Message } from '../wire/messages/message.ts';
import type { Dataplane, Now } from './ports.ts';
import { strangerConfig, type Peer, type Peers } from './peers.ts';
import type { Roll } from './roll.ts';

export const STRANGERS_MAX = 32;
export const STRANGERS_BURST = 40;
export const STRANGERS_PER_SECOND = 10;
/** A stranger that became no member is put out after this. */
const STAY_MS = 10_000;
/** A refusal needs this long to arrive before the session ends. */
const REFUSED_STAY_MS = 700;

/** A sponsor's own troubles are not the joiner's to read. */
export const told = (code: string): string => (/^(disk|state)-/.test(code) ? 'sponsor-silent' : code);

interface Stranger {
  peer: Peer;
  budget: PeerBudget;
  untilMono: number;
  purpose: 'join' | 'member';
  /** It was removed: whatever it says, it hears only that. */
  refusal: string | null;
  /** What it said as a member before it was known as one. */
  greeting: Message | null;
  asked: boolean;
}

export interface StrangersIo {
  net: number;
  dataplane: Dataplane;
  peers: Peers;
  roll: Roll;
  /** Makes the caller a member, if its request holds; the records flow on from there. */
  sponsor(now: Now, peer: Peer, request: Uint8Array): Outcome<void>;
  /** Records from someone who says to be a member. */
  records(now: Now, peer: Peer, message: Extract<Message, { type: 'records' }>): void;
  introduce(peer: Peer): void;
  /** Gives all records. */
  prove(peer: Peer): void;
  send(peer: number, bytes: Uint8Array): boolean;
}

export class Strangers {
  readonly #io: StrangersIo;
  readonly #bucket: Bucket;
  readonly #strangers = new Map<number, Stranger>();

  constructor(io: StrangersIo, nowMono: number) {
    this.#io = io;
    this.#bucket = new Bucket(STRANGERS_BURST, STRANGERS_PER_SECOND, nowMono);
  }

  get size(): number {
    return this.#strangers.size;
  }

  /** A hello with an unknown key. */
  ask(now: Now, ask: number, key: Uint8Array, hint: Uint8Array): void {
    const { net, dataplane, peers, roll } = this.#io;
    const decoded = decodeHint(hint);
    const full = this.#strangers.size >= STRANGERS_MAX || !this.#bucket.take(now.mono);
    if (!decoded || full) return dataplane.answerStranger(net, ask, false);
    const peer = peers.stranger(key);
    if (peer.level === 'stranger' && !this.#strangers.has(peer.handle)) {
      const standing = roll.standingOfKey(key);
      const refusal = standing === 'none' || standing === 'member' ? null : standing;
      this.#strangers.set(peer.handle, {
        peer,
        budget: new PeerBudget('stranger', now.mono),
        untilMono: now.mono + STAY_MS,
        purpose: decoded.purpose,
        refusal,
        greeting: null,
        asked: false,
      });
      dataplane.setPeers(net, [strangerConfig(peer)]);
    }
    dataplane.answerStranger(net, ask, true);
  }

  up(now: Now, peer: Peer): void {
    const stranger = this.#strangers.get(peer.handle);
    if (!stranger) return;
    if (stranger.refusal !== null) {
      // It came in by a link that it might use: the records show it who won. Who was removed gets nothing but the word.
      if (stranger.refusal === 'invite-lost') this.#io.prove(peer);
      this.#refuse(now, stranger, stranger.refusal);
    }
    if (stranger.refusal === null && stranger.purpose === 'member') this.#io.introduce(peer);
  }

  down(peer: Peer): void {
    this.#end(peer.handle);
  }

  receive(now: Now, peer: Peer, size: number, message: Message | 'unknown' | 'bad'): void {
    const stranger = this.#strangers.get(peer.handle);
    if (!stranger || stranger.refusal !== null) return;
    const verdict = message === 'bad' ? stranger.budget.malformed() : stranger.budget.receive(now.mono, size);
    if (verdict === 'putOut') return this.#end(peer.handle);
    if (verdict === 'drop' || typeof message === 'string') return;
    if (message.type === 'greet') stranger.greeting = message;
    else if (message.type === 'records') this.#io.records(now, peer, message);
    else if (message.type === 'joinRequest') this.#join(now, stranger, message.request);
  }

  #join(now: Now, stranger: Stranger, request: Uint8Array): void {
    // One request a session: each costs signatures and a write to the disk.
    if (stranger.asked) return;
    stranger.asked = true;
    const outcome = this.#io.sponsor(now, stranger.peer, request);
    if (!outcome.ok) this.#refuse(now, stranger, told(outcome.error.code));
  }

  #refuse(now: Now, stranger: Stranger, code: string): void {
    stranger.refusal = code;
    stranger.untilMono = now.mono + REFUSED_STAY_MS;
    this.#io.send(stranger.peer.handle, encodeMessage({ type: 'refused', code }));
  }

  /** The stranger is a member now: it leaves this table. Returns why it called, and how it greeted as a member. */
  promoted(peer: Peer): { purpose: 'join' | 'member'; greeting: Message | null } | undefined {
    const stranger = this.#strangers.get(peer.handle);
    this.#strangers.delete(peer.handle);
    return stranger;
  }

  /** A member that is none any more: it hears why, then goes. */
  demote(now: Now, peer: Peer, code: string): void {
    const stranger: Stranger = {
      peer,
      budget: new PeerBudget('stranger', now.mono),
      untilMono: now.mono + REFUSED_STAY_MS,
      purpose: 'member',
      refusal: code,
      greeting: null,
      asked: false,
    };
    this.#strangers.set(peer.handle, stranger);
    this.#io.dataplane.setPeers(this.#io.net, [strangerConfig(peer)]);
    this.#refuse(now, stranger, code);
  }

  #end(handle: number): void {
    const stranger = this.#strangers.get(handle);
    if (!stranger) return;
    this.#strangers.delete(handle);
    if (stranger.peer.level !== 'stranger') return;
    this.#io.peers.remove(stranger.peer);
    this.#io.dataplane.removePeers(this.#io.net, [handle]);
  }

  clear(): void {
    for (const handle of [...this.#strangers.keys()]) this.#end(handle);
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const { untilMono } of this.#strangers.values()) next = Math.min(next, untilMono);
    return next;
  }

  tick(now: Now): void {
    for (const [handle, { untilMono }] of this.#strangers) if (untilMono <= now.mono) this.#end(handle);
  }
}
