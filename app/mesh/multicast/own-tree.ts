// One tree of the own device: its epochs, and the sender key on its way down.
import { unhex } from '../../wire/messages/hex.ts';
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
import type { OwnKey } from './own-key.ts';
import type { PlannedTree } from './plan-types.ts';
import { describe, difference, Shape } from './shape.ts';
import { stripeKey } from './stripe-key.ts';

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
  /** Of all trees of the cast. */
  key: OwnKey;
}

export class OwnTree {
  readonly tree: number;
  readonly #start: OwnTreeStart;
  #epoch = 0;
  /** Who gets the key by this tree, and did not yet. */
  #toSeal: Origin[] = [];
  /** Who got it by this tree since the last round. */
  readonly #sealed = new Set<Origin>();
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
    if (start.key.tree !== start.tree) start.key.isShared = true;
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

  /** Of several stripes 0 says that nothing was sent under the key yet, in none of them. */
  get #lowest(): number {
    const { io, key } = this.#start;
    return key.isUsed ? Math.max(key.isShared ? 1 : 0, io.sequence(this.tree)) : 0;
  }

  /** Makes an epoch of a plan and hands it down. `rateCounts`: another rate alone is worth one; `settleMs`: the time that it has to stand. False: nothing differs from the newest one. */
  offer(
    nowMono: number,
    plan: PlannedTree,
    subscribers: ReadonlySet<Origin>,
    head: Pick<TreeHead, 'repair' | 'rate' | 'groups'>,
    round: { rateCounts: boolean; settleMs: number },
  ): boolean {
    const { io, self, start, signer, key } = this.#start;
    const nodes = new Map<Origin, { parent: Origin; flags: number }>();
    for (const [origin, parent] of plan.parents) {
      const flags = (subscribers.has(origin) ? NODE_SUBSCRIBES : 0) | (plan.spare.has(origin) ? NODE_ADOPTS : 0);
      nodes.set(origin, { parent, flags });
    }
    const epoch = (this.#epoch + 1) & 0xffff;
    const shared = key.tree !== this.tree && { keyTree: key.tree };
    const description = describe(
      {
        ...{ origin: self, start, tree: this.tree, epoch, keyId: key.id },
        ...head,
        ...shared,
        ...(signer && { signer }),
      },
      nodes,
    );
    const shape = description && Shape.of(description);
    if (!description || !shape) return false;
    const subscribing = [...nodes.keys()].filter((origin) => subscribers.has(origin));
    const fresh = subscribing.filter((origin) => !key.isKeyed(origin) && key.claim(origin));
    const before = this.latest?.shape.description;
    const changes = before && difference(before, description);
    const same = changes && changes.gone.length === 0 && changes.set.length === 0 && fresh.length === 0;
    const sameRate = !round.rateCounts || before?.rate === head.rate;
    if (same && sameRate && before.keyId === key.id && before.repair === head.repair) return false;
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
    this.#toSeal = fresh;
    this.offered.begin(nowMono);
    return true;
  }

  /** A round is over. */
  confirm(stands: (origin: Origin) => boolean): void {
    for (const origin of this.#sealed) if (stands(origin)) this.#start.key.confirmed(origin);
    this.#sealed.clear();
  }

  get sealing(): boolean {
    return this.#toSeal.length > 0;
  }

  /** Seals the key for at most `count` subscribers and sends it on its way. Returns for how many. */
  seal(count: number): number {
    const delivery = this.latest;
    if (!delivery || this.#toSeal.length === 0) return 0;
    const { io, self, start, networkId, key } = this.#start;
    const turn = this.#toSeal.splice(0, Math.min(count, KEYS_PER_MESSAGE_MAX));
    const secret = io.random.bytes(KEY_BYTES);
    const name = { origin: self, start, tree: this.tree };
    const keys: SealedKey[] = [];
    let ephemeral: Uint8Array | null = null;
    for (const origin of turn) {
      const boxKey = io.presence(origin)?.boxKey;
      if (!boxKey) continue;
      const sealed = io.sealBox(boxKey, secret, key.key, castKeyAad(networkId, name, key.id, origin));
      ephemeral = sealed.subarray(0, KEY_BYTES);
      keys.push({ origin, sealed: sealed.subarray(KEY_BYTES) });
      key.sealed(origin, boxKey);
      this.#sealed.add(origin);
    }
    if (ephemeral) delivery.passKeys({ ...this.#keyHead(name), ephemeral }, keys);
    return turn.length;
  }

  #keyHead(name: { origin: Origin; start: number; tree: number }): KeyHead {
    const { io, networkId, key } = this.#start;
    const head = { keyId: key.id, lowest: this.#lowest, keyHash: io.hash(key.key) };
    return { ...head, signature: io.sign(castKeySigned(networkId, name, head)) };
  }

  /** Packets take the offered epoch from now on. */
  switch(nowMono: number): void {
    const { io, key } = this.#start;
    const next = this.offered;
    if (!next) return;
    const before = this.active;
    this.active = next;
    this.offered = null;
    key.isUsed = true;
    this.#activeKey = { id: key.id, key: key.tree === this.tree ? key.key : stripeKey(io, key.key, this.tree) };
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
