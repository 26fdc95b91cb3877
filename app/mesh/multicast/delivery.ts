// One epoch on its way to the children of a node, and their word about what stands below them.
import type { Origin } from '../../wire/messages/presence.ts';
import {
  encodeOffer,
  encodeTreeMessage,
  OFFER_PART_BYTES_MAX,
  type KeyHead,
  type SealedKey,
  type TreeFailure,
  type TreeMessage,
} from '../../wire/messages/tree.ts';
import type { TreesIo } from './io.ts';
import { CHILD_GRACE_MS, SETTLE_HOP_MS, SETTLE_HOP_SHARE, SETTLE_HOP_SHARE_STRIPES, SETTLE_MIN_MS } from './limits.ts';
import type { Shape } from './shape.ts';

type DeliveryIo = Pick<TreesIo, 'send' | 'connect' | 'isUp' | 'peerHandle' | 'rttMs'>;
export type AckMessage = Extract<TreeMessage, { type: 'treeAck' }>;
export type KeysMessage = Extract<TreeMessage, { type: 'treeKeys' }>;

interface Child {
  /** What it gets first; `none`: it has the offer. */
  due: 'full' | 'delta' | 'none';
  acked: boolean;
  failed: TreeFailure[];
  /** Not acknowledged yet, so sent again on a new session. */
  keys: Uint8Array[];
  /** Its session is gone since. */
  downMono: number;
  lost: boolean;
}

export interface DeliveryStart {
  self: Origin;
  shape: Shape;
  /** The origin's, over the description. */
  signature: Uint8Array;
  /** An encoded offer of the differences, and who seems to know what they build on: asked at once, never later. */
  delta: { bytes: Uint8Array; known(child: Origin): boolean } | null;
  /** Word from all children is expected by then. */
  deadlineMono: number;
}

export class Delivery {
  readonly shape: Shape;
  readonly deadlineMono: number;
  readonly signature: Uint8Array;
  readonly #io: DeliveryIo;
  /** Not all of the start: what it can ask leads to the epoch before, and that one to all others. */
  readonly #delta: Uint8Array | null;
  readonly #children = new Map<Origin, Child>();
  #full: Uint8Array | null = null;

  constructor(io: DeliveryIo, start: DeliveryStart) {
    this.#io = io;
    this.#delta = start.delta?.bytes ?? null;
    this.shape = start.shape;
    this.deadlineMono = start.deadlineMono;
    this.signature = start.signature;
    for (const origin of start.shape.childrenOf(start.self)) {
      const due = start.delta?.known(origin) ? 'delta' : 'full';
      this.#children.set(origin, { due, acked: false, failed: [], keys: [], downMono: Infinity, lost: false });
    }
  }

