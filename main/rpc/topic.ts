// A topic that its owner says has changed: the usual Source.
import type { Source } from './server.ts';

export class Topic<T> implements Source<T> {
  readonly #read: () => T;
  readonly #callbacks = new Set<() => void>();
  readonly #onWatched: ((watched: boolean) => void) | undefined;
  #kept: { value: T } | null = null;

  /** `read` makes a fresh value; it is asked once per change however many watch. `onWatched` tells when the first comes and the last goes. */
  constructor(read: () => T, onWatched?: (watched: boolean) => void) {
    this.#read = read;
    this.#onWatched = onWatched;
  }

  /** To be called after each change. */
  changed(): void {
    this.#kept = null;
    for (const callback of [...this.#callbacks]) callback();
  }

  value(): T {
    // Unwatched, nobody says that it changed.
    if (this.#callbacks.size === 0) return this.#read();
    this.#kept ??= { value: this.#read() };
    return this.#kept.value;
  }

  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    if (this.#callbacks.size === 1) {
      this.#kept = null;
      this.#onWatched?.(true);
    }
    return () => {
      if (this.#callbacks.delete(callback) && this.#callbacks.size === 0) this.#onWatched?.(false);
    };
  }
}
