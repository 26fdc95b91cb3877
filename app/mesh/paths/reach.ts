// Who is online: members that can be reached along links that both of their ends claim.
import type { Origin } from '../../wire/messages/presence.ts';
import type { Graph } from '../routing/graph.ts';

export interface ReachView {
  graph: Graph;
  /** Own sessions that are up. */
  ups(): readonly Origin[];
  /** The own session with it fell silent, and nothing newer was heard of it. */
  suspected(origin: Origin): boolean;
  /** False: nobody is suspected, so that nobody need be asked for. */
  anySuspected(): boolean;
}

/**
 * When a member vanishes, its neighbours stop claiming their links to it, and it falls out of the graph everywhere at once; so does
 * the other side of a partition. No statement of anybody's death is needed.
 */
export class Reach {
  readonly #view: ReachView;
  /** By number of the graph: 1 when it was reached in the last search. */
  #online = new Uint8Array(0);
  #known = false;

  constructor(view: ReachView) {
    this.#view = view;
  }

  /** Statements or sessions changed. */
  forget(): void {
    this.#known = false;
  }

  /** Of other members; who has a session is online as well. */
  has(origin: Origin): boolean {
    if (!this.#known) this.#search();
    const number = this.#view.graph.number(origin);
    return number >= 0 && this.#online[number] === 1;
  }

  /** Others still have a link with it, whatever the own session says. */
  isHeld(origin: Origin): boolean {
    const number = this.#view.graph.number(origin);
    return number >= 0 && this.#view.graph.isHeld(number);
  }

  #search(): void {
    const { graph, ups, suspected, anySuspected } = this.#view;
    this.#known = true;
    const asks = anySuspected();
    const passed = (number: number): boolean => asks && suspected(graph.name(number));
    const found: number[] = [];
    graph.search();
    for (const origin of ups()) {
      const number = graph.number(origin);
      if (number >= 0 && graph.see(number)) found.push(number);
    }
    for (let next = 0; next < found.length; next++) graph.spread(found[next] as number, found, passed);
    if (this.#online.length < graph.size) this.#online = new Uint8Array(2 * graph.size);
    else this.#online.fill(0);
    for (const number of found) this.#online[number] = 1;
  }
}
