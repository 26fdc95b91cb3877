// Next hops to members without a direct session: shortest ways along links that both ends claim, over members that consent.
import { FEATURE_METERED, type Origin, type Presence } from '../../wire/messages/presence.ts';
import type { Graph } from './graph.ts';

/** Relays named for one destination. */
export const RELAYS_PER_DESTINATION = 4;
/** Hops of a relayed frame at most, the last one included. */
export const ROUTE_HOPS_MAX = 4;

export interface RouteView {
  self: Origin;
  graph: Graph;
  presence(origin: Origin): Presence | undefined;
  /** Own sessions that are up and do not go through others. */
  directs(): readonly Origin[];
}

export interface Relay {
  origin: Origin;
  /** Frames on the way from here to the destination, 2 at least. */
  hops: number;
  /** Share of flows that it should get beside others. */
  weight: number;
  /** Nobody says that it leads there. */
  isGuess: boolean;
}

/** Relays without a declared limit count as this much. */
const UNLIMITED_KBPS = 12_500;
const weightOf = ({ relayKBps }: Presence): number =>
  relayKBps === 0 ? UNLIMITED_KBPS : Math.min(relayKBps, UNLIMITED_KBPS);

const isMetered = (presence: Presence | undefined): boolean => ((presence?.features ?? 0) & FEATURE_METERED) !== 0;

export class Routes {
  readonly #view: RouteView;
  /** Of each destination that was asked for: its relays. */
  #known = new Map<Origin, Relay[]>();
  /** Own direct sessions whose other ends consent, by number. Made when first asked for after a change. */
  #mine: number[] | null = null;

  constructor(view: RouteView) {
    this.#view = view;
  }

  /** Statements or sessions changed. */
  forget(): void {
    if (this.#known.size > 0) this.#known = new Map();
    this.#mine = null;
  }

  /** Whoever has a session may have one with the destination, too. */
  has(destination: Origin): boolean {
    const number = this.#view.graph.number(destination);
    const mine = this.#relaying();
    return mine.length > 1 || (mine.length === 1 && mine[0] !== number);
  }

  #relaying(): number[] {
    const { graph, directs } = this.#view;
    this.#mine ??= directs()
      .map((origin) => graph.number(origin))
      .filter((number) => number >= 0 && graph.consents(number));
    return this.#mine;
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
    const { self, graph } = this.#view;
    const start = graph.number(destination);
    const mine = this.#relaying().filter((number) => number !== start);
    if (mine.length === 0) return [];
    graph.search();
    for (const number of [start, graph.number(self)]) if (number >= 0) graph.see(number);
    let front = start < 0 ? [] : [start];
    for (let hops = 1; hops < ROUTE_HOPS_MAX && front.length > 0; hops++) {
      const next: number[] = [];
      // Either end's word will do: a frame in vain costs little.
      const step = (other: number): void => {
        if (graph.consents(other) && graph.see(other)) next.push(other);
      };
      for (const at of front) graph.around(at, step);
      // Those seen before the last step would have ended the search.
      const near = mine.filter((number) => graph.saw(number));
      if (near.length > 0) return this.#ranked(near, hops + 1, false);
      front = next;
    }
    // Nobody says so, but whoever has a session with both of us passes frames on all the same: sessions that are no lasting
    // neighbours' are in no statement.
    return this.#ranked(mine, ROUTE_HOPS_MAX, true);
  }

  /** Next hops towards members without a direct session, for frames that others pass on through here. At most `max`. */
  nextHops(max: number): Map<Origin, Origin> {
    const { self, graph, directs } = this.#view;
    const found = new Map<Origin, Origin>();
    graph.search();
    const own = graph.number(self);
    if (own >= 0) graph.see(own);
    for (const origin of directs()) {
      const number = graph.number(origin);
      if (number >= 0) graph.see(number);
    }
    let front = this.#relaying().map((number) => ({ at: number, by: graph.name(number) }));
    for (let hops = 2; hops < ROUTE_HOPS_MAX && front.length > 0; hops++) {
      const next: typeof front = [];
      for (const { at, by } of front) {
        graph.around(at, (other) => {
          if (found.size >= max || !graph.see(other)) return;
          found.set(graph.name(other), by);
          if (graph.consents(other)) next.push({ at: other, by });
        });
      }
      front = next;
    }
    return found;
  }

  /** Who pays for every byte is asked only where nobody else is as near. */
  #ranked(numbers: readonly number[], hops: number, isGuess: boolean): Relay[] {
    const { graph, presence } = this.#view;
    const origins = numbers.map((number) => graph.name(number));
    const free = origins.filter((origin) => !isMetered(presence(origin)));
    const relays = (free.length > 0 ? free : origins).map((origin) => ({
      origin,
      hops,
      weight: weightOf(presence(origin) as Presence),
      isGuess,
    }));
    relays.sort((a, b) => b.weight - a.weight || (a.origin < b.origin ? -1 : 1));
    return relays.slice(0, RELAYS_PER_DESTINATION);
  }
}
