// Trees of others: verifies what their origins describe, takes its place in them, passes them on, says upwards what stands below.
import { hex, unhex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import {
  ACK_FAILED_MAX,
  castKeyAad,
  castKeySigned,
  encodeDescription,
  encodeTreeMessage,
  NODE_SUBSCRIBES,
  treeEndSigned,
  treeSigned,
  type TreeDescription,
  type TreeFailure,
  type TreeMessage,
  type TreeName,
} from '../../wire/messages/tree.ts';
import { Bucket } from '../guard/bucket.ts';
import { configOf } from './config.ts';
import { Delivery, type KeysMessage } from './delivery.ts';
import { Farewells } from './farewells.ts';
import type { CastKey, TreesIo } from './io.ts';
import {
  BACKUPS_AFTER_MS,
  BACKUPS_MAX,
  BACKUPS_READY,
  READY_ORIGIN_KBPS,
  FOLLOWED_MAX,
  FOLLOWED_NODES_MAX,
  FOLLOWED_PER_ORIGIN_MAX,
  REPORTS_BURST,
  REPORTS_PER_SECOND,
  TREE_LIFE_MS,
} from './limits.ts';
import { Offers, type OfferMessage } from './offers.ts';
import { castOf, Secrets } from './secrets.ts';
import { isNewer, Shape } from './shape.ts';

/** An origin that is offline this long has gone. */
const ORIGIN_GONE_MS = 30_000;
/** Reminders are passed on at most so often. */
const REMIND_EVERY_MS = 30_000;
const KEYS_KEPT = 4;
const ENDED_MAX = 4_096;

interface Followed {
  shape: Shape;
  parent: Origin;
  delivery: Delivery;
  /** Passes on to its children. */
  feeds: boolean;
  /** Does not want any more what it subscribed to. */
  left: boolean;
  /** Of sender keys that the data plane has. */
  keys: number[];
  /** The parent is told by then at the latest; Infinity: it was. */
  dueMono: number;
  /** What the parent was told last; empty: nothing of this epoch. */
  told: string;
  expiresMono: number;
  remindedMono: number;
  reports: Bucket;
  /** Its first backups are called then; Infinity: they were. */
  readyMono: number;
  farewells: Farewells;
  /** As the data plane has it. */
  config: string;
  /** Its origin has been online since it is followed. */
  seenOnline: boolean;
}

type Verdict = 'ok' | 'bad';

export class Follower {
  readonly #io: TreesIo;
  readonly #self: Origin;
  readonly #networkId: Uint8Array;
  readonly #trees = new Map<string, Followed>();
  readonly #offers: Offers;
  readonly #secrets: Secrets;
  /** Where trees ended, the oldest first: nobody brings their old epochs back. */
  readonly #ended = new Map<string, { start: number; epoch: number }>();
  readonly #count: (what: string) => void;

  constructor(io: TreesIo, self: Origin, networkId: Uint8Array, count: (what: string) => void) {
    this.#io = io;
    this.#self = self;
    this.#networkId = networkId;
    this.#count = count;
    this.#offers = new Offers(count);
    this.#secrets = new Secrets(io);
  }

  // ---- messages --------------------------------------------------------------------------------------------------------------

  hear(nowMono: number, from: Origin, message: TreeMessage): Verdict {
    if (message.type === 'treeOffer') return this.#onOffer(nowMono, from, message);
    const tree = this.#trees.get(keyOf(message));
    if (!tree || tree.shape.description.start !== message.start) return this.#ignored('unknown-tree');
    if (message.type === 'treeEnd') return this.#onEnd(nowMono, tree, message);
    if (message.type === 'treeDrop') return this.#onDrop(from, tree, message.epoch);
    if (message.type === 'treeAck' && message.what === 'lost') return this.#onLost(nowMono, from, tree, message);
    if (message.epoch !== tree.shape.description.epoch) return this.#ignored('stale');
    if (message.type === 'treeKeys') return this.#onKeys(nowMono, from, tree, message);
    if (!tree.delivery.has(from)) return this.#refused('no-child');
    if (message.what === 'want') tree.delivery.wants(nowMono, from);
    else tree.delivery.acked(from, message.failed);
    this.#report(nowMono, tree);
    return 'ok';
  }

  #ignored(what: string): Verdict {
    this.#count(what);
    return 'ok';
  }

  #refused(what: string): Verdict {
    this.#count(what);
    return 'bad';
  }

  #onOffer(nowMono: number, from: Origin, message: OfferMessage): Verdict {
    if (message.origin === this.#self) return this.#refused('own-tree');
    // The record of a new member may still be on its way.
    if (this.#io.peerHandle(message.origin) === null) return this.#ignored('unknown-origin');
    const known = this.#trees.get(keyOf(message));
    const before = known?.shape.description;
    if (this.#isOld(before, message)) return this.#ignored('stale');
    const offer = this.#offers.take(nowMono, from, message, before);
    if (offer === 'more') return 'ok';
    if (offer === 'limited') return this.#ignored('limited');
    if (offer === 'bad') return this.#refused('malformed');
    if (offer === 'want') {
      this.#say(from, { ...nameOf(message), what: 'want', failed: [] });
      return 'ok';
    }
    const again = known && before?.start === message.start && before.epoch === message.epoch;
    if (again) return this.#again(nowMono, from, known, offer.signature);
    const shape = Shape.of(offer.description);
    if (!shape) return this.#refused('no-tree');
    if (shape.parentOf(this.#self) !== from) return this.#refused('misrouted');
    const signed = treeSigned(this.#networkId, encodeDescription(offer.description));
    if (!this.#io.verify(message.origin, signed, offer.signature)) return this.#refused('forged');
    // Signed by its origin, so whoever brings it is not at fault; without this node's help it goes no further.
    if (!this.#mayRun(offer.description)) return this.#ignored('no-right');
    if (!this.#room(shape, known)) return this.#ignored('full');
    this.#forgetOlderStarts(offer.description);
    this.#follow(nowMono, from, this.#trees.get(keyOf(message)), shape, offer, message.waitMs);
    return 'ok';
  }

  /** Whether its origin may send to all of its groups. */
  #mayRun({ origin, groups }: TreeDescription): boolean {
    return groups.every((group) => this.#io.maySpeak(origin, group));
  }

  #isOld(before: TreeDescription | undefined, { start, epoch, origin, tree }: OfferMessage): boolean {
    if (before?.start === start) return before.epoch !== epoch && !isNewer(epoch, before.epoch);
    const ended = this.#ended.get(`${origin} ${tree}`);
    if (!before && ended?.start === start && !isNewer(epoch, ended.epoch)) return true;
    // Any tree of a later start of its origin tells that this one is from before.
    for (const { shape } of this.#trees.values())
      if (shape.description.origin === origin && shape.description.start > start) return true;
    return false;
  }

  /** The same epoch once more: the parent wants to know how it stands, or says that it still does. */
  #again(nowMono: number, from: Origin, tree: Followed, signature: Uint8Array): Verdict {
    if (from !== tree.parent) return this.#refused('misrouted');
    if (hex(signature) !== hex(tree.delivery.signature)) return this.#refused('forged');
    tree.expiresMono = nowMono + TREE_LIFE_MS;
    tree.told = '';
    this.#report(nowMono, tree);
    if (nowMono - tree.remindedMono >= REMIND_EVERY_MS) {
      tree.remindedMono = nowMono;
      tree.delivery.remind(nowMono);
    }
    return 'ok';
  }

  #room(shape: Shape, known: Followed | undefined): boolean {
    let nodes = shape.description.nodes.length - (known?.shape.description.nodes.length ?? 0);
    let ofOrigin = known ? 0 : 1;
    for (const tree of this.#trees.values()) {
      nodes += tree.shape.description.nodes.length;
      if (tree.shape.description.origin === shape.description.origin) ofOrigin++;
    }
    const count = this.#trees.size + (known ? 0 : 1);
    return count <= FOLLOWED_MAX && ofOrigin <= FOLLOWED_PER_ORIGIN_MAX && nodes <= FOLLOWED_NODES_MAX;
  }

  #forgetOlderStarts({ origin, start }: TreeDescription): void {
    for (const [key, tree] of this.#trees) {
      const { description } = tree.shape;
      if (description.origin === origin && description.start < start) this.#forget(key, tree);
    }
  }

  /** Takes its place in a verified epoch. */
  #follow(
    nowMono: number,
    parent: Origin,
    before: Followed | undefined,
    shape: Shape,
    offer: { signature: Uint8Array; delta: Uint8Array | null },
    waitMs: number,
  ): void {
    const subscribes = this.#subscribes(shape);
    const feeds = this.#io.conduct().relays;
    const { delta, signature } = offer;
    const known = (child: Origin): boolean => before?.shape.node(child) !== undefined;
    const delivery = new Delivery(this.#io, {
      ...{ self: this.#self, shape, signature, deadlineMono: nowMono + waitMs },
      delta: delta && { bytes: delta, known },
    });
    const tree: Followed = {
      ...{ shape, parent, delivery, feeds, left: this.#hasLeft(shape), told: '', config: '' },
      keys: before?.keys ?? [],
      dueMono: nowMono + waitMs,
      expiresMono: nowMono + TREE_LIFE_MS,
      remindedMono: nowMono,
      seenOnline: this.#io.isOnline(shape.description.origin),
      readyMono: before?.readyMono ?? this.#readyMono(nowMono),
      farewells: before?.farewells ?? new Farewells(),
      reports: before?.reports ?? new Bucket(REPORTS_BURST, REPORTS_PER_SECOND, nowMono),
    };
    this.#trees.set(keyOf(shape.description), tree);
    tree.farewells.change(nowMono, before?.delivery.children() ?? [], shape);
    // Who only would pass on, but does not, has no part in it.
    if (subscribes || feeds) this.#configure(tree);
    if (feeds) delivery.begin(nowMono);
    this.#useKey(tree);
    if (tree.readyMono <= nowMono) tree.readyMono = Infinity;
    if (tree.readyMono === Infinity) this.#ready(shape, BACKUPS_READY);
    this.#report(nowMono, tree);
    this.#io.changed();
  }

  /** When the first backups of a new tree are called. */
  #readyMono(nowMono: number): number {
    if (this.#io.conduct().uplinkKBps === 0) return nowMono;
    const { least, most } = BACKUPS_AFTER_MS;
    const [high, low] = this.#io.random.bytes(2) as unknown as [number, number];
    return nowMono + least + Math.floor(((most - least) * (256 * high + low)) / 65_536);
  }

  /** Calls the first backups. */
  #ready(shape: Shape, count: number): void {
    const { origin } = shape.description;
    const uplinkKBps = this.#io.presence(origin)?.uplinkKBps ?? 0;
    const spared = count === BACKUPS_READY && uplinkKBps > 0 && uplinkKBps < READY_ORIGIN_KBPS ? origin : null;
    for (const [place, backup] of shape.backupsOf(this.#self).slice(0, count).entries())
      if (!this.#io.isUp(backup) && (place === 0 || backup !== spared)) this.#io.connect(backup);
  }

  #subscribes(shape: Shape): boolean {
    return ((shape.node(this.#self)?.flags ?? 0) & NODE_SUBSCRIBES) !== 0;
  }

  /** Nothing that comes by this tree is wanted here any more. */
  #hasLeft(shape: Shape): boolean {
    const { origin, groups } = shape.description;
    return this.#subscribes(shape) && !groups.some((group) => this.#io.wants(origin, group));
  }

  #configure(tree: Followed): void {
    const config = configOf(this.#io, this.#self, tree.shape, tree);
    const text = JSON.stringify(config);
    // Without a parent it would be the origin.
    if (config.parent === null || text === tree.config) return;
    tree.config = text;
    this.#io.setTree(config);
  }

  #onKeys(nowMono: number, from: Origin, tree: Followed, message: KeysMessage): Verdict {
    const { description } = tree.shape;
    if (from !== tree.parent || message.keyId !== description.keyId) return this.#refused('misrouted');
    const { origin, start, tree: id, keyId, lowest, keyHash } = message;
    const name = { origin, start, tree: id };
    if (!this.#offers.allowed(nowMono, origin)) return this.#ignored('limited');
    const signed = castKeySigned(this.#networkId, name, { keyId, lowest, keyHash });
    if (!this.#io.verify(origin, signed, message.signature)) return this.#refused('forged');
    const own = message.keys.find((key) => key.origin === this.#self);
    if (own && this.#subscribes(tree.shape)) {
      const sealed = Uint8Array.from([...message.ephemeral, ...own.sealed]);
      const key = this.#io.openBox(sealed, castKeyAad(this.#networkId, name, keyId, this.#self));
      if (!key || hex(this.#io.hash(key)) !== hex(keyHash)) this.#count('sealed');
      else {
        this.#install(tree, this.#secrets.derive(description, { id: keyId, key, lowest }));
        // Nothing was sent under it yet, so it opens all stripes.
        if (lowest === 0) this.#secrets.keep(castOf(description), { id: keyId, key });
        this.#serveOthers(nowMono, tree);
      }
    }
    if (tree.feeds) tree.delivery.passKeys(message, message.keys);
    this.#report(nowMono, tree);
    return 'ok';
  }

  /** True when the key of the present epoch is there now, by another stripe of its cast. */
  #useKey(tree: Followed): boolean {
    const { description } = tree.shape;
    const lacks = this.#subscribes(tree.shape) && !tree.keys.includes(description.keyId);
    const key = lacks ? this.#secrets.keyOf(description) : null;
    if (key) this.#install(tree, key);
    return key !== null;
  }

  #install(tree: Followed, key: CastKey): void {
    this.#io.setCastKey(key);
    tree.keys = [...tree.keys.filter((known) => known !== key.id), key.id].slice(-KEYS_KEPT);
  }

  /** The other stripes of the cast waited for the same key. */
  #serveOthers(nowMono: number, by: Followed): void {
    const cast = castOf(by.shape.description);
    for (const tree of this.#trees.values())
      if (castOf(tree.shape.description) === cast && this.#useKey(tree)) this.#report(nowMono, tree);
  }

  #onDrop(from: Origin, tree: Followed, epoch: number): Verdict {
    const { description } = tree.shape;
    if (isNewer(description.epoch, epoch)) return this.#ignored('stale');
    // Who was its parent an epoch ago says so late.
    if (from !== tree.parent) return this.#ignored('misrouted');
    // A parent's word does not cut off who wants to hear: should it feed no more, the data plane takes another by itself.
    const { origin, groups } = description;
    if (from !== origin && groups.some((group) => this.#io.wants(origin, group))) return this.#ignored('kept');
    for (const child of this.#below(tree)) this.#sayDrop(tree, child);
    this.#forget(keyOf(description), tree);
    return 'ok';
  }

  /** The origin's word, whoever brings it: those below hear of it, too. */
  #onEnd(nowMono: number, tree: Followed, message: Extract<TreeMessage, { type: 'treeEnd' }>): Verdict {
    const { origin, epoch } = message;
    if (!this.#offers.allowed(nowMono, origin)) return this.#ignored('limited');
    if (!this.#io.verify(origin, treeEndSigned(this.#networkId, message), message.signature))
      return this.#refused('forged');
    for (const child of this.#below(tree)) this.#io.send(child, encodeTreeMessage(message));
    this.#forget(keyOf(message), tree, epoch);
    return 'ok';
  }

  #below(tree: Followed): Set<Origin> {
    return new Set([...tree.delivery.children(), ...tree.farewells.all()]);
  }

  /** Somebody below lost its parent: the origin shall know. */
  #onLost(nowMono: number, from: Origin, tree: Followed, message: AckMessage): Verdict {
    // It may know another epoch.
    if (tree.shape.node(from) === undefined) return this.#ignored('misrouted');
    if (!tree.reports.take(nowMono)) return this.#ignored('limited');
    this.#io.send(tree.parent, encodeTreeMessage(message));
    return 'ok';
  }

  // ---- upwards ---------------------------------------------------------------------------------------------------------------

  #say(to: Origin, ack: Omit<AckMessage, 'type'>): boolean {
    return this.#io.send(to, encodeTreeMessage({ type: 'treeAck', ...ack }));
  }

  #failures(tree: Followed): TreeFailure[] {
    const failed: TreeFailure[] = [];
    const { keyId } = tree.shape.description;
    if (this.#subscribes(tree.shape) && !tree.keys.includes(keyId)) failed.push({ origin: this.#self, code: 'noKey' });
    if (!tree.feeds && tree.shape.childrenOf(this.#self).length > 0)
      failed.push({ origin: this.#self, code: 'refused' });
    else failed.push(...tree.delivery.failures());
    return failed.slice(0, ACK_FAILED_MAX);
  }

  /** When the subtree has settled or time is up, and later whenever something changed. */
  #report(nowMono: number, tree: Followed): void {
    const failed = this.#failures(tree);
    const settled = !tree.feeds || tree.delivery.settled;
    const complete = settled && !failed.some(({ origin, code }) => origin === this.#self && code === 'noKey');
    if (!complete && nowMono < tree.dueMono) return;
    tree.dueMono = -Infinity;
    const text = JSON.stringify(failed);
    if (tree.told === text) return;
    const { origin, start, tree: id, epoch } = tree.shape.description;
    if (this.#say(tree.parent, { origin, start, tree: id, epoch, what: 'stands', failed })) tree.told = text;
  }

  /** The data plane moved to a backup by itself, or found none. */
  parentLost(nowMono: number, origin: Origin, id: number, now: Origin | null): void {
    const tree = this.#trees.get(`${origin} ${id}`);
    if (!tree) return;
    // Nobody with a session took this node in: all who may are called.
    if (now === null) this.#ready(tree.shape, BACKUPS_MAX);
    if (!tree.reports.take(nowMono)) return;
    const { start, epoch } = tree.shape.description;
    const failed: TreeFailure[] = [{ origin: this.#self, code: 'lost' }];
    for (const to of [origin, now, tree.parent])
      if (to !== null && this.#say(to, { origin, start, tree: id, epoch, what: 'lost', failed })) return;
  }

  // ---- what happens ----------------------------------------------------------------------------------------------------------

  up(nowMono: number, origin: Origin): void {
    for (const tree of this.#trees.values()) {
      if (tree.feeds) tree.delivery.up(nowMono, origin);
      if (origin === tree.parent) this.#report(nowMono, tree);
    }
  }

  down(nowMono: number, origin: Origin): void {
    this.#offers.forget(origin);
    for (const tree of this.#trees.values()) {
      if (tree.feeds) tree.delivery.down(nowMono, origin);
      // What it was told may be lost with the session.
      if (origin === tree.parent) tree.told = '';
      else if (tree.shape.backupsOf(this.#self).slice(0, BACKUPS_READY).includes(origin)) this.#io.connect(origin);
    }
  }

  /** Who belongs and who is online has changed. */
  membersChanged(nowMono: number): void {
    for (const [key, tree] of this.#trees) {
      const { origin } = tree.shape.description;
      const mayRun = this.#mayRun(tree.shape.description);
      if (!mayRun) this.#count('no-right');
      if (this.#io.peerHandle(origin) === null || !mayRun) this.#forget(key, tree);
      else {
        const isOnline = this.#io.isOnline(origin);
        // One that was offline when its offer came has only not been heard of yet: the offer was newer than that.
        if (!isOnline && tree.seenOnline) tree.expiresMono = Math.min(tree.expiresMono, nowMono + ORIGIN_GONE_MS);
        else if (isOnline && tree.expiresMono <= nowMono + ORIGIN_GONE_MS) tree.expiresMono = nowMono + TREE_LIFE_MS;
        tree.seenOnline ||= isOnline;
        if (tree.config !== '') this.#configure(tree);
      }
    }
  }

  /** The host's own wishes have changed. */
  groupsChanged(): void {
    for (const tree of this.#trees.values()) {
      const left = this.#hasLeft(tree.shape);
      if (left === tree.left) continue;
      tree.left = left;
      if (tree.config !== '') this.#configure(tree);
    }
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const { dueMono, expiresMono, readyMono, delivery, farewells, feeds } of this.#trees.values()) {
      next = Math.min(next, expiresMono, readyMono, farewells.nextMono, feeds ? delivery.graceMono : Infinity);
      if (dueMono !== -Infinity) next = Math.min(next, dueMono);
    }
    return next;
  }

  tick(nowMono: number): void {
    for (const [key, tree] of this.#trees) {
      for (const to of tree.farewells.take(nowMono)) this.#sayDrop(tree, to);
      if (tree.expiresMono <= nowMono) {
        this.#expire(key, tree);
        continue;
      }
      if (tree.readyMono <= nowMono) {
        tree.readyMono = Infinity;
        this.#ready(tree.shape, BACKUPS_READY);
      }
      const gone = tree.feeds && tree.delivery.giveUp(nowMono);
      if (gone || (tree.dueMono !== -Infinity && tree.dueMono <= nowMono)) this.#report(nowMono, tree);
    }
  }

  /** Nothing says that it still stands. Should its origin think so, it hears otherwise, and may offer the same epoch again. */
  #expire(key: string, tree: Followed): void {
    this.#count('expired');
    const { origin, start, tree: id, epoch } = tree.shape.description;
    this.#forget(key, tree);
    this.#ended.set(key, { start, epoch: (epoch - 1) & 0xffff });
    const failed: TreeFailure[] = [{ origin: this.#self, code: 'refused' }];
    this.#say(tree.parent, { origin, start, tree: id, epoch, what: 'stands', failed });
  }

  #sayDrop(tree: Followed, to: Origin): void {
    const { origin, start, tree: id, epoch } = tree.shape.description;
    this.#io.send(to, encodeTreeMessage({ type: 'treeDrop', origin, start, tree: id, epoch }));
  }

  /** `last`: no epoch up to this one brings it back. */
  #forget(key: string, tree: Followed, last = tree.shape.description.epoch): void {
    const { origin, tree: id, start } = tree.shape.description;
    this.#trees.delete(key);
    this.#ended.delete(key);
    this.#ended.set(key, { start, epoch: last });
    if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.keys().next().value as string);
    const cast = castOf(tree.shape.description);
    if (![...this.#trees.values()].some(({ shape }) => castOf(shape.description) === cast)) this.#secrets.forget(cast);
    this.#io.dropTree(unhex(origin), id);
    this.#io.changed();
  }

  /** The own part in all of them ends, without a word: the sessions end, too. */
  clear(): void {
    for (const [key, tree] of [...this.#trees]) this.#forget(key, tree);
  }

  get size(): number {
    return this.#trees.size;
  }

  shapes(): Shape[] {
    return [...this.#trees.values()].map(({ shape }) => shape);
  }
}

type AckMessage = Extract<TreeMessage, { type: 'treeAck' }>;

const keyOf = ({ origin, tree }: { origin: Origin; tree: number }): string => `${origin} ${tree}`;
const nameOf = ({ origin, start, tree, epoch }: OfferMessage): TreeName => ({ origin, start, tree, epoch });
