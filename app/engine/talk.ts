// What is said on sessions between members: greetings, the budget of each, and who hears which message.
import type { Outcome } from '../contract/errors.ts';
import { PeerBudget, PUT_OUT_MS } from '../mesh/guard/peer-budget.ts';
import type { SessionInfo } from '../mesh/paths/contacts.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import { MESSAGE_VERSION, decodeMessage, encodeMessage, type Message } from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';
import { decodeTreeMessage } from '../wire/messages/tree.ts';
import type { Casting } from './casting.ts';
import type { Peer, Peers } from './peers.ts';
import type { Now, Ports } from './ports.ts';
import type { Problems } from './problems.ts';
import type { Roll } from './roll.ts';
import type { RendezvousSecret } from './rendezvous-secret.ts';
import { told, type Strangers } from './strangers.ts';
import type { RecordSync } from './sync.ts';

/** What a refusal says to somebody who is no member. */
const OUT_CODES = ['removed', 'invite-lost', 'invite-void', 'invite-revoked'];
/** Who refused this device is left alone about this long. */
const REFUSED_MS = 60_000;

export interface TalkIo {
  net: number;
  ports: Ports;
  roll: Roll;
  peers: Peers;
  paths: Paths;
  sync: RecordSync;
  strangers: Strangers;
  secret: RendezvousSecret;
  casting: Casting;
  problems: Problems;
  running(): boolean;
  sponsor(now: Now, peer: Peer, request: Uint8Array): Outcome<void>;
  meet(now: Now, peer: Peer, message: Extract<Message, { type: 'meet' }>): void;
  signal(now: Now, peer: Peer, message: Extract<Message, { type: 'signal' }>): 'ok' | 'bad';
  /** A session with a member came up. */
  met(now: Now): void;
}

export class Talk {
  /** Difference of others' clocks to the own, ms, by member. */
  readonly skews = new Map<Origin, number>();
  readonly #io: TalkIo;
  readonly #budgets = new Map<number, PeerBudget>();
  readonly #putOut = new Map<Origin, number>();
  /** Who has greeted on its present session. */
  readonly #greeted = new Set<number>();
  /** What the last member that refused said, while nobody has greeted since. */
  #refusal: string | null = null;

  constructor(io: TalkIo) {
    this.#io = io;
  }

