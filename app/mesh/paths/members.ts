// Who is a member, under the numbers that the graph gives: one map for both.
import type { Origin } from '../../wire/messages/presence.ts';
import type { Graph } from '../routing/graph.ts';
import type { PathMember } from './io.ts';

export class Members {
  readonly #graph: Graph;
  /** By number. */
  readonly #members: (PathMember | undefined)[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  get size(): number {
    return this.#graph.count;
  }

  has(origin: Origin): boolean {
    return this.#graph.number(origin) >= 0;
  }

  get(origin: Origin): PathMember | undefined {
    return this.#members[this.#graph.number(origin)];
  }

  /** In the order in which they were added. */
  origins(): IterableIterator<Origin> {
    return this.#graph.origins();
  }

  /** Adds it, or takes what is known of it now. False: it is none that is new, or there are too many. */
  add(member: PathMember): boolean {
    const isNew = this.#graph.add(member.origin);
    const number = this.#graph.number(member.origin);
    if (number >= 0) this.#members[number] = member;
    return isNew;
  }

  remove(origin: Origin): void {
    const number = this.#graph.number(origin);
    if (number < 0) return;
    this.#members[number] = undefined;
    this.#graph.remove(origin);
  }
}
