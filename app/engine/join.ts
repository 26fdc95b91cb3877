// A device that joins: it calls all members that the link names, asks the first that answers, and the next when that one is slow or
// will not. Nothing is kept until a sponsor's answer has proved itself.
import { fail, isErrorCode, type Failure, type Outcome } from '../contract/errors.ts';
import { hex } from '../wire/messages/hex.ts';
import { decodeMessage, encodeHint, encodeMessage } from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { MayCall } from '../mesh/guard/callable.ts';
import type { CallPolicy } from '../mesh/paths/caller.ts';
import type { Chance } from '../mesh/paths/chance.ts';
import { Callers } from './callers.ts';
import type { Intake } from './intake.ts';
import { strangerConfig, type Peer, Peers } from './peers.ts';
import type { Dataplane, DataplaneEvent, LinkInput, Links, NetworkConfig, Now } from './ports.ts';

/** The next way in is asked when one has not answered for this long. */
const SPONSOR_PATIENCE_MS = 1_500;
/** Without anything new. */
const JOIN_TIMEOUT_MS = 15_000;
const ASK_AGAIN_MS = 4_000;
const CALL_AGAIN_MS = 3_000;
/** … with records still coming. */
const JOIN_LONGEST_MS = 180_000;
export const JOIN_RECORDS_BYTES_MAX = 32 * 1024 * 1024;

export interface WayIn {
  /** X25519 key of the member in this network. */
  key: Uint8Array;
  origin: Origin;
  endpoints: string[];
}

export interface JoinStart {
  net: number;
  dataplane: Dataplane;
  links?: Links | undefined;
  chance: Chance;
  policy(): CallPolicy;
  mayCall: MayCall;
  config: NetworkConfig;
  inviteId: Uint8Array;
  ways: readonly WayIn[];
  request: Uint8Array;
  now: Now;
  intake(): Intake;
  /** The records of an accepting sponsor, so far; ok ends the attempt, `sponsor-silent` asks for more. */
  accepted(now: Now, intake: Intake, endpoints: Map<string, string>): Outcome<void>;
  done(now: Now, outcome: Outcome<void>): void;
}

interface Way {
  peer: Peer;
  endpoints: string[];
  state: 'calling' | 'up' | 'asked' | 'accepted' | 'refused';
  endpoint: string;
  askedMono: number;
  /** Null until records come. */
  intake: Intake | null;
  bytes: number;
  /** Something new came since more was asked for. */
  grew: boolean;
}

/** Codes that say more about the invite than about who was asked; the first of these is the answer if nobody accepts. */
const TELLING = [
  'invite-revoked',
  'invite-used',
  'invite-lost',
  'invite-void',
  'invite-expired',
  'removed',
  'clock-wrong',
];

export class Join {
  readonly net: number;
  readonly #start: JoinStart;
  readonly #peers = new Peers();
  readonly #ways: Way[] = [];
  readonly #callers: Callers;
  readonly #refusals: Failure[] = [];
  #askedMono = -Infinity;
  #callMono: number;
  #endMono: number;
  #over = false;

