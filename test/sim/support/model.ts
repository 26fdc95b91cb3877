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

  /** How much of the span the condition holds, µs. */
  lasted({ fromUs, toUs }: Span, holds: (value: T) => boolean): number {
    let sum = 0;
    for (const [index, { at, value }] of this.#changes.entries()) {
      const until = this.#changes[index + 1]?.at ?? Infinity;
      if (holds(value)) sum += Math.max(0, Math.min(until, toUs) - Math.max(at, fromUs));
    }
    return sum;
  }

  get times(): number[] {
    return this.#changes.map(({ at }) => at);
  }
}

/** Senders whose packets a host's applications want: all but these, or only these; null: none. */
export type Wish = { mode: 'exclude' | 'include'; senders: readonly number[] } | null;

const admits = (wish: Wish, sender: number): boolean =>
  wish !== null && (wish.mode === 'include') === wish.senders.includes(sender);

/** Who may send to and receive from a group; null: everybody. */
export interface Rights {
  publishers: readonly number[] | null;
  subscribers: readonly number[] | null;
}

/** What Weft may take its time for, µs. */
export interface Allowance {
  /** After a member came, joined, or met the sender again, until it must receive. */
  settleUs: number;
  /** After a member was removed: it may still read what it hears with keys that it has. */
  removalUs: number;
  /** Before a member leaves: what was sent then may be lost. */
  flightUs: number;
  /** After another member died, was removed or cut off: who was fed by it may miss something. */
  repairUs: number;
}

export class Model {
  readonly #alive = new Map<number, Timeline<boolean>>();
  readonly #joined = new Map<string, Timeline<Wish>>();
  readonly #removed = new Map<number, Timeline<boolean>>();
  readonly #rights = new Map<string, Rights>();
  /** Hosts that mean ill: nothing is owed to them. */
  readonly #hostile = new Set<number>();
  readonly #partition = new Map<number, Timeline<number>>();
  /** When members died, were removed or cut off: others may have been fed by them. */
  readonly #losses: number[] = [];

