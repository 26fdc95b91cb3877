// The Store port of a simulated host, durable over its restarts. Arrays are shared, not copied: ten thousand members with the same records.
import { ok, type Outcome } from '../../../app/contract/errors.ts';
import type { Store } from '../../../app/engine/ports.ts';

export class SharedStore implements Store {
  readonly #files = new Map<string, Uint8Array>();
  readonly #logs = new Map<string, Uint8Array[]>();
  /** Names of logs whose array is nobody else's. */
  readonly #own = new Set<string>();

  read(name: string): Outcome<Uint8Array | null> {
    return ok(this.#files.get(name) ?? null);
  }

  write(name: string, bytes: Uint8Array): Outcome<void> {
    this.#files.set(name, bytes);
    return ok(undefined);
  }

  append(name: string, entries: Uint8Array[]): Outcome<void> {
    if (!this.#own.has(name)) this.#logs.set(name, (this.#logs.get(name) ?? []).slice());
    this.#own.add(name);
    this.#logs.get(name)?.push(...entries);
    return ok(undefined);
  }

  /** The log is this array from now on, until something is appended. */
  share(name: string, entries: Uint8Array[]): void {
    this.#logs.set(name, entries);
    this.#own.delete(name);
  }

  readLog(name: string): Outcome<Uint8Array[]> {
    return ok(this.#logs.get(name) ?? []);
  }

  remove(name: string): Outcome<void> {
    for (const map of [this.#files, this.#logs]) {
      for (const key of [...map.keys()]) if (key === name || key.startsWith(`${name}/`)) map.delete(key);
    }
    for (const key of [...this.#own]) if (!this.#logs.has(key)) this.#own.delete(key);
    return ok(undefined);
  }

  clear(): void {
    this.#files.clear();
    this.#logs.clear();
    this.#own.clear();
  }

  list(folder: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    const names = new Set<string>();
    for (const key of [...this.#files.keys(), ...this.#logs.keys()]) {
      if (key.startsWith(prefix)) names.add(key.slice(prefix.length).split('/')[0] as string);
    }
    return [...names].sort();
  }
}
