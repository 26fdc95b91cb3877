// All trees of one network that this device has a part in: its own casts, and those of others. Sans-IO; time is an argument.
import { hex } from '../../wire/messages/hex.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import { NODE_SUBSCRIBES, type TreeMessage } from '../../wire/messages/tree.ts';
import { Atlas } from '../coordinates/atlas.ts';
import { Bans } from './bans.ts';
import { Cast, type CastIo } from './cast.ts';
import { Follower } from './follower.ts';
import type { TreesIo } from './io.ts';
import { CASTS_MAX, TREE_LINGER_MS } from './limits.ts';
import { Patience } from './patience.ts';
import type { Shape } from './shape.ts';

/** Own trees of one start: their numbers are not used twice. */
const TREES_MAX = 0xffff;

export interface TreesStart {
  networkId: Uint8Array;
  self: Origin;
  /** Grows with every start of the engine; about its wall clock in ms, u48. */
  start: number;
}

export interface OwnTreeView {
  tree: number;
  epoch: number;
  groups: string[];
  receivers: number;
  /** Receivers for whom no member had uplink to spare. */
  unserved: number;
  depth: number;
  /** Most children of any node. */
  degree: number;
  /** The own copies. */
  copies: number;
  /** Nodes that pass on without receiving. */
  relays: number;
  /** Parent of each node. */
  parents: [child: Origin, parent: Origin][];
}

export interface FollowedTreeView {
  origin: Origin;
  tree: number;
  epoch: number;
  groups: string[];
  parent: Origin;
  children: number;
  /** Hops from the origin to here. */
  hops: number;
  nodes: number;
}

export interface TreesView {
  own: OwnTreeView[];
  followed: FollowedTreeView[];
  /** What was ignored or refused, and how often. */
  counts: Record<string, number>;
}

export class Trees {
  readonly #io: TreesIo;
  readonly #start: TreesStart;
  readonly #follower: Follower;
  readonly #bans: Bans;
  readonly #casts = new Set<Cast>();
  /** When the linger of a group's stream ends; Infinity: the stream is on. */
  readonly #streams = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #castIo: CastIo;
  #nextTree = 1;

