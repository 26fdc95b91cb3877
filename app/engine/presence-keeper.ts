// Where others are survives a restart: kept soon after it was learned, but written rarely.
import type { Failure } from '../contract/errors.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import type { NetworkFiles } from './files.ts';
import type { Now } from './ports.ts';

const SAVE_MS = 500;
const SAVE_EVERY_MS = 20_000;

export class PresenceKeeper {
  readonly #paths: Paths;
  readonly #files: NetworkFiles;
  readonly #failed: (error: Failure) => void;
  #dueMono = Infinity;
  #savedMono = -Infinity;

  constructor(paths: Paths, files: NetworkFiles, failed: (error: Failure) => void) {
    this.#paths = paths;
    this.#files = files;
    this.#failed = failed;
  }

  soon(now: Now): void {
    this.#dueMono = Math.min(this.#dueMono, Math.max(now.mono + SAVE_MS, this.#savedMono + SAVE_EVERY_MS));
  }

  save(now: Now): void {
    this.#dueMono = Infinity;
    this.#savedMono = now.mono;
    const stored = this.#files.writePresences(now.wall, this.#paths.save(now.mono));
    if (!stored.ok) this.#failed(stored.error);
  }

  nextDeadline(): number {
    return this.#dueMono;
  }

  tick(now: Now): void {
    if (this.#dueMono <= now.mono) this.save(now);
  }
}
