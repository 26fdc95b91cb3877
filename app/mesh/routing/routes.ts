// Next hops to members without a direct session: shortest ways along links that both ends claim, over members that consent.
import { FEATURE_METERED, FEATURE_RELAYS, type Origin, type Presence } from '../../wire/messages/presence.ts';

/** Relays named for one destination. */
export const RELAYS_PER_DESTINATION = 4;
/** Hops of a relayed frame at most, the last one included. */
export const ROUTE_HOPS_MAX = 4;

export interface RouteView {
  self: Origin;
  presence(origin: Origin): Presence | undefined;
  presences(): Iterable<Presence>;
  /** Own sessions that are up and do not go through others. */
  directs(): readonly Origin[];
}

export interface Relay {
  origin: Origin;
  /** Frames on the way from here to the destination, 2 at least. */
  hops: number;
  /** Share of flows that it should get beside others. */
  weight: number;
}

/** Relays without a declared limit count as this much. */
const UNLIMITED_KBPS = 12_500;
const consents = (presence: Presence | undefined): presence is Presence =>
  presence !== undefined && !presence.off && (presence.features & FEATURE_RELAYS) !== 0;

const links = ({ neighbours, relayed }: Presence): Origin[] =>
  relayed.length === 0 ? neighbours : neighbours.filter((neighbour) => !relayed.includes(neighbour));

const weightOf = ({ relayKBps }: Presence): number =>
  relayKBps === 0 ? UNLIMITED_KBPS : Math.min(relayKBps, UNLIMITED_KBPS);

const isMetered = (presence: Presence | undefined): boolean => ((presence?.features ?? 0) & FEATURE_METERED) !== 0;

export class Routes {
  readonly #view: RouteView;
  /** Of each destination that was asked for: its relays. */
  #known = new Map<Origin, Relay[]>();
  /** Of each member: who claims a direct link to it. Made when first asked for after a change. */
  #claims: Map<Origin, Origin[]> | null = null;
  /** Own direct sessions whose other ends consent. */
  #mine: Origin[] | null = null;

  constructor(view: RouteView) {
    this.#view = view;
  }

  /** Statements or sessions changed. */
  forget(): void {
    if (this.#known.size > 0) this.#known = new Map();
    this.#claims = this.#mine = null;
  }

  has(destination: Origin): boolean {
    return this.relays(destination).length > 0;
  }

  /** Members with a direct session through which the destination can be reached, nearest first, then by weight. */
  relays(destination: Origin): readonly Relay[] {
    let found = this.#known.get(destination);
    if (!found) {
      found = this.#find(destination);
      this.#known.set(destination, found);
    }
    return found;
  }

  /** From the destination backwards, so that every own session at the least distance is found. */
  #find(destination: Origin): Relay[] {
    const { self, presence, directs } = this.#view;
    this.#mine ??= directs().filter((origin) => consents(presence(origin)));
    const mine = this.#mine.filter((origin) => origin !== destination);
    if (mine.length === 0) return [];
    let front = [destination];
    const seen = new Set<Origin>([destination, self]);
    for (let hops = 1; hops < ROUTE_HOPS_MAX && front.length > 0; hops++) {
      const next: Origin[] = [];
      for (const at of front) {
        for (const other of this.#towards(at)) {
          if (seen.has(other)) continue;
          seen.add(other);
          next.push(other);
        }
      }
      const reached = new Set(next);
      const near = mine.filter((origin) => reached.has(origin));
      if (near.length > 0) return this.#ranked(near, hops + 1);
      front = next;
    }
    // Nobody says so, but whoever has a session with both of us passes frames on all the same: sessions that are no lasting
    // neighbours' are in no statement.
    return this.#ranked(mine, ROUTE_HOPS_MAX);
  }

  /** Next hops towards members without a direct session, for frames that others pass on through here. At most `max`. */
  nextHops(max: number): Map<Origin, Origin> {
    const { self, presence, directs } = this.#view;
    const found = new Map<Origin, Origin>();
    const direct = new Set(directs());
    const claimed = this.#claimed();
    let front = [...direct]
      .filter((origin) => consents(presence(origin)))
      .map((origin) => ({ at: origin, by: origin }));
    for (let hops = 2; hops < ROUTE_HOPS_MAX && front.length > 0; hops++) {
      const next: typeof front = [];
      for (const { at, by } of front) {
        const own = presence(at);
        for (const other of [...(own ? links(own) : []), ...(claimed.get(at) ?? [])]) {
          if (other === self || direct.has(other) || found.has(other) || found.size >= max) continue;
          found.set(other, by);
          if (consents(presence(other))) next.push({ at: other, by });
        }
      }
      front = next;
    }
    return found;
  }

  #claimed(): Map<Origin, Origin[]> {
    if (this.#claims) return this.#claims;
    const claims = new Map<Origin, Origin[]>();
    for (const other of this.#view.presences()) {
      for (const end of links(other)) {
        const ends = claims.get(end);
        if (ends) ends.push(other.origin);
        else claims.set(end, [other.origin]);
      }
    }
    this.#claims = claims;
    return claims;
  }

  /** Members that can send to `at` and consent to pass on. Either end's word will do: a frame in vain costs little. */
  *#towards(at: Origin): IterableIterator<Origin> {
    const { presence } = this.#view;
    const own = presence(at);
    for (const other of own ? links(own) : []) if (consents(presence(other))) yield other;
    for (const other of this.#claimed().get(at) ?? []) if (consents(presence(other))) yield other;
  }

  /** Who pays for every byte is asked only where nobody else is as near. */
  #ranked(origins: readonly Origin[], hops: number): Relay[] {
    const { presence } = this.#view;
    const free = origins.filter((origin) => !isMetered(presence(origin)));
    const relays = (free.length > 0 ? free : origins).map((origin) => ({
      origin,
      hops,
      weight: weightOf(presence(origin) as Presence),
    }));
    relays.sort((a, b) => b.weight - a.weight || (a.origin < b.origin ? -1 : 1));
    return relays.slice(0, RELAYS_PER_DESTINATION);
  }
}
