// What an origin has learned of edges and nodes that fail: for a while it plans around them.
import type { Origin } from '../../wire/messages/presence.ts';
import { BANS_MAX, EDGE_BAN_MAX_MS, EDGE_BAN_MS, GONE_MS, MISSING_MAX_MS, MISSING_MS, WEAK_MS } from './limits.ts';

interface Missing {
  /** Who did not reach it lately. */
  parents: Set<string>;
  /** Left out of plans until then; -Infinity: not left out. */
  untilMono: number;
  tries: number;
  /** It had stood, and this was its newest statement when it failed first: who is gone says nothing more. Null: it never stood. */
  stoodSeq: number | null;
}

/** Of whom something is held against, its engine's run then; it has been offline since. */
interface Life {
  run: string;
  left: boolean;
}

/** Parents that must have failed before it is the node's own fault. */
const PARENTS_FAILED = 2;

export class Bans {
  readonly #edges = new Map<string, number>();
  readonly #weak = new Map<Origin, number>();
  readonly #missing = new Map<Origin, Missing>();
  readonly #lives = new Map<Origin, Life>();
  /** Who was reached, and is not known to have been away since. */
  readonly #stood = new Map<Origin, true>();
  readonly #runOf: (origin: Origin) => string;
  readonly #seqOf: (origin: Origin) => number;

  /** `runOf`: what differs between two runs of a member's engine; `seqOf`: its newest statement. */
  constructor(runOf: (origin: Origin) => string, seqOf: (origin: Origin) => number) {
    this.#runOf = runOf;
    this.#seqOf = seqOf;
  }

  /** `parent` could not reach `child`. */
  unreachable(nowMono: number, parent: Origin, child: Origin): void {
    // Longer the more parents failed: otherwise the nearest few that never work would be tried in turn for ever.
    const ms = Math.min(EDGE_BAN_MAX_MS, EDGE_BAN_MS * 2 ** (this.#missing.get(child)?.tries ?? 0));
    put(this.#edges, `${parent} ${child}`, nowMono + ms);
    // Whoever is hard to reach does not feed others.
    this.weak(nowMono, child, EDGE_BAN_MS);
    this.#fail(nowMono, child, parent);
  }

  /** It was reached, but could not open its key: perhaps its newest statement is still on its way. */
  keyless(nowMono: number, origin: Origin): void {
    this.#fail(nowMono, origin, `${origin} ${this.#missing.get(origin)?.parents.size ?? 0}`);
  }

  #fail(nowMono: number, child: Origin, how: string): void {
    const stoodSeq = this.#stood.has(child) ? this.#seqOf(child) : null;
    const missing = this.#missing.get(child) ?? { parents: new Set(), untilMono: -Infinity, tries: 0, stoodSeq };
    missing.parents.add(how);
    if (missing.parents.size >= PARENTS_FAILED || missing.tries > 0) {
      const ms = missing.stoodSeq === null ? MISSING_MS : GONE_MS;
      missing.untilMono = nowMono + Math.min(MISSING_MAX_MS, ms * 2 ** missing.tries++);
      missing.parents.clear();
    }
    put(this.#missing, child, missing);
    this.#remember(child);
  }

  #remember(origin: Origin): void {
    if (!this.#lives.has(origin)) put(this.#lives, origin, { run: this.#runOf(origin), left: false });
  }

  /** The child gets nothing from that parent. */
  silent(nowMono: number, parent: Origin, child: Origin): void {
    put(this.#edges, `${parent} ${child}`, nowMono + EDGE_BAN_MS);
  }

  weak(nowMono: number, origin: Origin, ms = WEAK_MS): void {
    this.#remember(origin);
    put(this.#weak, origin, Math.max(this.#weak.get(origin) ?? 0, nowMono + ms));
  }

  /** It was reached. */
  stands(origin: Origin): void {
    this.#missing.delete(origin);
    put(this.#stood, origin, true);
  }

  get anyMissing(): boolean {
    return this.#missing.size > 0;
  }

  isBarred(nowMono: number, parent: Origin, child: Origin): boolean {
    return this.#edges.size > 0 && (this.#edges.get(`${parent} ${child}`) ?? 0) > nowMono;
  }

  isWeak(nowMono: number, origin: Origin): boolean {
    return (this.#weak.get(origin) ?? 0) > nowMono;
  }

  isMissing(nowMono: number, origin: Origin): boolean {
    return (this.#missing.get(origin)?.untilMono ?? -Infinity) > nowMono;
  }

  /** Who came back, or was started anew, is not judged by what was before. True when somebody who seemed gone has spoken, and may be tried now. */
  lookAgain(isOnline: (origin: Origin) => boolean): boolean {
    for (const [origin, life] of this.#lives) {
      if (!isOnline(origin)) life.left = true;
      else if (life.left || life.run !== this.#runOf(origin)) this.#forget(origin);
    }
    let spoke = false;
    for (const [origin, missing] of this.#missing) {
      if (missing.stoodSeq === null || this.#seqOf(origin) <= missing.stoodSeq) continue;
      [missing.stoodSeq, missing.untilMono, missing.tries] = [null, -Infinity, 0];
      this.#stood.delete(origin);
      spoke = true;
    }
    return spoke;
  }

  #forget(origin: Origin): void {
    this.#stood.delete(origin);
    this.#lives.delete(origin);
    this.#missing.delete(origin);
    this.#weak.delete(origin);
    for (const edge of this.#edges.keys()) if (edge.split(' ').includes(origin)) this.#edges.delete(edge);
  }

  /** When somebody is to be tried again; Infinity: nobody. */
  retryMono(nowMono: number): number {
    let next = Infinity;
    for (const { untilMono } of this.#missing.values()) if (untilMono > nowMono) next = Math.min(next, untilMono);
    return next;
  }

  /** Forgets what is over, and members that are none any more. */
  tidy(nowMono: number, isMember: (origin: Origin) => boolean): void {
    for (const [edge, until] of this.#edges) if (until <= nowMono) this.#edges.delete(edge);
    for (const [origin, until] of this.#weak) if (until <= nowMono) this.#weak.delete(origin);
    for (const origin of this.#missing.keys()) if (!isMember(origin)) this.#missing.delete(origin);
    for (const origin of this.#lives.keys())
      if (!this.#missing.has(origin) && !this.#weak.has(origin)) this.#lives.delete(origin);
  }
}

/** The oldest goes when there are too many. */
function put<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > BANS_MAX) map.delete(map.keys().next().value as K);
}
