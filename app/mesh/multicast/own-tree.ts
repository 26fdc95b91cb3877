// One tree of the own device: its epochs, its sender key, who has which key.
import { hex, unhex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import {
  castKeyAad,
  castKeySigned,
  encodeDescription,
  encodeOffer,
  encodeTreeMessage,
  KEYS_PER_MESSAGE_MAX,
  NODE_ADOPTS,
  NODE_SUBSCRIBES,
  treeEndSigned,
  treeSigned,
  type KeyHead,
  type SealedKey,
  type TreeHead,
} from '../../wire/messages/tree.ts';
import { configOf } from './config.ts';
import { Delivery } from './delivery.ts';
import { Farewells } from './farewells.ts';
import type { TreesIo } from './io.ts';
import { ROTATE_EVERY_MS, KEY_LIFE_MS } from './limits.ts';
import type { PlannedTree } from './plan-types.ts';
import { describe, difference, Shape } from './shape.ts';

const KEY_BYTES = 32;

export interface OwnTreeStart {
  io: TreesIo;
  self: Origin;
  networkId: Uint8Array;
  /** Of the engine; grows over restarts. */
  start: number;
  tree: number;
  /** What its casts are signed with; null: they are not. */
  signer: Uint8Array | null;
  nowMono: number;
}

export class OwnTree {
  readonly tree: number;
  readonly #start: OwnTreeStart;
  #epoch = 0;
  #keyId: number;
  #key: Uint8Array;
  #keyMono: number;
  /** The key is not in use yet, so its sequences begin at 0. */
  #keyFresh = true;
  /** Box keys to which the present key was sealed, by subscriber. */
  readonly #keyed = new Map<Origin, string>();
  readonly #holders = new Set<Origin>();
  #toSeal: Origin[] = [];
  /** Sealed to, and not heard of since. */
  readonly #unconfirmed = new Set<Origin>();
  /** Of the active epoch. */
  #activeKey: { id: number; key: Uint8Array } | null = null;
  /** What packets take now. */
  active: Delivery | null = null;
  /** What was offered last, and does not carry yet. */
  offered: Delivery | null = null;
  /** As the data plane has it. */
  #configured = '';
  readonly #farewells = new Farewells();

  constructor(start: OwnTreeStart) {
    this.#start = start;
    this.tree = start.tree;
    this.#keyId = new DataView(start.io.random.bytes(4).slice().buffer).getUint32(0);
    this.#key = start.io.random.bytes(KEY_BYTES);
    this.#keyMono = start.nowMono;
  }

  /** The newest description, whether or not it carries already. */
  get latest(): Delivery | null {
    return this.offered ?? this.active;
  }

  get epoch(): number {
    return this.active?.shape.description.epoch ?? 0;
  }

  /** Parents in the newest description. */
  parents(): Map<Origin, Origin> {
    const shape = this.latest?.shape;
    return new Map(shape?.description.nodes.map(({ origin }) => [origin, shape.parentOf(origin) as Origin]) ?? []);
  }

  /** Earliest time of another key. */
  get rotateMono(): number {
    return this.#keyMono + ROTATE_EVERY_MS;
  }

  get keyExpired(): number {
    return this.#keyMono + KEY_LIFE_MS;
  }

  /** Who could read what is sent now: all that ever got the present key. */
  readers(): Iterable<Origin> {
    return this.#holders;
  }

  /** From the next epoch on another key is used, and only its subscribers get it. */
  rotate(nowMono: number): void {
    this.#keyId = (this.#keyId + 1) >>> 0;
    this.#key = this.#start.io.random.bytes(KEY_BYTES);
    this.#keyMono = nowMono;
    this.#keyFresh = true;
    this.#keyed.clear();
    this.#holders.clear();
    this.#unconfirmed.clear();
  }

  /** It said that it cannot read: it gets the key again with the next epoch. */
  unread(origin: Origin): void {
    this.#keyed.delete(origin);
  }

  /** Makes an epoch of a plan and hands it down. `rateCounts`: another rate alone is worth one; `settleMs`: the time that it has to stand. False: nothing differs from the newest one. */
  offer(
    nowMono: number,
    plan: PlannedTree,
    subscribers: ReadonlySet<Origin>,
    head: Pick<TreeHead, 'repair' | 'rate' | 'groups'>,
    round: { rateCounts: boolean; settleMs: number },
  ): boolean {
    const { io, self, start, signer } = this.#start;
    const nodes = new Map<Origin, { parent: Origin; flags: number }>();
    for (const [origin, parent] of plan.parents) {
      const flags = (subscribers.has(origin) ? NODE_SUBSCRIBES : 0) | (plan.spare.has(origin) ? NODE_ADOPTS : 0);
      nodes.set(origin, { parent, flags });
    }
    const epoch = (this.#epoch + 1) & 0xffff;
    const description = describe(
      { ...{ origin: self, start, tree: this.tree, epoch, keyId: this.#keyId }, ...head, ...(signer && { signer }) },
      nodes,
    );
    const shape = description && Shape.of(description);
    if (!description || !shape) return false;
    const fresh = [...nodes.keys()].filter((origin) => subscribers.has(origin) && !this.#isKeyed(origin));
    const before = this.latest?.shape.description;
    const changes = before && difference(before, description);
    const same = changes && changes.gone.length === 0 && changes.set.length === 0 && fresh.length === 0;
    const sameRate = !round.rateCounts || before?.rate === head.rate;
    if (same && sameRate && before.keyId === this.#keyId && before.repair === head.repair) return false;
    this.#epoch = epoch;
    const bytes = encodeDescription(description);
    const signature = io.sign(treeSigned(this.#start.networkId, bytes));
    const { nodes: _, ...own } = description;
    const delta = changes && encodeOffer({ form: 'delta', head: own, base: before.epoch, ...changes, signature });
    const places = new Set(before?.nodes.map(({ origin }) => origin));
    // Who comes back is not told of its end any more; whom only a failed round took in, is.
    this.#farewells.change(nowMono, this.offered?.children() ?? [], shape);
    this.offered = new Delivery(io, {
      ...{ self, shape, signature, deadlineMono: nowMono + round.settleMs },
      // Differences that are longer than the whole are none.
      delta: delta && delta.length < bytes.length ? { bytes: delta, known: (child) => places.has(child) } : null,
    });
    for (const origin of this.#keyed.keys()) if (!subscribers.has(origin)) this.#keyed.delete(origin);
    this.#toSeal = fresh;
    this.offered.begin(nowMono);
    return true;
  }

  #isKeyed(origin: Origin): boolean {
    const known = this.#keyed.get(origin);
    const presence = this.#start.io.presence(origin);
    return known !== undefined && presence !== undefined && known === hex(presence.boxKey);
  }

  /** A round is over: who does not stand is to get the key once more. */
  confirm(stands: (origin: Origin) => boolean): void {
    for (const origin of this.#unconfirmed) if (!stands(origin)) this.#keyed.delete(origin);
    this.#unconfirmed.clear();
  }

  get sealing(): boolean {
    return this.#toSeal.length > 0;
  }

  /** Seals the key for at most `count` subscribers and sends it on its way. Returns for how many. */
  seal(count: number): number {
    const delivery = this.latest;
    if (!delivery || this.#toSeal.length === 0) return 0;
    const { io, self, start, networkId } = this.#start;
    const turn = this.#toSeal.splice(0, Math.min(count, KEYS_PER_MESSAGE_MAX));
    const secret = io.random.bytes(KEY_BYTES);
    const name = { origin: self, start, tree: this.tree };
    const keys: SealedKey[] = [];
    let ephemeral: Uint8Array | null = null;
    for (const origin of turn) {
      const boxKey = io.presence(origin)?.boxKey;
      if (!boxKey) continue;
      const sealed = io.sealBox(boxKey, secret, this.#key, castKeyAad(networkId, name, this.#keyId, origin));
      ephemeral = sealed.subarray(0, KEY_BYTES);
      keys.push({ origin, sealed: sealed.subarray(KEY_BYTES) });
      this.#keyed.set(origin, hex(boxKey));
      this.#unconfirmed.add(origin);
      this.#holders.add(origin);
    }
    if (ephemeral) delivery.passKeys({ ...this.#keyHead(name), ephemeral }, keys);
    return turn.length;
  }

  #keyHead(name: { origin: Origin; start: number; tree: number }): KeyHead {
    const { io, networkId } = this.#start;
    const lowest = this.#keyFresh ? 0 : io.sequence(this.tree);
    const head = { keyId: this.#keyId, lowest, keyHash: io.hash(this.#key) };
    return { ...head, signature: io.sign(castKeySigned(networkId, name, head)) };
  }

  /** Packets take the offered epoch from now on. */
  switch(nowMono: number): void {
    const { io } = this.#start;
    const next = this.offered;
    if (!next) return;
    const before = this.active;
    this.active = next;
    this.offered = null;
    this.#keyFresh = false;
    this.#activeKey = { id: this.#keyId, key: this.#key };
    this.configure();
    this.#farewells.change(nowMono, before?.children() ?? [], next.shape);
    io.changed();
  }

  /** Tells the data plane of the active epoch, once more when a peer's handle has changed. */
  configure(): void {
    const { io, self } = this.#start;
    if (!this.active || !this.#activeKey) return;
    const config = configOf(io, self, this.active.shape, undefined, this.#activeKey);
    const text = JSON.stringify({ ...config, key: config.key?.id });
    if (text === this.#configured) return;
    this.#configured = text;
    io.setTree(config);
  }

  nextDeadline(): number {
    return this.#farewells.nextMono;
  }

  tick(nowMono: number): void {
    for (const to of this.#farewells.take(nowMono)) this.#sayDrop(to);
  }

  #sayDrop(to: Origin): void {
    const { io, self, start } = this.#start;
    io.send(to, encodeTreeMessage({ type: 'treeDrop', origin: self, start, tree: this.tree, epoch: this.#epoch }));
  }

  #sayEnd(children: Iterable<Origin>): void {
    const { io, self, start, networkId } = this.#start;
    const name = { origin: self, start, tree: this.tree, epoch: this.#epoch };
    const message = encodeTreeMessage({ type: 'treeEnd', ...name, signature: io.sign(treeEndSigned(networkId, name)) });
    for (const child of children) io.send(child, message);
  }

  /** The end of the tree. */
  drop(): void {
    const { io, self } = this.#start;
    const children = new Set([...(this.active?.children() ?? []), ...(this.offered?.children() ?? [])]);
    for (const to of this.#farewells.all()) children.add(to);
    if (children.size > 0) this.#sayEnd(children);
    if (this.active) io.dropTree(unhex(self), this.tree);
    io.changed();
  }
}
