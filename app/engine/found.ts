// What this device learned of places beside the gossip: where members were found and by what, and where others see this device.
import { withoutCarrier } from '../mesh/paths/contacts.ts';
import type { Origin } from '../wire/messages/presence.ts';

/** How a member's endpoint became known. */
export type FoundBy = 'invite' | 'gossip' | 'lan' | 'dht';

/** Places remembered of one member. */
const PLACES_MAX = 16;
/** Members and servers whose view of this device is kept. */
const OBSERVERS_MAX = 256;

export class Found {
  readonly #places = new Map<Origin, Map<string, FoundBy>>();
  readonly #observed = new Map<string, string>();

  /** Endpoints by which a member was found that nothing else had told. */
  add(origin: Origin, endpoints: readonly string[], by: FoundBy): void {
    const places = this.#places.get(origin) ?? new Map<string, FoundBy>();
    for (const endpoint of endpoints) {
      const place = withoutCarrier(endpoint);
      places.delete(place);
      places.set(place, by);
      if (places.size > PLACES_MAX) places.delete(places.keys().next().value as string);
    }
    this.#places.set(origin, places);
  }

  by(origin: Origin, endpoint: string): FoundBy | undefined {
    return this.#places.get(origin)?.get(withoutCarrier(endpoint));
  }

  /** A member or a server saw this device's datagrams come from there. */
  observe(by: string, endpoint: string): void {
    this.#observed.delete(by);
    this.#observed.set(by, endpoint);
    if (this.#observed.size > OBSERVERS_MAX) this.#observed.delete(this.#observed.keys().next().value as string);
  }

  /** Newest last, one of each observer. */
  observed(): string[] {
    return [...this.#observed.values()];
  }

  /** This device is somewhere else now. */
  moved(): void {
    this.#observed.clear();
  }
}
