// The sender key of one cast: sealed once for each subscriber, whatever the number of stripes. Who has it, and when another one is due.
import { hex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreesIo } from './io.ts';
import { KEY_LIFE_MS, KEY_ROUTES, ROTATE_EVERY_MS } from './limits.ts';

const KEY_BYTES = 32;

export class OwnKey {
  /** Its name: the first tree of the cast, whose casts it seals as it is. */
  readonly tree: number;
  id: number;
  key: Uint8Array;
  /** Of several stripes. */
  isShared = false;
  /** Something may have been sent under it. */
  isUsed = false;
  readonly #io: TreesIo;
  #bornMono: number;
  /** Box keys to which it was sealed, by subscriber. */
  readonly #keyed = new Map<Origin, string>();
  readonly #holders = new Set<Origin>();
  /** Sealed to, and not heard of since. */
  readonly #unconfirmed = new Set<Origin>();
  /** Of the present plan: trees that bring it to each. */
  readonly #routes = new Map<Origin, number>();

  constructor(io: TreesIo, tree: number, nowMono: number) {
    this.#io = io;
    this.tree = tree;
    this.id = new DataView(io.random.bytes(4).slice().buffer).getUint32(0);
    this.key = io.random.bytes(KEY_BYTES);
    this.#bornMono = nowMono;
  }

  /** Earliest time of another key. */
  get rotateMono(): number {
    return this.#bornMono + ROTATE_EVERY_MS;
  }

  get expiresMono(): number {
    return this.#bornMono + KEY_LIFE_MS;
  }

  /** Who could read what is sent now: all that ever got the present key. */
  readers(): Iterable<Origin> {
    return this.#holders;
  }

  /** From the next epochs on another key is used, and only their subscribers get it. */
  rotate(nowMono: number): void {
    this.id = (this.id + 1) >>> 0;
    this.key = this.#io.random.bytes(KEY_BYTES);
    this.#bornMono = nowMono;
    this.isUsed = false;
    this.#keyed.clear();
    this.#unconfirmed.clear();
    this.#holders.clear();
  }

  /** Who may not read any more has no use of what it knows. Returns when that is to be looked at again; Infinity: it need not be. */
  renew(nowMono: number, receivers: readonly Origin[], mayHear: (origin: Origin) => boolean): number {
    const now = new Set(receivers);
    const lost = [...this.#holders].filter((origin) => !now.has(origin) && !mayHear(origin));
    // A removed member shall read nothing more; those who only lost a right wait for others.
    const isRemoved = lost.some((origin) => this.#io.peerHandle(origin) === null);
    const isDue = this.rotateMono <= nowMono || isRemoved;
    if (this.expiresMono <= nowMono || (lost.length > 0 && isDue)) this.rotate(nowMono);
    else if (lost.length > 0) return this.rotateMono;
    return Infinity;
  }

  isKeyed(origin: Origin): boolean {
    const known = this.#keyed.get(origin);
    const presence = this.#io.presence(origin);
    return known !== undefined && presence !== undefined && known === hex(presence.boxKey);
  }

  /** A plan is made: its trees share out who gets the key by which. Who is no subscriber any more gets it anew should it come back. */
  begin(subscribers: ReadonlySet<Origin>): void {
    this.#routes.clear();
    for (const origin of this.#keyed.keys()) if (!subscribers.has(origin)) this.#keyed.delete(origin);
  }

  /** Whether the asking tree brings it, too. Once it is used each brings it by itself, for each knows from which sequence on it may be read. */
  claim(origin: Origin): boolean {
    const routes = this.#routes.get(origin) ?? 0;
    if (!this.isUsed && routes >= KEY_ROUTES) return false;
    this.#routes.set(origin, routes + 1);
    return true;
  }

  sealed(origin: Origin, boxKey: Uint8Array): void {
    this.#keyed.set(origin, hex(boxKey));
    this.#holders.add(origin);
    this.#unconfirmed.add(origin);
  }

  /** It stands in a stripe that brought it the key. */
  confirmed(origin: Origin): void {
    this.#unconfirmed.delete(origin);
  }

  /** A round is over: who stands nowhere is to get the key once more. */
  settle(): void {
    for (const origin of this.#unconfirmed) this.#keyed.delete(origin);
    this.#unconfirmed.clear();
  }

  /** It cannot read: it gets the key again with the next epoch. */
  unread(origin: Origin): void {
    this.#keyed.delete(origin);
  }
}
