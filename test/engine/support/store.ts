// The Store port in memory: durable over a simulated restart, with faults on demand.
import { fail, ok, type Outcome } from '../../../app/contract/errors.ts';
import type { Store } from '../../../app/engine/ports.ts';

export class MemoryStore implements Store {
  readonly files = new Map<string, Uint8Array>();
  readonly logs = new Map<string, Uint8Array[]>();
  readonly corrupt = new Set<string>();
  full = false;
  writes = 0;
  /** Throws at the nth change from now on, as if the process were killed there. */
  crashAfter = Infinity;

  #change(): Outcome<void> {
    if (this.crashAfter-- <= 0) throw new Crash();
    this.writes++;
    return this.full ? fail('disk-full', { why: 'no space left' }) : ok(undefined);
  }

  read(name: string): Outcome<Uint8Array | null> {
    if (this.corrupt.has(name)) return this.#damaged(name);
    return ok(this.files.get(name)?.slice() ?? null);
  }

  #damaged<T>(name: string): Outcome<T> {
    this.corrupt.delete(name);
    this.files.delete(name);
    this.logs.delete(name);
    return fail('state-corrupt', { file: name, kept: `${name}.damaged` });
  }

  write(name: string, bytes: Uint8Array): Outcome<void> {
    const outcome = this.#change();
    if (outcome.ok) this.files.set(name, bytes.slice());
    return outcome;
  }

  append(name: string, entries: Uint8Array[]): Outcome<void> {
    const outcome = this.#change();
    if (outcome.ok) this.logs.set(name, [...(this.logs.get(name) ?? []), ...entries.map((entry) => entry.slice())]);
    return outcome;
  }

  readLog(name: string): Outcome<Uint8Array[]> {
    if (this.corrupt.has(name)) return this.#damaged(name);
    return ok((this.logs.get(name) ?? []).map((entry) => entry.slice()));
  }

  remove(name: string): Outcome<void> {
    const outcome = this.#change();
    if (!outcome.ok) return outcome;
    for (const map of [this.files, this.logs]) {
      for (const key of [...map.keys()]) if (key === name || key.startsWith(`${name}/`)) map.delete(key);
    }
    return outcome;
  }

  /** Names of files and folders directly in `folder`. */
  list(folder: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    const names = new Set<string>();
    for (const key of [...this.files.keys(), ...this.logs.keys()]) {
      if (key.startsWith(prefix)) names.add(key.slice(prefix.length).split('/')[0] as string);
    }
    return [...names].sort();
  }

  copy(): MemoryStore {
    const copy = new MemoryStore();
    for (const [name, bytes] of this.files) copy.files.set(name, bytes.slice());
    for (const [name, entries] of this.logs) copy.logs.set(name, [...entries]);
    return copy;
  }
}

export class Crash extends Error {}
