// A binary heap of timed work: earliest first, equal times in the order of insertion.
export interface Timed {
  at: number;
  order: number;
  run: () => void;
}

export class Heap {
  readonly #items: Timed[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): Timed | undefined {
    return this.#items[0];
  }

  push(item: Timed): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent] as Timed)) break;
      items[at] = items[parent] as Timed;
      at = parent;
    }
    items[at] = item;
  }

  pop(): Timed | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as Timed, items[child] as Timed)) child++;
      if (!before(items[child] as Timed, last)) break;
      items[at] = items[child] as Timed;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

const before = (a: Timed, b: Timed): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
