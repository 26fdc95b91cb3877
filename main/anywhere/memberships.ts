// Memberships that Weft holds on its adapters for programs that joined elsewhere: a socket each, which takes no packets of theirs.
import { createSocket, type Socket } from 'node:dgram';
import type { Log } from '../../app/engine/ports.ts';

export interface Place {
  name: string;
  /** Its own IPv4 address; none: only IPv6 groups can be joined there. */
  ipv4?: string;
}

export class Memberships {
  readonly #held = new Map<string, Socket>();

  constructor(private readonly log: Log) {}

  /** Groups held on this adapter. */
  on(adapter: string): Set<string> {
    const prefix = `${adapter} `;
    return new Set(
      [...this.#held.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)),
    );
  }

  /** Holds these and no others there. `present`: what the system lists: a new adapter of the old name has none. */
  set(place: Place, groups: readonly string[], present: ReadonlySet<string>): void {
    for (const group of this.on(place.name))
      if (!groups.includes(group) || !present.has(group)) this.#leave(`${place.name} ${group}`);
    for (const group of groups) if (!this.#held.has(`${place.name} ${group}`)) this.#join(place, group);
  }

  /** Adapters that are no more take their memberships along; the sockets are closed. */
  keep(adapters: readonly string[]): void {
    for (const key of [...this.#held.keys()]) if (!adapters.includes(key.split(' ')[0] as string)) this.#leave(key);
  }

  #join({ name, ipv4 }: Place, group: string): void {
    const isIpv6 = group.includes(':');
    if (!isIpv6 && ipv4 === undefined) return;
    const socket = createSocket(isIpv6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
    const key = `${name} ${group}`;
    socket.on('error', (error) => {
      this.log.write('warn', 'membership', { name, group, error: error.message });
      this.#leave(key);
    });
    this.#held.set(key, socket);
    socket.unref();
    // On a port that the system picks: nobody sends there.
    socket.bind(0, () => {
      if (this.#held.get(key) !== socket) return;
      try {
        socket.addMembership(group, isIpv6 ? `::%${name}` : ipv4);
      } catch (error) {
        this.log.write('warn', 'membership', { name, group, error: String(error) });
        this.#leave(key);
      }
    });
  }

  #leave(key: string): void {
    const socket = this.#held.get(key);
    this.#held.delete(key);
    socket?.close();
  }

  stop(): void {
    this.keep([]);
  }
}
