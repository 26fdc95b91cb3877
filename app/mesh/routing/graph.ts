// Which members say to have lasting sessions with which, under small numbers: what follows from it is computed anew after every change.
import { FEATURE_RELAYS, PRESENCE_NEIGHBOURS_MAX, type Origin, type Presence } from '../../wire/messages/presence.ts';

/** Numbers fit 16 bits; members beyond are in no graph. */
export const GRAPH_MEMBERS_MAX = 0xffff;

/** A statement's age is told in whole seconds at each hop: of two that are no further apart, neither is the later. Milliseconds. */
export const TOGETHER_MS = 5_000;

type Said = Pick<Presence, 'origin' | 'off' | 'features' | 'neighbours' | 'relayed'>;

const SAID = 1;
const OFF = 2;
const CONSENTS = 4;
const STRIDE = PRESENCE_NEIGHBOURS_MAX;
const ROOM_FIRST = 16;

const grown = <T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(larger: T, old: T): T => {
  larger.set(old);
  return larger;
};

/**
 * Numbers belong to members: what statements say of others is left out until they are members, too. Work for a change grows with the
 * statement, work for a question with the part of the graph that it looks at.
 */
export class Graph {
  readonly #numbers = new Map<Origin, number>();
  readonly #names: Origin[] = [];
  readonly #free: number[] = [];
  #room = 0;
  #flags = new Uint8Array(0);
  #counts = new Uint8Array(0);
  /** When the newest statement was made, on the own monotonic clock, in ms. */
  #born = new Float64Array(0);
  /** Where the links of a member are: of most in a large network nothing is ever heard. 0: nowhere. */
  #rows = new Uint16Array(0);
  #rowCount = 1;
  /** `STRIDE` for each row: numbers of the member's neighbours, in the order of its statement. */
  #links = new Uint16Array(0);
  /** Bit n: neighbour n is reached through others. */
  #relayed = new Uint16Array(0);
  /** Who claims a direct link that stands to whom, as offsets into `#claimants`. Made when first asked for after a change. */
  #offsets = new Uint32Array(1);
  #claimants = new Uint16Array(0);
  #claimsKnown = false;
  /** Numbers seen in the search with this stamp. */
  #seen = new Uint32Array(0);
  #stamp = 0;

  /** Numbers lie below it. */
  get size(): number {
    return this.#names.length;
  }

  /** Of members. */
  get count(): number {
    return this.#numbers.size;
  }

  /** Of members, in the order in which they were added. */
  origins(): IterableIterator<Origin> {
    return this.#numbers.keys();
  }

  /** -1: no member. */
  number(origin: Origin): number {
    return this.#numbers.get(origin) ?? -1;
  }

  name(number: number): Origin {
    return this.#names[number] as Origin;
  }