  constructor(start: JoinStart) {
    this.net = start.net;
    this.#start = start;
    this.#endMono = start.now.mono + JOIN_TIMEOUT_MS;
    start.dataplane.addNetwork(start.config);
    for (const way of start.ways) {
      const peer = this.#peers.stranger(way.key);
      this.#ways.push({
        peer,
        endpoints: way.endpoints,
        state: 'calling',
        endpoint: '',
        askedMono: 0,
        intake: null,
        bytes: 0,
        grew: false,
      });
    }
    start.dataplane.setPeers(
      this.net,
      this.#ways.map(({ peer }) => strangerConfig(peer)),
    );
    const hint = encodeHint({ purpose: 'join', inviteId: start.inviteId });
    this.#callers = new Callers({
      net: start.net,
      dataplane: start.dataplane,
      links: start.links,
      chance: start.chance,
      policy: () => start.policy(),
      hint: () => hint,
      endpoints: (handle) => this.#ways.find(({ peer }) => peer.handle === handle)?.endpoints ?? [],
      mayCall: start.mayCall,
      vias: () => [],
      meet: () => {},
      // Nobody carries a stranger's signals.
      canSignal: () => false,
      began: () => {},
      ended: () => {},
    });
    this.#callMono = start.now.mono;
    this.#call(start.now);
  }

  #call(now: Now): void {
    this.#callMono = now.mono + CALL_AGAIN_MS;
    for (const { peer, endpoints, state } of this.#ways) {
      if (state === 'calling' && endpoints.length > 0) this.#callers.call(now.mono, peer.handle);
    }
  }

  event(now: Now, event: DataplaneEvent): void {
    if (this.#over) return;
    if (event.kind === 'stranger') return this.#start.dataplane.answerStranger(this.net, event.ask, false);
    if (!('peer' in event)) return;
    const way = this.#ways.find(({ peer }) => peer.handle === event.peer);
    if (!way) return;
    if (event.kind === 'up') {
      this.#callers.up(now.mono, event.peer, event.transport, event.link ?? null);
      if (event.transport === 'udp') way.endpoint = event.endpoint;
      if (way.state === 'calling') way.state = 'up';
      this.#ask(now);
    } else if (event.kind === 'down') {
      this.#callers.down(event.peer, event.reason);
      if (way.state !== 'refused') way.state = 'calling';
      way.intake = null;
      way.bytes = 0;
    } else if (event.kind === 'suspect') this.#callers.suspect(now.mono, event.peer);
    else if (event.kind === 'control') this.#control(now, way, event.bytes);
  }

  /** What a transport says of a dial or link. False: it is none of this attempt's. */
  link(input: LinkInput): boolean {
    return !this.#over && this.#callers.take(input);
  }

  /** Asks the next way in, unless one was asked just now. */
  #ask(now: Now): void {
    if (now.mono - this.#askedMono < SPONSOR_PATIENCE_MS) return;
    // Somebody new first; then again who was asked long ago: the question or the answer may have been lost.
    const way =
      this.#ways.find(({ state }) => state === 'up') ??
      this.#ways.find(({ state, askedMono }) => state === 'asked' && now.mono - askedMono >= ASK_AGAIN_MS);
    if (!way) return;
    const sent = this.#start.dataplane.sendControl(
      this.net,
      way.peer.handle,
      encodeMessage({ type: 'joinRequest', request: this.#start.request }),
    );
    if (!sent) return;
    way.state = 'asked';
    way.askedMono = now.mono;
    this.#askedMono = now.mono;
  }

  #control(now: Now, way: Way, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (typeof message === 'string') return;
    if (message.type === 'refused') {
      const code = isErrorCode(message.code) ? message.code : 'internal';
      return this.#refused(now, way, { code });
    }
    if (message.type === 'joinAccepted' && way.state === 'asked') {
      way.state = 'accepted';
      // The records are on their way: nobody else needs to be asked meanwhile.
      this.#askedMono = now.mono;
    }
    if (message.type !== 'records' || way.state !== 'accepted') return;
    for (const record of message.records) way.bytes += record.length;
    if (way.bytes > JOIN_RECORDS_BYTES_MAX)
      return this.#refused(now, way, { code: 'internal', data: { why: 'records' } });
    way.intake ??= this.#start.intake();
    if (way.intake.add(message.records)) {
      way.grew = true;
      this.#askedMono = now.mono;
      const latest = this.#start.now.mono + JOIN_LONGEST_MS;
      this.#endMono = Math.max(this.#endMono, Math.min(now.mono + JOIN_TIMEOUT_MS, latest));
    }
    if (!message.more) return this.#look(now, way, way.intake);
    // The end of a sponsor's share: a large network comes in several.
    if (message.records.length > 0 || !way.grew) return;
    way.grew = false;
    const heads = encodeMessage({ type: 'heads', hashes: way.intake.locator() });
    this.#start.dataplane.sendControl(this.net, way.peer.handle, heads);
  }

  #look(now: Now, way: Way, intake: Intake): void {
    const outcome = this.#start.accepted(now, intake, this.#endpoints());
    if (outcome.ok) return this.#finish(now, outcome);
    const { code } = outcome.error;
    if (code === 'disk-full' || code === 'state-unwritable') return this.#finish(now, outcome);
    // News of others come in between; the rest follows, or the next way in is asked.
    if (code !== 'sponsor-silent') this.#refused(now, way, outcome.error);
  }

  /** Where the members answered datagrams, by key in hex. */
  #endpoints(): Map<string, string> {
    const found = new Map<string, string>();
    for (const { peer, endpoint } of this.#ways) if (endpoint) found.set(hex(peer.key), endpoint);
    return found;
  }

  #refused(now: Now, way: Way, error: Failure): void {
    way.state = 'refused';
    way.intake = null;
    this.#refusals.push(error);
    this.#askedMono = -Infinity;
    if (this.#ways.every(({ state }) => state === 'refused')) return this.#finish(now, this.#verdict());
    this.#ask(now);
  }

  #verdict(): Outcome<void> {
    for (const code of TELLING) {
      const telling = this.#refusals.find((error) => error.code === code);
      if (telling) return { ok: false, error: telling };
    }
    const refusal = this.#refusals[0];
    if (refusal) return { ok: false, error: refusal };
    const reached = this.#ways.some(({ state }) => state !== 'calling');
    return fail(reached ? 'sponsor-silent' : 'nobody-reached');
  }

  nextDeadline(): number {
    const asking = this.#ways.some(({ state }) => state === 'up') ? this.#askedMono + SPONSOR_PATIENCE_MS : Infinity;
    return Math.min(this.#endMono, this.#callMono, asking, this.#callers.nextDeadline());
  }

  tick(now: Now): void {
    if (this.#over) return;
    if (this.#endMono <= now.mono) return this.#finish(now, this.#verdict());
    if (this.#callMono <= now.mono) this.#call(now);
    this.#callers.tick(now.mono);
    this.#ask(now);
  }

  abandon(now: Now): void {
    if (!this.#over) this.#finish(now, fail('cancelled'));
  }

  #finish(now: Now, outcome: Outcome<void>): void {
    this.#over = true;
    this.#callers.clear();
    this.#start.dataplane.removeNetwork(this.net);
    this.#start.done(now, outcome);
  }
}
