// What the data plane says of one network, and whom it concerns.
import type { SessionInfo } from '../mesh/paths/contacts.ts';
import type { Adapter } from './adapter.ts';
import type { HostGroups } from './host-groups.ts';
import type { NetworkParts } from './parts.ts';
import type { Peer } from './peers.ts';
import type { DataplaneEvent, Now, Ports } from './ports.ts';
import type { Problems } from './problems.ts';

/** What events need of the network around them. */
export interface PlaneEventsIo {
  net: number;
  ports: Ports;
  problems: Problems;
  parts: NetworkParts;
  hostGroups: HostGroups;
  running(): boolean;
  adapter(): Adapter | null;
  channelsChanged(now: Now): void;
  changed(): void;
}

export class PlaneEvents {
  readonly #io: PlaneEventsIo;

  constructor(io: PlaneEventsIo) {
    this.#io = io;
  }

  take(now: Now, event: DataplaneEvent): void {
    const { net, ports, problems, parts, hostGroups } = this.#io;
    switch (event.kind) {
      case 'control':
        return parts.talk.hear(now, event.peer, event.bytes);
      case 'stranger':
        if (this.#io.running()) parts.strangers.ask(now, event.ask, event.key, event.hint);
        else ports.dataplane.answerStranger(net, event.ask, false);
        return;
      case 'up': {
        const peer = parts.peers.get(event.peer);
        if (peer?.level === 'member') this.up(now, peer, event);
        else if (peer) parts.strangers.up(now, peer);
        return;
      }
      case 'down':
        parts.reaching.down(now.mono, event.peer, event.reason);
        return parts.talk.down(now, event.peer, event.reason);
      case 'want': {
        const peer = parts.peers.get(event.peer);
        if (peer?.level === 'member') parts.paths.want(now, peer.origin);
        return;
      }
      case 'suspect':
        return parts.reaching.suspect(now, event.peer);
      case 'line':
        return parts.reaching.line(now, event.peer, event.bytesPerSecond);
      case 'link':
        return;
      case 'groups':
        hostGroups.take(event.groups);
        return this.#io.channelsChanged(now);
      case 'adapterLost':
        this.#io.adapter()?.onLost(now.mono);
        return this.#io.changed();
      case 'problem':
        if (event.code === 'events-lost') this.resync(now);
        return problems.set(event.code, { message: event.message });
      default:
        if (this.#io.running()) parts.casting.event(now, event);
    }
  }

  /** A member's session stands. */
  up(now: Now, peer: Peer, session: Partial<SessionInfo> & { link?: number | undefined }): void {
    const { found, talk, paths, reaching, casting } = this.#io.parts;
    const { endpoint = '', transport = 'udp', observed } = session;
    if (observed && transport === 'udp') found.observe(peer.origin, observed);
    talk.up(now, peer, { ...session, endpoint, transport });
    if (paths.contacts.isUp(peer.origin)) reaching.up(now, peer, { ...session, endpoint, transport });
    casting.measured(peer.origin, session.rttMs);
  }

  /** Events were lost: what the data plane's counters say of sessions is taken instead. */
  resync(now: Now): void {
    const { net, ports, parts } = this.#io;
    for (const stats of ports.dataplane.stats().peers) {
      const peer = stats.net === net ? parts.peers.get(stats.peer) : undefined;
      if (peer?.level !== 'member') continue;
      const up = parts.paths.contacts.isUp(peer.origin);
      if (stats.up && !up) this.up(now, peer, stats);
      else if (!stats.up && up) parts.talk.down(now, peer.handle, 'closed');
    }
  }
}
