// Ports that a NAT drew for this machine's datagrams, one for each who saw them, and the next ones of a NAT that counts on.
import { formatEndpoint, parseEndpoint } from '../../wire/messages/address.ts';
import { PREDICT_FROM_MS, PREDICT_SPAN, PREDICTED_BETWEEN_MAX, PREDICTED_MAX } from './limits.ts';

/** Members and STUN servers whose sighting is kept; the oldest makes room. */
const SIGHTINGS_MAX = 32;

const PORT_MAX = 65_535;

interface Sighting {
  address: string;
  port: number;
  seenMono: number;
}

export class DrawnPorts {
  /** Newest last. */
  readonly #sightings = new Map<string, Sighting>();

  /** `by` saw a datagram of this machine come from `endpoint`; whose socket's does not matter, a counting NAT has one count for all. */
  note(nowMono: number, endpoint: string, by: string): void {
    const seen = parseEndpoint(endpoint);
    if (!seen) return;
    this.#sightings.delete(by);
    this.#sightings.set(by, { address: seen.address.join('.'), port: seen.port, seenMono: nowMono });
    if (this.#sightings.size > SIGHTINGS_MAX) this.#sightings.delete(this.#sightings.keys().next().value as string);
  }

  /** This machine is somewhere else now. */
  clear(): void {
    this.#sightings.clear();
  }

  /**
   * Where the next one may see this machine, when a NAT above gives each another port and counts on: what others saw within a while differs
   * by little then. Empty behind anything else.
   */
  predicted(nowMono: number): string[] {
    const fresh = [...this.#sightings.values()].filter(({ seenMono }) => nowMono - seenMono <= PREDICT_FROM_MS);
    const newest = fresh.at(-1);
    if (!newest) return [];
    const near = fresh.filter(
      ({ address, port }) => address === newest.address && Math.abs(port - newest.port) <= PREDICT_SPAN,
    );
    const ports = new Set(near.map(({ port }) => port));
    if (ports.size < 2) return [];
    const last = Math.max(...ports);
    const address = Uint8Array.from(newest.address.split('.'), Number);
    // Ports in between went to others, perhaps to the very member that is to be met: it was called before they were seen.
    const between: number[] = [];
    for (let port = last - 1; port > Math.min(...ports) && between.length < PREDICTED_BETWEEN_MAX; port--)
      if (!ports.has(port)) between.push(port);
    const next = Array.from({ length: PREDICTED_MAX - between.length }, (_, place) => last + 1 + place);
    return [...next, ...between]
      .filter((port) => port <= PORT_MAX)
      .map((port) => formatEndpoint({ address, port, carriers: 'udp' }));
  }
}
