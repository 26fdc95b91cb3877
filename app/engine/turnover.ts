// Members come and go by the records: what that means for their sessions, handles and keys.
import type { Outcome } from '../contract/errors.ts';
import { encodeMessage } from '../wire/messages/message.ts';
import type { NetworkParts } from './parts.ts';
import type { Peer } from './peers.ts';
import type { Now, PeerStats, Ports } from './ports.ts';
import type { Roll } from './roll.ts';

/** What turnover needs of the network around it. */
export interface TurnoverIo {
  net: number;
  ports: Ports;
  roll: Roll;
  parts: NetworkParts;
  /** A member's session stands. */
  up(now: Now, peer: Peer, session: PeerStats): void;
  publish(now: Now, records: readonly Uint8Array[]): void;
}

export class Turnover {
  readonly #io: TurnoverIo;

  constructor(io: TurnoverIo) {
    this.#io = io;
  }

  /** A stranger asks to be let in. */
  sponsor(now: Now, peer: Peer, request: Uint8Array): Outcome<void> {
    const { net, ports, roll, parts } = this.#io;
    const outcome = roll.sponsor(now, peer.key, request);
    if (!outcome.ok) return outcome;
    ports.dataplane.sendControl(net, peer.handle, encodeMessage({ type: 'joinAccepted' }));
    // A member by now: far more is queued for it than for a stranger.
    this.#io.publish(now, outcome.value);
    parts.sync.give(peer.handle, roll.all());
    return { ok: true, value: undefined };
  }

  /** A stranger with a session has become a member. A joiner calls anew as one, when it has got all records on this session. */
  welcome(now: Now, peer: Peer): void {
    const { net, ports, parts } = this.#io;
    const stranger = parts.strangers.promoted(peer);
    if (stranger?.purpose === 'join') parts.talk.letIn(now, peer);
    if (stranger?.purpose !== 'member') return;
    const stats = ports.dataplane.stats().peers.find((s) => s.net === net && s.peer === peer.handle);
    if (!stats?.up) return;
    this.#io.up(now, peer, stats);
    if (stranger.greeting?.type === 'greet') parts.talk.greeted(now, peer, stranger.greeting);
  }

  /** A member that the records put out: it hears why if it is there, its keys are worth nothing from now on. */
  drop(now: Now, peer: Peer): void {
    const { net, ports, roll, parts } = this.#io;
    const { origin } = peer;
    const wasUp = parts.paths.contacts.isUp(origin);
    const standing = roll.standing(origin);
    parts.paths.down(now, origin, 'removed');
    parts.casting.down(now, origin);
    parts.talk.forget(peer);
    parts.reaching.down(now.mono, peer.handle, 'removed');
    parts.peers.demote(peer);
    if (wasUp) parts.strangers.demote(now, peer, standing === 'none' || standing === 'member' ? 'removed' : standing);
    else {
      parts.peers.remove(peer);
      ports.dataplane.removePeers(net, [peer.handle]);
    }
    ports.dataplane.rotateKeys(net);
  }
}