  #get<K, T>(map: Map<K, Timeline<T>>, key: K, first: T): Timeline<T> {
    let timeline = map.get(key);
    if (!timeline) map.set(key, (timeline = new Timeline(first)));
    return timeline;
  }

  alive(at: number, node: number, alive: boolean): void {
    this.#get(this.#alive, node, false).set(at, alive);
    if (!alive) this.#losses.push(at);
  }

  joined(at: number, node: number, group: string, wish: Wish): void {
    this.#get(this.#joined, `${node} ${group}`, null).set(at, wish);
  }

  removed(at: number, node: number): void {
    this.#get(this.#removed, node, false).set(at, true);
    this.#losses.push(at);
  }

  /** Of a group from its first packet on. */
  rights(group: string, rights: Rights): void {
    this.#rights.set(group, rights);
  }

  hostile(node: number): void {
    this.#hostile.add(node);
  }

  #entitled(sender: number, receiver: number, group: string): boolean {
    const { publishers = null, subscribers = null } = this.#rights.get(group) ?? {};
    return (publishers?.includes(sender) ?? true) && (subscribers?.includes(receiver) ?? true);
  }

  partition(at: number, node: number, partition: number): void {
    this.#get(this.#partition, node, 0).set(at, partition);
    this.#losses.push(at);
  }

  isAlive(at: number, node: number): boolean {
    return this.#get(this.#alive, node, false).at(at);
  }

  isJoined(at: number, node: number, group: string): boolean {
    return this.#get(this.#joined, `${node} ${group}`, null).at(at) !== null;
  }

  /** The fewest hosts but the sender that were alive and had joined at any moment of the span. */
  fewestReceivers(sender: number, group: string, span: Span): number {
    const steps: [number, number][] = [];
    for (const [node, alive] of this.#alive) {
      const joined = this.#joined.get(`${node} ${group}`);
      if (node === sender || !joined || !this.#entitled(sender, node, group)) continue;
      const holds = (at: number): boolean => alive.at(at) && admits(joined.at(at), sender);
      for (const { fromUs, toUs } of spansWhere([...alive.times, ...joined.times], span.toUs, holds))
        if (toUs > span.fromUs) steps.push([Math.max(fromUs, span.fromUs), 1], [toUs, -1]);
    }
    // At the same moment those that go first.
    steps.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let count = steps.filter(([at, step]) => at === span.fromUs && step > 0).length;
    let fewest = count;
    for (const [at, step] of steps) {
      if (at <= span.fromUs || at >= span.toUs) continue;
      fewest = Math.min(fewest, (count += step));
    }
    return fewest;
  }

  /** Of all hosts together, µs. */
  lived(span: Span): number {
    let sum = 0;
    for (const timeline of this.#alive.values()) sum += timeline.lasted(span, (alive) => alive);
    return sum;
  }

  /** When two hosts came into the same partition again. */
  met(a: number, b: number): number[] {
    const sides = [a, b].map((node) => this.#get(this.#partition, node, 0)) as [Timeline<number>, Timeline<number>];
    const together = (at: number): boolean => sides[0].at(at) === sides[1].at(at);
    const times = [...new Set(sides.flatMap(({ times: all }) => all))].sort((x, y) => x - y);
    return times.filter((at, index) => index > 0 && together(at) && !together(times[index - 1] as number));
  }

  /** When packets that `sender` sends to the group must reach `receiver`, exactly once. */
  due(sender: number, receiver: number, group: string, span: Span, allowance: Allowance): Span[] {
    if (this.#hostile.has(receiver) || !this.#entitled(sender, receiver, group)) return [];
    const alive = [sender, receiver].map((node) => this.#get(this.#alive, node, false));
    const joined = this.#get(this.#joined, `${receiver} ${group}`, null);
    const removed = [sender, receiver].map((node) => this.#get(this.#removed, node, false));
    const sides = [sender, receiver].map((node) => this.#get(this.#partition, node, 0));
    const times = [...alive, joined, ...removed, ...sides].flatMap((timeline: Timeline<unknown>) => timeline.times);
    const holds = (at: number): boolean =>
      alive.every((timeline) => timeline.at(at)) &&
      admits(joined.at(at), sender) &&
      !removed.some((timeline) => timeline.at(at)) &&
      sides[0]?.at(at) === sides[1]?.at(at);
    const whole = spansWhere(times, span.toUs + allowance.flightUs, holds).map(({ fromUs, toUs }) => ({
      fromUs: Math.max(span.fromUs, fromUs + allowance.settleUs),
      toUs: Math.min(span.toUs, toUs - allowance.flightUs),
    }));
    const excused = allowance.repairUs > 0 ? this.#losses : [];
    return whole.flatMap((one) => without(one, excused, allowance)).filter(({ fromUs, toUs }) => fromUs < toUs);
  }

  /** When nothing that `sender` sends to the group may reach this host's applications. */
  forbidden(
    sender: number,
    receiver: number,
    group: string,
    span: Span,
    { flightUs, removalUs }: Pick<Allowance, 'flightUs' | 'removalUs'>,
  ): Span[] {
    if (!this.#entitled(sender, receiver, group)) return [span];
    const joined = this.#get(this.#joined, `${receiver} ${group}`, null);
    const unwanted = spansWhere(joined.times, span.toUs, (at) => !admits(joined.at(at), sender));
    const out = [sender, receiver].flatMap((node) => {
      const removed = this.#get(this.#removed, node, false);
      return spansWhere(removed.times, span.toUs, (at) => removed.at(at)).map(({ fromUs, toUs }) => ({
        fromUs: fromUs + removalUs,
        // Nobody comes back.
        toUs: toUs + flightUs,
      }));
    });
    return [...unwanted, ...out]
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
