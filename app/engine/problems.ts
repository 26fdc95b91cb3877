// What needs the user's eye, by code: each once, newest data wins, in the order in which they came up.
import type { Problem } from '../contract/state.ts';

export const PROBLEMS_MAX = 32;

export class Problems {
  readonly #problems = new Map<string, Problem>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  set(code: string, data?: Record<string, string>): void {
    // Several files may be damaged; each counts.
    const key = data?.['file'] === undefined ? code : `${code} ${data['file']}`;
    const known = this.#problems.get(key);
    if (known && JSON.stringify(known.data) === JSON.stringify(data)) return;
    if (!known && this.#problems.size >= PROBLEMS_MAX) return;
    this.#problems.set(key, data ? { code, data } : { code });
    this.#changed();
  }

  clear(...codes: string[]): void {
    for (const code of codes) if (this.#problems.delete(code)) this.#changed();
  }

  has(code: string): boolean {
    return this.#problems.has(code);
  }

  list(): Problem[] {
    return [...this.#problems.values()];
  }
}