  /** True when it was none: then statements that name it are to be said again. */
  add(origin: Origin): boolean {
    if (this.#numbers.has(origin) || this.#numbers.size >= GRAPH_MEMBERS_MAX) return false;
    const number = this.#free.pop() ?? this.#names.length;
    this.#names[number] = origin;
    this.#numbers.set(origin, number);
    if (number >= this.#room) this.#grow();
    this.#flags[number] = this.#counts[number] = 0;
    this.#claimsKnown = false;
    return true;
  }

  #grow(): void {
    this.#room = Math.max(ROOM_FIRST, this.#room * 2);
    this.#flags = grown(new Uint8Array(this.#room), this.#flags);
    this.#counts = grown(new Uint8Array(this.#room), this.#counts);
    this.#born = grown(new Float64Array(this.#room), this.#born);
    this.#rows = grown(new Uint16Array(this.#room), this.#rows);
    this.#relayed = grown(new Uint16Array(this.#room), this.#relayed);
    this.#seen = grown(new Uint32Array(this.#room), this.#seen);
  }

  /** Where the links of a member start. */
  #start(number: number): number {
    return (this.#rows[number] as number) * STRIDE;
  }

  /** The same, where they are to be written; who has a number later goes on with its row. */
  #startFor(number: number): number {
    if (this.#rows[number] === 0) {
      this.#rows[number] = this.#rowCount++;
      const rows = this.#links.length / STRIDE;
      if (this.#rowCount > rows)
        this.#links = grown(new Uint16Array(Math.max(ROOM_FIRST, rows * 2) * STRIDE), this.#links);
    }
    return this.#start(number);
  }

  remove(origin: Origin): void {
    const number = this.number(origin);
    if (number < 0) return;
    this.#numbers.delete(origin);
    this.#names[number] = '';
    this.#free.push(number);
    this.silent(origin);
    for (let other = 0; other < this.size; other++) this.#unlink(other, number);
  }

  #unlink(other: number, number: number): void {
    const count = this.#counts[other] as number;
    const start = this.#start(other);
    for (let place = 0; place < count; place++) {
      if (this.#links[start + place] !== number) continue;
      this.#links.copyWithin(start + place, start + place + 1, start + count);
      const mask = this.#relayed[other] as number;
      const below = mask & ((1 << place) - 1);
      this.#relayed[other] = below | ((mask >> (place + 1)) << place);
      this.#counts[other] = count - 1;
      return;
    }
  }

  /** The newest statement of a member, made at `bornMono`. */
  say({ origin, off, features, neighbours, relayed }: Said, bornMono: number): void {
    const number = this.number(origin);
    if (number < 0) return;
    const start = this.#startFor(number);
    let count = 0;
    let mask = 0;
    for (const neighbour of neighbours) {
      const other = this.number(neighbour);
      if (other < 0 || count === STRIDE) continue;
      if (relayed.length > 0 && relayed.includes(neighbour)) mask |= 1 << count;
      this.#links[start + count++] = other;
    }
    this.#counts[number] = count;
    this.#relayed[number] = mask;
    this.#born[number] = bornMono;
    const consents = !off && (features & FEATURE_RELAYS) !== 0;
    this.#flags[number] = SAID | (off ? OFF : 0) | (consents ? CONSENTS : 0);
    this.#claimsKnown = false;
  }

  /** Nothing is known of the member any more. */
  silent(origin: Origin): void {
    const number = this.number(origin);
    if (number >= 0) this.#flags[number] = this.#counts[number] = 0;
    this.#claimsKnown = false;
  }

  /** It passes frames on, and has the network on. */
  consents(number: number): boolean {
    return ((this.#flags[number] as number) & CONSENTS) !== 0;
  }

  // ---- searches --------------------------------------------------------------------------------------------------------------

  /** Forgets which numbers were seen. */
  search(): void {
    this.#stamp = (this.#stamp + 1) >>> 0;
    if (this.#stamp !== 0) return;
    this.#seen.fill(0);
    this.#stamp = 1;
  }

  /** Marks a number; false: it was marked in this search before. */
  see(number: number): boolean {
    if (this.#seen[number] === this.#stamp) return false;
    this.#seen[number] = this.#stamp;
    return true;
  }

  saw(number: number): boolean {
    return this.#seen[number] === this.#stamp;
  }

  /** Appends to `found` the unseen ends of links that both ends claim and keep on, and marks them; `except`: passed over. */
  spread(from: number, found: number[], except: (number: number) => boolean): void {
    const start = this.#start(from);
    const end = start + (this.#counts[from] as number);
    for (let at = start; at < end; at++) {
      const other = this.#links[at] as number;
      if (this.saw(other) || ((this.#flags[other] as number) & (SAID | OFF)) !== SAID) continue;
      if (!this.#claims(other, from) || except(other)) continue;
      this.see(other);
      found.push(other);
    }
  }

  /** Somebody claims a link with it that it claims, too. */
  isHeld(number: number): boolean {
    const start = this.#start(number);
    const end = start + (this.#counts[number] as number);
    for (let at = start; at < end; at++) if (this.#claims(this.#links[at] as number, number)) return true;
    return false;
  }

  #claims(number: number, other: number): boolean {
    const start = this.#start(number);
    const end = start + (this.#counts[number] as number);
    for (let at = start; at < end; at++) if (this.#links[at] === other) return true;
    return false;
  }

  /**
   * A link that one end alone claims is new, or over. The later word counts: else those whose neighbour is gone would pass on to each
   * other what is meant for it, for its last statement names them all.
   */
  #stands(from: number, other: number): boolean {
    if (((this.#flags[other] as number) & SAID) === 0 || this.#claims(other, from)) return true;
    return (this.#born[other] as number) - (this.#born[from] as number) <= TOGETHER_MS;
  }

  /** Calls `each` with all at the other ends of direct links that stand; some may come twice. */
  around(number: number, each: (other: number) => void): void {
    const start = this.#start(number);
    const count = this.#counts[number] as number;
    const mask = this.#relayed[number] as number;
    for (let place = 0; place < count; place++) {
      const other = this.#links[start + place] as number;
      if ((mask & (1 << place)) === 0 && this.#stands(number, other)) each(other);
    }
    if (!this.#claimsKnown) this.#collect();
    const end = this.#offsets[number + 1] as number;
    for (let at = this.#offsets[number] as number; at < end; at++) each(this.#claimants[at] as number);
  }

  /** Turns the links around. */
  #collect(): void {
    this.#claimsKnown = true;
    const { size } = this;
    if (this.#offsets.length < size + 2) this.#offsets = new Uint32Array(this.#room + 2);
    const offsets = this.#offsets.fill(0);
    let total = 0;
    this.#eachDirect((_, end) => {
      offsets[end + 2] = (offsets[end + 2] ?? 0) + 1;
      total++;
    });
    if (this.#claimants.length < total) this.#claimants = new Uint16Array(total + this.#room);
    for (let number = 2; number < size + 2; number++)
      offsets[number] = (offsets[number] as number) + (offsets[number - 1] as number);
    // What is one place further on is where the next claimant goes; it ends as the end of each list.
    this.#eachDirect((from, end) => {
      const at = offsets[end + 1] as number;
      this.#claimants[at] = from;
      offsets[end + 1] = at + 1;
    });
  }

  #eachDirect(each: (from: number, end: number) => void): void {
    for (let from = 0; from < this.size; from++) {
      const count = this.#counts[from] as number;
      const mask = this.#relayed[from] as number;
      const start = this.#start(from);
      for (let place = 0; place < count; place++) {
        const end = this.#links[start + place] as number;
        if ((mask & (1 << place)) === 0 && this.#stands(from, end)) each(from, end);
      }
    }
  }
}
