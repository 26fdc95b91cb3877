// The reference model: who must have received what. It knows what the scenario did (deaths, joins, partitions), nothing of how Weft works.

export interface Span {
  fromUs: number;
  toUs: number;
}

interface Change<T> {
  at: number;
  value: T;
}

/** A value over time. */
class Timeline<T> {
  readonly #changes: Change<T>[];

  constructor(first: T) {
    this.#changes = [{ at: 0, value: first }];
  }

  set(at: number, value: T): void {
    const last = this.#changes[this.#changes.length - 1] as Change<T>;
    if (last.value === value) return;
    if (last.at === at) last.value = value;
    else this.#changes.push({ at, value });
  }

  at(time: number): T {
    let value = (this.#changes[0] as Change<T>).value;
    for (const change of this.#changes) {
      if (change.at > time) break;
      value = change.value;
    }
    return value;
  }

  get times(): number[] {
    return this.#changes.map(({ at }) => at);
  }
}

/** What Weft may take its time for, µs. */
export interface Allowance {
  /** After a member came, joined, or met the sender again, until it must receive. */
  settleUs: number;
  /** Before a member leaves: what was sent then may be lost. */
  flightUs: number;
  /** After another member died: who was fed by it may miss something. */
  repairUs: number;
}

export class Model {
  readonly #alive = new Map<number, Timeline<boolean>>();
  readonly #joined = new Map<string, Timeline<boolean>>();
  readonly #partition = new Map<number, Timeline<number>>();
  readonly #deaths: number[] = [];

  #get<K, T>(map: Map<K, Timeline<T>>, key: K, first: T): Timeline<T> {
    let timeline = map.get(key);
    if (!timeline) map.set(key, (timeline = new Timeline(first)));
    return timeline;
  }

  alive(at: number, node: number, alive: boolean): void {
    this.#get(this.#alive, node, false).set(at, alive);
    if (!alive) this.#deaths.push(at);
  }

  joined(at: number, node: number, group: string, joined: boolean): void {
    this.#get(this.#joined, `${node} ${group}`, false).set(at, joined);
  }

  partition(at: number, node: number, partition: number): void {
    this.#get(this.#partition, node, 0).set(at, partition);
  }

  isAlive(at: number, node: number): boolean {
    return this.#get(this.#alive, node, false).at(at);
  }

  /** When packets that `sender` sends to the group must reach `receiver`, exactly once. */
  due(sender: number, receiver: number, group: string, span: Span, allowance: Allowance): Span[] {
    const alive = [sender, receiver].map((node) => this.#get(this.#alive, node, false));
    const joined = this.#get(this.#joined, `${receiver} ${group}`, false);
    const sides = [sender, receiver].map((node) => this.#get(this.#partition, node, 0));
    const times = [...alive, joined, ...sides].flatMap((timeline: Timeline<unknown>) => timeline.times);
    const holds = (at: number): boolean =>
      alive.every((timeline) => timeline.at(at)) && joined.at(at) && sides[0]?.at(at) === sides[1]?.at(at);
    const whole = spansWhere(times, span.toUs + allowance.flightUs, holds).map(({ fromUs, toUs }) => ({
      fromUs: Math.max(span.fromUs, fromUs + allowance.settleUs),
      toUs: Math.min(span.toUs, toUs - allowance.flightUs),
    }));
    const excused = allowance.repairUs > 0 ? this.#deaths : [];
    return whole.flatMap((one) => without(one, excused, allowance)).filter(({ fromUs, toUs }) => fromUs < toUs);
  }

  /** When nothing of the group may reach this host's applications. */
  forbidden(receiver: number, group: string, span: Span, flightUs: number): Span[] {
    const joined = this.#get(this.#joined, `${receiver} ${group}`, false);
    return spansWhere(joined.times, span.toUs, (at) => !joined.at(at))
      .map(({ fromUs, toUs }) => ({
        fromUs: Math.max(span.fromUs, fromUs),
        toUs: Math.min(span.toUs, toUs - flightUs),
      }))
      .filter(({ fromUs, toUs }) => fromUs < toUs);
  }
}

/** Maximal spans up to `end` in which a condition holds that changes only at these times. */
function spansWhere(times: readonly number[], end: number, holds: (at: number) => boolean): Span[] {
  const spans: Span[] = [];
  let fromUs: number | null = null;
  for (const at of [...new Set(times)].sort((a, b) => a - b)) {
    if (at >= end) break;
    if (holds(at)) fromUs ??= at;
    else if (fromUs !== null) {
      spans.push({ fromUs, toUs: at });
      fromUs = null;
    }
  }
  if (fromUs !== null) spans.push({ fromUs, toUs: end });
  return spans;
}

/** The span without what lies shortly before and after these moments. */
function without(span: Span, moments: readonly number[], { repairUs, flightUs }: Allowance): Span[] {
  const spans: Span[] = [];
  let fromUs = span.fromUs;
  for (const moment of [...moments].sort((a, b) => a - b)) {
    if (moment + repairUs <= fromUs || moment - flightUs >= span.toUs) continue;
    if (moment - flightUs > fromUs) spans.push({ fromUs, toUs: moment - flightUs });
    fromUs = moment + repairUs;
  }
  if (fromUs < span.toUs) spans.push({ fromUs, toUs: span.toUs });
  return spans;
}