  constructor(io: TreesIo, start: TreesStart) {
    this.#io = io;
    this.#start = start;
    const { self, networkId } = start;
    this.#bans = new Bans(
      (origin) => hex(io.presence(origin)?.boxKey ?? new Uint8Array()),
      (origin) => io.presence(origin)?.seq ?? -1,
    );
    this.#follower = new Follower(io, self, networkId, (what) => this.#count(what));
    this.#castIo = {
      ...{ io, self, networkId, start: start.start, bans: this.#bans, atlas: new Atlas(), patience: new Patience() },
      nextTree: () => (this.#nextTree > TREES_MAX ? null : this.#nextTree++),
      shapes: () => this.#shapes(),
    };
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  #shapes(): Shape[] {
    const own = [...this.#casts].flatMap((cast) => cast.trees.flatMap(({ active }) => active?.shape ?? []));
    return [...own, ...this.#follower.shapes()];
  }

  // ---- the own host's streams ------------------------------------------------------------------------------------------------

  /** The host sends to a group that has no tree yet. */
  stream(nowMono: number, group: string): void {
    this.#streams.set(group, Infinity);
    const known = this.#castOf(group);
    if (known) return known.tellAgain(group);
    this.#assign(nowMono, group, this.#receivers(group));
    this.tick(nowMono);
  }

  streamEnd(nowMono: number, group: string): void {
    if (this.#streams.has(group)) this.#streams.set(group, nowMono + TREE_LINGER_MS);
  }

  /** A stream's rate is known now. */
  ratesChanged(nowMono: number): void {
    for (const cast of this.#casts) cast.checkRate(nowMono);
  }

  #castOf(group: string): Cast | undefined {
    for (const cast of this.#casts) if (cast.groups.has(group)) return cast;
    return undefined;
  }

  #receivers(group: string): Origin[] {
    return [...new Set(this.#io.receivers(group))].filter((origin) => origin !== this.#start.self).sort();
  }

  /** Groups with the same receivers share their trees: those whose casts are signed, and the others. */
  #assign(nowMono: number, group: string, receivers: Origin[]): void {
    const signed = this.#io.signed(group);
    let cast = [...this.#casts].find((one) => one.signed === signed && sameList(one.receivers, receivers));
    if (!cast) {
      if (receivers.length === 0 || !this.#roomForCast()) {
        this.#count(receivers.length === 0 ? 'no-receivers' : 'casts-full');
        this.#streams.delete(group);
        return this.#io.sendDirectly(group);
      }
      cast = new Cast(this.#castIo, signed, nowMono);
      cast.receivers = receivers;
      this.#casts.add(cast);
    }
    cast.setGroups([...cast.groups, group]);
  }

  /** One whose streams have all ended makes room. */
  #roomForCast(): boolean {
    if (this.#casts.size < CASTS_MAX) return true;
    for (const cast of this.#casts) {
      if ([...cast.groups].some((group) => this.#streams.get(group) === Infinity)) continue;
      this.#drop(cast);
      return true;
    }
    return false;
  }

  #drop(cast: Cast): void {
    for (const group of cast.groups) {
      this.#streams.delete(group);
      this.#io.sendOn(group, []);
    }
    cast.drop();
    this.#casts.delete(cast);
    this.#io.changed();
  }

  // ---- news ------------------------------------------------------------------------------------------------------------------

  /** Who belongs, who is online, or what a statement says has changed: places, uplinks, keys. */
  membersChanged(nowMono: number): void {
    this.#follower.membersChanged(nowMono);
    const spoke = this.#bans.lookAgain((origin) => this.#io.isOnline(origin));
    if (spoke) for (const cast of this.#casts) cast.soon(nowMono);
    this.#bans.tidy(nowMono, (origin) => this.#io.peerHandle(origin) !== null);
    for (const cast of this.#casts) cast.configure();
    this.groupsChanged(nowMono);
  }

  /** Who receives what has changed. */
  groupsChanged(nowMono: number): void {
    this.#follower.groupsChanged();
    for (const cast of [...this.#casts]) {
      this.#keepKind(cast);
      if (!this.#casts.has(cast)) continue;
      const sets = new Map([...cast.groups].map((group) => [group, this.#receivers(group)]));
      const first = sets.values().next().value ?? [];
      const moved = [...sets].filter(([, receivers]) => !sameList(receivers, first));
      cast.receivers = first;
      // Groups whose receivers went apart from the first one's: they stay on the old trees until theirs stand.
      if (moved.length > 0) cast.setGroups([...cast.groups].filter((group) => !moved.some(([name]) => name === group)));
      for (const [group, receivers] of moved) this.#assign(nowMono, group, receivers);
      cast.review(nowMono);
    }
  }

  /** Groups whose casts are to be signed now, or are no more, leave the cast: the data plane holds their packets and asks for other trees. */
  #keepKind(cast: Cast): void {
    const others = [...cast.groups].filter((group) => this.#io.signed(group) !== cast.signed);
    if (others.length === cast.groups.size) return this.#drop(cast);
    if (others.length === 0) return;
    cast.setGroups([...cast.groups].filter((group) => !others.includes(group)));
    for (const group of others) {
      this.#streams.delete(group);
      this.#io.sendOn(group, []);
    }
  }

  /** A session with a member came up. */
  up(nowMono: number, origin: Origin): void {
    this.#follower.up(nowMono, origin);
    for (const cast of this.#casts) cast.up(nowMono, origin);
  }

  down(nowMono: number, origin: Origin): void {
    this.#follower.down(nowMono, origin);
    for (const cast of this.#casts) cast.down(nowMono, origin);
  }

  /** `bad`: the sender is at fault. What is refused is answered by nothing. */
  hear(nowMono: number, from: Origin, message: TreeMessage): 'ok' | 'bad' {
    if (message.type !== 'treeAck' || message.origin !== this.#start.self)
      return this.#follower.hear(nowMono, from, message);
    if (message.start !== this.#start.start) {
      this.#count('stale');
      return 'ok';
    }
    for (const cast of this.#casts) {
      const tree = cast.tree(message.tree);
      if (!tree) continue;
      const verdict = cast.hear(nowMono, from, tree, message);
      if (verdict !== 'ok') this.#count(verdict === 'bad' ? 'no-child' : 'stale');
      return verdict === 'bad' ? 'bad' : 'ok';
    }
    this.#count('unknown-tree');
    return 'ok';
  }

  /** The data plane took a backup parent for a tree of others; `to`: which one. */
  grafted(nowMono: number, origin: Origin, tree: number, to: Origin | null): void {
    this.#count('grafted');
    this.#follower.parentLost(nowMono, origin, tree, to);
  }

  trouble(nowMono: number, origin: Origin, tree: number, code: string): void {
    this.#count(code);
    if (code === 'no-parent') this.#follower.parentLost(nowMono, origin, tree, null);
    this.#io.changed();
  }

  // ---- time ------------------------------------------------------------------------------------------------------------------

  /** No part in any tree: nothing that happens to members matters. */
  get idle(): boolean {
    return this.#casts.size === 0 && this.#follower.size === 0;
  }

  /** On the monotonic clock; Infinity: nothing is due. */
  nextDeadline(): number {
    let next = this.#follower.nextDeadline();
    for (const cast of this.#casts) next = Math.min(next, cast.nextDeadline());
    for (const endMono of this.#streams.values()) next = Math.min(next, endMono);
    return next;
  }

  tick(nowMono: number): void {
    for (const [group, endMono] of this.#streams) if (endMono <= nowMono) this.#ended(group);
    this.#follower.tick(nowMono);
    for (const cast of this.#casts) cast.tick(nowMono);
  }

  #ended(group: string): void {
    this.#streams.delete(group);
    const cast = this.#castOf(group);
    if (!cast) return;
    this.#io.sendOn(group, []);
    cast.setGroups([...cast.groups].filter((other) => other !== group));
    if (cast.groups.size === 0) this.#drop(cast);
  }

  /** The network goes off: own trees end with a word, the part in others is given up. */
  stop(): void {
    for (const cast of [...this.#casts]) this.#drop(cast);
    this.#follower.clear();
  }

  view(): TreesView {
    const own: OwnTreeView[] = [];
    for (const cast of this.#casts) {
      for (const { tree, active } of cast.trees) {
        if (!active) continue;
        const { shape } = active;
        const { nodes, epoch } = shape.description;
        own.push({
          ...{ tree, epoch, groups: [...cast.groups].sort(), receivers: cast.receivers.length },
          ...{ unserved: cast.unserved.length, depth: shape.depth, degree: shape.degree },
          copies: shape.childrenOf(this.#start.self).length,
          relays: nodes.filter(({ flags }) => (flags & NODE_SUBSCRIBES) === 0).length,
          parents: nodes.map(({ origin }) => [origin, shape.parentOf(origin) as Origin]),
        });
      }
    }
    return { own, followed: this.#followedView(), counts: Object.fromEntries(this.#counts) };
  }

  #followedView(): FollowedTreeView[] {
    const { self } = this.#start;
    return this.#follower.shapes().map((shape) => {
      const { origin, tree, epoch, groups, nodes } = shape.description;
      const parent = shape.parentOf(self) as Origin;
      const children = shape.childrenOf(self).length;
      return { origin, tree, epoch, groups, parent, children, hops: shape.depthOf(self), nodes: nodes.length };
    });
  }
}

const sameList = (a: readonly Origin[], b: readonly Origin[]): boolean =>
  a.length === b.length && a.every((origin, place) => origin === b[place]);
