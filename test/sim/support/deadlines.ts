// When each host's engine wants to be called: a heap in which a later word about a host voids the earlier ones.
interface Item {
  at: number;
  order: number;
  host: number;
}

const before = (a: Item, b: Item): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Deadlines {
  readonly #items: Item[] = [];
  readonly #valid: (Item | null)[] = [];
  #order = 0;

  /** `at`: Infinity for never. */
  set(host: number, at: number): void {
    if (this.#valid[host]?.at === at) return;
    if (at === Infinity) {
      this.#valid[host] = null;
      return;
    }
    const item = { at, order: this.#order++, host };
    this.#valid[host] = item;
    this.#push(item);
  }

  next(): number {
    for (let top = this.#items[0]; top; top = this.#items[0]) {
      if (this.#valid[top.host] === top) return top.at;
      this.#pop();
    }
    return Infinity;
  }

  /** Takes the hosts that are due, earliest first. */
  due(now: number): number[] {
    const hosts: number[] = [];
    while (this.next() <= now) {
      const { host } = this.#pop() as Item;
      this.#valid[host] = null;
      hosts.push(host);
    }
    return hosts;
  }

  #push(item: Item): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent] as Item)) break;
      items[at] = items[parent] as Item;
      at = parent;
    }
    items[at] = item;
  }

  #pop(): Item | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as Item, items[child] as Item)) child++;
      if (!before(items[child] as Item, last)) break;
      items[at] = items[child] as Item;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
