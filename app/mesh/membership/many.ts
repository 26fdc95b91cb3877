// Lists by a name. Nearly all have one item, which is kept without a list.

export class Many<T extends object> {
  readonly #items = new Map<string, T | T[]>();

  add(name: string, item: T): void {
    const known = this.#items.get(name);
    if (known === undefined) this.#items.set(name, item);
    else if (Array.isArray(known)) known.push(item);
    else this.#items.set(name, [known, item]);
  }

  has(name: string): boolean {
    return this.#items.has(name);
  }

  count(name: string): number {
    const known = this.#items.get(name);
    return known === undefined ? 0 : Array.isArray(known) ? known.length : 1;
  }

  /** In the order in which they were added. */
  get(name: string): readonly T[] {
    const known = this.#items.get(name);
    return known === undefined ? [] : Array.isArray(known) ? known : [known];
  }

  /** Those of all names, in the order in which names came up. */
  *all(): IterableIterator<T> {
    for (const known of this.#items.values()) {
      if (Array.isArray(known)) yield* known;
      else yield known;
    }
  }
}
