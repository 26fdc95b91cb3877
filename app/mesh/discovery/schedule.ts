// When a member publishes where it is, and when it looks up where the others are. Pure; time and chance are arguments.
import { PUBLISH_EVERY_MS } from './rendezvous.ts';

/** A network without any session is looked up after this long … */
export const LOST_AFTER_MS = 10_000;
/** … and then again after these. The first ones are short: whoever looks for us at the same time has just published. */
export const LOOKUP_AGAIN_MS = [5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 900_000];
/** After look-ups that reached nobody in the DHT: what is in the way may pass. They do not count as the ones above. */
export const UNREACHED_AGAIN_MS = [5_000, 5_000, 10_000, 10_000, 10_000, 30_000, 60_000, 120_000, 300_000, 900_000];
/** The first publication when all is well. */
export const PUBLISH_AFTER_MS = 60_000;
/** Records that say something else than before are renewed at most this often. */
export const PUBLISH_PAUSE_MS = 120_000;
/** After a publication that failed. */
const PUBLISH_RETRY_MS = 600_000;
/** Part of an hour by which publications differ. */
const JITTER = 0.1;

export interface RendezvousNeeds {
  /** There are others, and no session with any. */
  lost: boolean;
  /** Among those that publish, as far as it is known here; asked only when a publication is due. */
  publisher(): boolean;
  /** What a publication would say. */
  text: string;
}

export interface RendezvousStep {
  publish: boolean;
  lookup: boolean;
}

export class RendezvousSchedule {
  /** 0 ≤ result < 1. */
  readonly #chance: () => number;
  #busy = false;
  #lookups = 0;
  #unreached = 0;
  #lookupMono = Infinity;
  #publishMono: number;
  #publishedMono = -Infinity;
  #published = '';
  #lost = false;

  constructor(nowMono: number, chance: () => number) {
    this.#chance = chance;
    this.#publishMono = nowMono + PUBLISH_AFTER_MS;
  }

  /** This machine is somewhere else: what did not help before may help now. */
  moved(nowMono: number): void {
    this.#begin();
    if (this.#lost) this.#lookupMono = Math.min(this.#lookupMono, nowMono + LOST_AFTER_MS);
  }

  /** What is to be done now; `done` must follow. null: nothing, or something is under way. */
  next(nowMono: number, { lost, publisher, text }: RendezvousNeeds): RendezvousStep | null {
    if (lost !== this.#lost) {
      this.#lost = lost;
      this.#begin();
      this.#lookupMono = lost ? nowMono + LOST_AFTER_MS : Infinity;
    }
    if (this.#busy) return null;
    const changed = text !== this.#published && nowMono - this.#publishedMono >= PUBLISH_PAUSE_MS;
    const lookup = this.#lookupMono <= nowMono;
    // Who is lost says where it is when it looks, whatever the hour: the others may be looking for it, too.
    const due = this.#publishMono <= nowMono || (changed && (this.#published !== '' || lookup));
    const publish = due && text !== '' && (lookup || !lost) && this.#mayPublish(nowMono, publisher);
    if (!publish && !lookup) return null;
    this.#busy = true;
    if (publish) this.#published = text;
    return { publish, lookup };
  }

  #mayPublish(nowMono: number, publisher: () => boolean): boolean {
    if (publisher()) return true;
    this.#publishMono = this.#later(nowMono, PUBLISH_EVERY_MS);
    this.#publishedMono = nowMono;
    return false;
  }

  /** `published`: it lies there now or enough others do. `reached`: something in the DHT answered. */
  done(nowMono: number, step: RendezvousStep, published: boolean, reached: boolean): void {
    this.#busy = false;
    if (step.publish) {
      this.#publishedMono = nowMono;
      this.#publishMono = this.#later(nowMono, published ? PUBLISH_EVERY_MS : PUBLISH_RETRY_MS);
      if (!published && this.#lost) this.#publishMono = nowMono;
    }
    if (!step.lookup || !this.#lost) return;
    const [waits, at] = reached ? [LOOKUP_AGAIN_MS, this.#lookups++] : [UNREACHED_AGAIN_MS, this.#unreached++];
    if (reached) this.#unreached = 0;
    this.#lookupMono = nowMono + (waits[Math.min(at, waits.length - 1)] as number);
  }

  #begin(): void {
    this.#lookups = 0;
    this.#unreached = 0;
  }

  #later(nowMono: number, ms: number): number {
    return nowMono + ms * (1 - JITTER + 2 * JITTER * this.#chance());
  }
}
