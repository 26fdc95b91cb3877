// Trees of others: verifies what their origins describe, takes its place in them, passes them on, says upwards what stands below.
import { hex, unhex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import {
  encodeDescription,
  encodeTreeMessage,
  treeEndSigned,
  treeSigned,
  type TreeDescription,
  type TreeMessage,
} from '../../wire/messages/tree.ts';
import { Bucket } from '../guard/bucket.ts';
import { Backups } from './backups.ts';
import { CastKeys } from './cast-keys.ts';
import { configOf } from './config.ts';
import { Delivery, type AckMessage, type KeysMessage } from './delivery.ts';
import { Farewells } from './farewells.ts';
import { FollowedTrees, type Followed } from './followed.ts';
import type { TreesIo } from './io.ts';
import { REPORTS_BURST, REPORTS_PER_SECOND, TREE_LIFE_MS } from './limits.ts';
import { Offers, type OfferMessage } from './offers.ts';
import { castOf } from './secrets.ts';
import { isNewer, Shape } from './shape.ts';
import { sayAck, Word } from './word.ts';

/** An origin that is offline this long has gone. */
const ORIGIN_GONE_MS = 30_000;
/** Reminders are passed on at most so often. */
const REMIND_EVERY_MS = 30_000;

type Verdict = 'ok' | 'bad';

export class Follower {
  readonly #io: TreesIo;
  readonly #self: Origin;
  readonly #networkId: Uint8Array;
  readonly #trees = new FollowedTrees();
  readonly #offers: Offers;
  readonly #keys: CastKeys;
  readonly #count: (what: string) => void;

  constructor(io: TreesIo, self: Origin, networkId: Uint8Array, count: (what: string) => void) {
    this.#io = io;
    this.#self = self;
    this.#networkId = networkId;
    this.#count = count;
    this.#offers = new Offers(count);
    this.#keys = new CastKeys(io, self, networkId, count);
  }

  // ---- messages --------------------------------------------------------------------------------------------------------------

  hear(nowMono: number, from: Origin, message: TreeMessage): Verdict {
    if (message.type === 'treeOffer') return this.#onOffer(nowMono, from, message);
    const tree = this.#trees.get(message);
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
    const known = this.#trees.get(message);
    const before = known?.shape.description;
    if (this.#trees.isOld(message)) return this.#ignored('stale');
    const offer = this.#offers.take(nowMono, from, message, before);
    if (offer === 'more') return 'ok';
    if (offer === 'limited') return this.#ignored('limited');
    if (offer === 'bad') return this.#refused('malformed');
    if (offer === 'want') {
      const { origin, start, tree, epoch } = message;
      sayAck(this.#io, from, { origin, start, tree, epoch, what: 'want', failed: [] });
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
    if (!this.#trees.hasRoom(shape, known)) return this.#ignored('full');
    for (const old of this.#trees.ofOlderStarts(offer.description)) this.#forget(old);
    this.#follow(nowMono, from, this.#trees.get(message), shape, offer, message.waitMs);
    return 'ok';
  }

  /** Whether its origin may send to all of its groups. */
  #mayRun({ origin, groups }: TreeDescription): boolean {
    return groups.every((group) => this.#io.maySpeak(origin, group));
  }

  /** The same epoch once more: the parent wants to know how it stands, or says that it still does. */
  #again(nowMono: number, from: Origin, tree: Followed, signature: Uint8Array): Verdict {
    if (from !== tree.parent) return this.#refused('misrouted');
    if (hex(signature) !== hex(tree.delivery.signature)) return this.#refused('forged');
    tree.expiresMono = nowMono + TREE_LIFE_MS;
    tree.word.again();
    this.#report(nowMono, tree);
    if (nowMono - tree.remindedMono >= REMIND_EVERY_MS) {
      tree.remindedMono = nowMono;
      tree.delivery.remind(nowMono);
    }
    return 'ok';
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
    const subscribes = shape.subscribes(this.#self);
    const feeds = this.#io.conduct().relays;
    const { delta, signature } = offer;
    const known = (child: Origin): boolean => before?.shape.node(child) !== undefined;
    const delivery = new Delivery(this.#io, {
      ...{ self: this.#self, shape, signature, deadlineMono: nowMono + waitMs },
      delta: delta && { bytes: delta, known },
    });
    const tree: Followed = {
      ...{ shape, parent, delivery, feeds, left: this.#hasLeft(shape), config: '' },
      word: new Word(this.#io, this.#self, parent, shape, nowMono + waitMs),
      expiresMono: nowMono + TREE_LIFE_MS,
      remindedMono: nowMono,
      seenOnline: this.#io.isOnline(shape.description.origin),
      backups: before?.backups ?? new Backups(this.#io, this.#self, nowMono),
      farewells: before?.farewells ?? new Farewells(),
      reports: before?.reports ?? new Bucket(REPORTS_BURST, REPORTS_PER_SECOND, nowMono),
    };
    this.#trees.put(tree);
    tree.farewells.change(nowMono, before?.delivery.children() ?? [], shape);
    // Who only would pass on, but does not, has no part in it.
    if (subscribes || feeds) this.#configure(tree);
    if (feeds) delivery.begin(nowMono);
    this.#keys.use(shape);
    tree.backups.change(nowMono, shape);
    this.#report(nowMono, tree);
    this.#io.changed();
  }

  /** Nothing that comes by this tree is wanted here any more. */
  #hasLeft(shape: Shape): boolean {
    const { origin, groups } = shape.description;
    return shape.subscribes(this.#self) && !groups.some((group) => this.#io.wants(origin, group));
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
    if (from !== tree.parent || message.keyId !== tree.shape.description.keyId) return this.#refused('misrouted');
    if (!this.#offers.allowed(nowMono, message.origin)) return this.#ignored('limited');
    if (!this.#keys.verify(message)) return this.#refused('forged');
    if (this.#keys.open(tree.shape, message)) this.#serveOthers(nowMono, tree);
    if (tree.feeds) tree.delivery.passKeys(message, message.keys);
    this.#report(nowMono, tree);
    return 'ok';
  }

  /** The other stripes of the cast waited for the same key. */
  #serveOthers(nowMono: number, by: Followed): void {
    for (const tree of this.#trees.ofCast(castOf(by.shape.description)))
      if (this.#keys.use(tree.shape)) this.#report(nowMono, tree);
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
    this.#forget(tree);
    return 'ok';
  }

  /** The origin's word, whoever brings it: those below hear of it, too. */
  #onEnd(nowMono: number, tree: Followed, message: Extract<TreeMessage, { type: 'treeEnd' }>): Verdict {
    const { origin, epoch } = message;
    if (!this.#offers.allowed(nowMono, origin)) return this.#ignored('limited');
    if (!this.#io.verify(origin, treeEndSigned(this.#networkId, message), message.signature))
      return this.#refused('forged');
    for (const child of this.#below(tree)) this.#io.send(child, encodeTreeMessage(message));
    this.#forget(tree, epoch);
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

  #report(nowMono: number, tree: Followed): void {
    tree.word.stands(nowMono, this.#keys.lacks(tree.shape), tree.feeds ? tree.delivery : null);
  }

  /** The data plane moved to a backup by itself, or found none. */
  parentLost(nowMono: number, origin: Origin, id: number, now: Origin | null): void {
    const tree = this.#trees.get({ origin, tree: id });
    if (!tree) return;
    // Nobody with a session took this node in: all who may are called.
    if (now === null) tree.backups.all(tree.shape);
    if (tree.reports.take(nowMono)) tree.word.lost(now);
  }

  // ---- what happens ----------------------------------------------------------------------------------------------------------

  up(nowMono: number, origin: Origin): void {
    for (const tree of this.#trees.all()) {
      if (tree.feeds) tree.delivery.up(nowMono, origin);
      if (origin === tree.parent) this.#report(nowMono, tree);
    }
  }

  down(nowMono: number, origin: Origin): void {
    this.#offers.forget(origin);
    for (const tree of this.#trees.all()) {
      if (tree.feeds) tree.delivery.down(nowMono, origin);
      // What it was told may be lost with the session.
      if (origin === tree.parent) tree.word.again();
      else tree.backups.down(origin, tree.shape);
    }
  }

  /** Who belongs and who is online has changed. */
  membersChanged(nowMono: number): void {
    for (const tree of this.#trees.all()) {
      const { origin } = tree.shape.description;
      const mayRun = this.#mayRun(tree.shape.description);
      if (!mayRun) this.#count('no-right');
      if (this.#io.peerHandle(origin) === null || !mayRun) this.#forget(tree);
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
    for (const tree of this.#trees.all()) {
      const left = this.#hasLeft(tree.shape);
      if (left === tree.left) continue;
      tree.left = left;
      if (tree.config !== '') this.#configure(tree);
    }
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const { word, expiresMono, backups, delivery, farewells, feeds } of this.#trees.all()) {
      next = Math.min(next, expiresMono, word.nextMono, backups.nextMono, farewells.nextMono);
      if (feeds) next = Math.min(next, delivery.graceMono);
    }
    return next;
  }

  tick(nowMono: number): void {
    for (const tree of this.#trees.all()) {
      for (const to of tree.farewells.take(nowMono)) this.#sayDrop(tree, to);
      if (tree.expiresMono <= nowMono) {
        this.#expire(tree);
        continue;
      }
      tree.backups.tick(nowMono, tree.shape);
      const gone = tree.feeds && tree.delivery.giveUp(nowMono);
      if (gone || tree.word.nextMono <= nowMono) this.#report(nowMono, tree);
    }
  }

  /** Nothing says that it still stands. Should its origin think so, it hears otherwise, and may offer the same epoch again. */
  #expire(tree: Followed): void {
    this.#count('expired');
    this.#forget(tree, (tree.shape.description.epoch - 1) & 0xffff);
    tree.word.refuse();
  }

  #sayDrop(tree: Followed, to: Origin): void {
    const { origin, start, tree: id, epoch } = tree.shape.description;
    this.#io.send(to, encodeTreeMessage({ type: 'treeDrop', origin, start, tree: id, epoch }));
  }

  /** `last`: no epoch up to this one brings it back. */
  #forget(tree: Followed, last = tree.shape.description.epoch): void {
    const { description } = tree.shape;
    this.#trees.end(tree, last);
    this.#keys.forget(description, this.#trees.ofCast(castOf(description)).length === 0);
    this.#io.dropTree(unhex(description.origin), description.tree);
    this.#io.changed();
  }

  /** The own part in all of them ends, without a word: the sessions end, too. */
  clear(): void {
    for (const tree of [...this.#trees.all()]) this.#forget(tree);
  }

  get size(): number {
    return this.#trees.size;
  }

  shapes(): Shape[] {
    return [...this.#trees.all()].map(({ shape }) => shape);
  }
}
