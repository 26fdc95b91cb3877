// Members whose broadcast or multicast is more than their share, as long as the data plane says so.
import type { Limited } from '../contract/state.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { LimitedEvent, Now } from './ports.ts';

/** The data plane repeats itself once a second. */
export const LIMITED_FOR_MS = 5_000;
/** Members and their groups that are shown; beyond, new ones are not. */
export const LIMITED_MAX = 64;

interface Offence {
  origin: Origin;
  group: string | null;
  sinceWall: number;
  dropped: number;
  untilMono: number;
}

export class Offences {
  readonly #offences = new Map<string, Offence>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  hear(now: Now, origin: Origin, { dropped, ...event }: Pick<LimitedEvent, 'group' | 'dropped'>): void {
    const group = event.group ?? null;
    const key = `${origin} ${group ?? ''}`;
    const known = this.#offences.get(key);
    if (!known && this.#offences.size >= LIMITED_MAX) return;
    const sinceWall = known?.sinceWall ?? now.wall;
    this.#offences.set(key, { origin, group, sinceWall, dropped, untilMono: now.mono + LIMITED_FOR_MS });
    this.#changed();
  }

  has(origin: Origin): boolean {
    return [...this.#offences.values()].some((one) => one.origin === origin);
  }

  /** Monotonic; Infinity: nobody is limited. */
  nextDeadline(): number {
    return Math.min(Infinity, ...[...this.#offences.values()].map(({ untilMono }) => untilMono));
  }

  tick(now: Now): void {
    for (const [key, { untilMono }] of this.#offences)
      if (untilMono <= now.mono && this.#offences.delete(key)) this.#changed();
  }

  clear(): void {
    if (this.#offences.size === 0) return;
    this.#offences.clear();
    this.#changed();
  }

  /** `ids`: of members, by their names in the mesh. `confessed`: when they said it of themselves, wall clock ms. */
  view(ids: ReadonlyMap<Origin, string>, confessed: ReadonlyMap<Origin, number> = new Map()): Limited[] {
    const seen = [...this.#offences.values()].flatMap(({ origin, group, sinceWall, dropped }): Limited[] => {
      const member = ids.get(origin);
      return member === undefined ? [] : [{ member, group, sinceMs: sinceWall, dropped }];
    });
    const told = [...confessed].flatMap(([origin, sinceMs]): Limited[] => {
      const member = this.has(origin) ? undefined : ids.get(origin);
      return member === undefined ? [] : [{ member, group: null, sinceMs, dropped: 0 }];
    });
    return [...seen, ...told].slice(0, LIMITED_MAX);
  }
}