  /** Calls and tells all children. */
  begin(nowMono: number): void {
    for (const [origin, child] of this.#children) {
      if (this.#io.isUp(origin)) this.#tell(nowMono, origin, child);
      else this.#io.connect(origin);
    }
  }

  has(origin: Origin): boolean {
    return this.#children.has(origin);
  }

  /** It has not said how it is below it. */
  awaits(origin: Origin): boolean {
    return this.#children.get(origin)?.acked === false;
  }

  children(): Origin[] {
    return [...this.#children.keys()];
  }

  /** A session with somebody came up: it may be one of them, perhaps begun anew. */
  up(nowMono: number, origin: Origin): void {
    const child = this.#children.get(origin);
    if (!child) return;
    child.downMono = Infinity;
    if (child.due !== 'none') return this.#tell(nowMono, origin, child);
    this.#offer(nowMono, origin, this.#reminder());
    for (const bytes of child.keys) this.#io.send(origin, bytes);
  }

  down(nowMono: number, origin: Origin): void {
    const child = this.#children.get(origin);
    if (!child) return;
    child.downMono = nowMono;
    this.#io.connect(origin);
  }

  /** True when a child that was away too long is given up now. */
  giveUp(nowMono: number): boolean {
    let changed = false;
    for (const child of this.#children.values()) {
      if (child.lost || nowMono < child.downMono + CHILD_GRACE_MS) continue;
      child.lost = true;
      changed = true;
    }
    return changed;
  }

  /** When `giveUp` has something to do. */
  get graceMono(): number {
    let next = Infinity;
    for (const child of this.#children.values())
      if (!child.lost) next = Math.min(next, child.downMono + CHILD_GRACE_MS);
    return next;
  }

  /** A child speaks for its own subtree only. */
  acked(origin: Origin, said: readonly TreeFailure[]): void {
    const child = this.#children.get(origin);
    if (!child) return;
    const failed = said.filter((failure) => this.#above(failure.origin) === origin);
    Object.assign(child, { acked: true, lost: false, failed, due: 'none', keys: [] });
  }

  /** It does not know what the differences build on. */
  wants(nowMono: number, origin: Origin): void {
    const child = this.#children.get(origin);
    if (!child) return;
    child.due = 'full';
    this.#tell(nowMono, origin, child);
  }

  /** Each key goes to the child above its subscriber; those of others are left out. */
  passKeys(head: KeyHead & Pick<KeysMessage, 'ephemeral'>, keys: readonly SealedKey[]): void {
    const byChild = new Map<Origin, SealedKey[]>();
    for (const key of keys) {
      const child = this.#above(key.origin);
      if (child === null) continue;
      const there = byChild.get(child);
      if (there) there.push(key);
      else byChild.set(child, [key]);
    }
    const { origin, start, tree, epoch } = this.shape.description;
    for (const [name, part] of byChild) {
      const child = this.#children.get(name) as Child;
      const { keyId, lowest, keyHash, signature, ephemeral } = head;
      const message: KeysMessage = {
        ...{ type: 'treeKeys', origin, start, tree, epoch },
        ...{ keyId, lowest, keyHash, signature, ephemeral, keys: part },
      };
      const bytes = encodeTreeMessage(message);
      child.keys.push(bytes);
      if (child.due === 'none') this.#io.send(name, bytes);
    }
  }

  #above(origin: Origin): Origin | null {
    for (let at: Origin | undefined = origin; at !== undefined; at = this.shape.parentOf(at))
      if (this.#children.has(at)) return at;
    return null;
  }

  /** Says to all children that the epoch still stands. */
  remind(nowMono: number): void {
    for (const [origin, child] of this.#children)
      if (child.due === 'none') this.#offer(nowMono, origin, this.#reminder());
  }

  #tell(nowMono: number, origin: Origin, child: Child): void {
    const bytes = child.due === 'delta' && this.#delta ? this.#delta : this.#whole();
    if (!this.#offer(nowMono, origin, bytes)) return;
    child.due = 'none';
    for (const keys of child.keys) this.#io.send(origin, keys);
  }

  #whole(): Uint8Array {
    const { signature } = this;
    this.#full ??= encodeOffer({ form: 'full', description: this.shape.description, signature });
    return this.#full;
  }

  /** No differences from itself. */
  #reminder(): Uint8Array {
    const { nodes: _, ...head } = this.shape.description;
    return encodeOffer({ form: 'delta', head, base: head.epoch, gone: [], set: [], signature: this.signature });
  }

  #offer(nowMono: number, to: Origin, bytes: Uint8Array): boolean {
    const { origin, start, tree, epoch, keyTree } = this.shape.description;
    // Its word has to be back in time: the offer's way there and the answer's back are not its own time.
    const leftMs = this.deadlineMono - nowMono;
    const share = keyTree === undefined ? SETTLE_HOP_SHARE : SETTLE_HOP_SHARE_STRIPES;
    const hopMs = Math.max(SETTLE_HOP_MS, share * leftMs) + (this.#io.rttMs(to) ?? 0);
    const waitMs = Math.max(SETTLE_MIN_MS, Math.round(leftMs - hopMs));
    const parts = Math.ceil(bytes.length / OFFER_PART_BYTES_MAX);
    for (let part = 0; part < parts; part++) {
      const piece = bytes.subarray(part * OFFER_PART_BYTES_MAX, (part + 1) * OFFER_PART_BYTES_MAX);
      const message = { type: 'treeOffer', origin, start, tree, epoch, waitMs, part, parts, bytes: piece } as const;
      if (!this.#io.send(to, encodeTreeMessage(message))) return false;
    }
    return true;
  }

  /** All children have said how it is below them, or are given up. */
  get settled(): boolean {
    for (const child of this.#children.values()) if (!child.acked && !child.lost) return false;
    return true;
  }

  /** Tops of the subtrees that do not stand, as far as known now. */
  failures(): TreeFailure[] {
    const all: TreeFailure[] = [];
    for (const [origin, child] of this.#children) {
      if (!child.acked || child.lost) all.push({ origin, code: 'unreachable' });
      else all.push(...child.failed);
    }
    return all;
  }
}