  #say(peer: Peer, message: Message): void {
    this.#io.ports.dataplane.sendControl(this.#io.net, peer.handle, encodeMessage(message));
  }

  up(now: Now, peer: Peer, session: SessionInfo): void {
    const { net, ports, paths, running } = this.#io;
    const until = this.#putOut.get(peer.origin);
    if (!running() || (until !== undefined && until > now.mono)) return ports.dataplane.disconnect(net, peer.handle);
    this.#putOut.delete(peer.origin);
    if (!paths.up(now, peer.origin, session)) return;
    this.#greeted.delete(peer.handle);
    this.#budgets.set(peer.handle, new PeerBudget('member', now.mono));
    this.#greet(now, peer);
    this.#io.casting.up(now, peer.origin);
    this.#io.met(now);
  }

  /** A joiner is heard as the member that it is now: it asks for one share of the records after another. */
  letIn(now: Now, peer: Peer): void {
    if (!this.#budgets.has(peer.handle)) this.#budgets.set(peer.handle, new PeerBudget('member', now.mono));
  }

  #greet(now: Now, peer: Peer): void {
    this.#say(peer, {
      type: 'greet',
      versionMax: MESSAGE_VERSION,
      wallMs: Math.max(0, now.wall),
      features: 0,
      ledger: this.#io.roll.digest(),
      presences: this.#io.paths.fingerprint(),
    });
  }

  greeted(now: Now, peer: Peer, greet: Extract<Message, { type: 'greet' }>): void {
    const { roll, paths, sync, secret, problems } = this.#io;
    problems.clear(...OUT_CODES);
    this.#refusal = null;
    // It began anew within what looked like the same session from here: it knows nothing of what was said before.
    if (this.#greeted.has(peer.handle)) {
      paths.renewed(now, peer.origin);
      this.#greet(now, peer);
      this.#io.casting.up(now, peer.origin);
    }
    this.#greeted.add(peer.handle);
    this.skews.set(peer.origin, greet.wallMs - now.wall);
    const own = roll.digest();
    if (own.some((byte, index) => byte !== greet.ledger[index])) sync.compare(peer.handle);
    secret.changed(now, false);
    const known = roll.standing(peer.origin) === 'member' ? secret.message() : null;
    if (known) this.#io.ports.dataplane.sendControl(this.#io.net, peer.handle, known);
    paths.greeted(now, peer.origin, greet.presences);
  }

  down(now: Now, handle: number, reason: string): void {
    const { peers, paths, strangers, casting } = this.#io;
    const peer = peers.get(handle);
    this.#budgets.delete(handle);
    this.#greeted.delete(handle);
    if (peer?.level === 'member') {
      paths.down(now, peer.origin, reason);
      casting.down(now, peer.origin);
    } else if (peer) strangers.down(peer);
    this.#conclude();
  }

  /** A member that is none any more. */
  forget(peer: Peer): void {
    this.#budgets.delete(peer.handle);
    this.#greeted.delete(peer.handle);
    this.#putOut.delete(peer.origin);
    this.skews.delete(peer.origin);
  }

  /** All sessions are gone. */
  clear(): void {
    this.#budgets.clear();
    this.#greeted.clear();
  }

  hear(now: Now, handle: number, bytes: Uint8Array): void {
    const { peers, strangers } = this.#io;
    const peer = peers.get(handle);
    if (!peer) return;
    if (peer.level === 'stranger') return strangers.receive(now, peer, bytes.length, decodeMessage(bytes));
    const budget = this.#budgets.get(handle);
    if (!budget) return;
    const verdict = budget.receive(now.mono, bytes.length);
    if (verdict === 'putOut') return this.#bar(now, peer);
    if (verdict === 'drop') return;
    const judged = this.#judge(now, peer, bytes);
    if (judged === 'bad' && budget.malformed() === 'putOut') this.#bar(now, peer);
  }

  #judge(now: Now, peer: Peer, bytes: Uint8Array): 'ok' | 'bad' {
    const tree = decodeTreeMessage(bytes);
    if (tree === 'bad') return 'bad';
    // Going off, it has left all trees.
    if (tree !== 'other') return this.#io.running() ? this.#io.casting.hear(now, peer.origin, tree) : 'ok';
    const message = decodeMessage(bytes);
    return message === 'unknown' ? 'ok' : message === 'bad' ? 'bad' : this.#member(now, peer, message);
  }

  #member(now: Now, peer: Peer, message: Message): 'ok' | 'bad' {
    switch (message.type) {
      case 'greet':
        this.greeted(now, peer, message);
        return 'ok';
      case 'heads':
      case 'records':
      case 'wantRecords':
        return this.#io.sync.receive(now, peer.handle, message);
      case 'refused':
        this.#refused(now, peer, message.code);
        return 'ok';
      case 'joinRequest': {
        // A member here already: an earlier answer was lost on its way.
        const outcome = this.#io.sponsor(now, peer, message.request);
        if (!outcome.ok) this.#say(peer, { type: 'refused', code: told(outcome.error.code) });
        return 'ok';
      }
      case 'meet':
        this.#io.meet(now, peer, message);
        return 'ok';
      case 'signal':
        return this.#io.running() ? this.#io.signal(now, peer, message) : 'ok';
      case 'secret':
        this.#io.secret.hear(now, peer.origin, message);
        return 'ok';
      case 'joinAccepted':
        return 'ok';
      default:
        return this.#io.paths.receive(now, peer.origin, message);
    }
  }

  /** One member says that this device does not belong. It may be wrong: only when nobody else is there it counts as news. */
  #refused(now: Now, peer: Peer, code: string): void {
    const { paths } = this.#io;
    paths.bar(now, peer.origin, REFUSED_MS);
    if (OUT_CODES.includes(code)) this.#refusal = code;
    this.#conclude();
  }

  #conclude(): void {
    const { paths, problems } = this.#io;
    if (this.#refusal !== null && paths.contacts.upCount === 0) problems.set(this.#refusal);
  }

  #bar(now: Now, peer: Peer): void {
    const { ports, roll, paths } = this.#io;
    ports.log.write('warn', 'a member says too much', { network: roll.id, member: peer.origin });
    this.#putOut.set(peer.origin, now.mono + PUT_OUT_MS);
    this.#budgets.delete(peer.handle);
    paths.bar(now, peer.origin, PUT_OUT_MS);
  }
}
