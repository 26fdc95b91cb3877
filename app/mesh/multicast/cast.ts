// What the own device sends to one set of receivers: its groups, its trees, and the rounds in which their epochs come to stand.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreeFailure, TreeMessage } from '../../wire/messages/tree.ts';
import { Bucket } from '../guard/bucket.ts';
import type { Atlas } from '../coordinates/atlas.ts';
import type { Bans } from './bans.ts';
import type { Delivery } from './delivery.ts';
import type { TreesIo } from './io.ts';
import {
  CARRY_REACHED,
  CARRY_STRIPES,
  COALESCE_MS,
  EPOCH_EVERY_MS,
  FIRST_MS,
  IMPROVE_FIRST_MS,
  IMPROVE_MOST_MS,
  IMPROVE_PER_MEMBER_MS,
  KEEP_EVERY_MS,
  LOST_COALESCE_MS,
  OLD_EPOCH_MS,
  RATE_CHECK_MS,
  RATE_WAIT_MS,
  REPORTS_BURST,
  REPORTS_PER_SECOND,
  ROUNDS_MAX,
  SEALS_PER_TURN,
  SETTLE_MOST_MS,
  SETTLE_MS,
} from './limits.ts';
import { below, cutOff, strongest } from './failing.ts';
import { OwnKey } from './own-key.ts';
import { OwnTree } from './own-tree.ts';
import { handDownMs, type Patience } from './patience.ts';
import { isBound, planInput } from './plan-nodes.ts';
import type { PlannedTree } from './plan-types.ts';
import { PlannedRate } from './planned-rate.ts';
import type { Shape } from './shape.ts';
import { planStripes } from './stripes.ts';

const BYTES_PER_KB = 1_000;
/** After a round in which nobody was reached. */
const AGAIN_MS = 2_000;

export interface CastIo {
  io: TreesIo;
  self: Origin;
  networkId: Uint8Array;
  start: number;
  bans: Bans;
  atlas: Atlas;
  patience: Patience;
  /** Null: none is left. */
  nextTree(): number | null;
  /** All trees known here, for the load that they are. */
  shapes(): readonly Shape[];
}

type Ack = Extract<TreeMessage, { type: 'treeAck' }>;

export class Cast {
  readonly groups = new Set<string>();
  readonly signed: boolean;
  /** All receivers of its groups, online or not. */
  receivers: readonly Origin[] = [];
  /** Receivers for whom no uplink was left. */
  unserved: readonly Origin[] = [];
  trees: OwnTree[] = [];
  /** Of all its trees; null before the first one. */
  #key: OwnKey | null = null;
  readonly #at: CastIo;
  /** Trees of a plan before, until what is under way has arrived. */
  #retired: { atMono: number; tree: OwnTree }[] = [];
  readonly #bornMono: number;
  #planMono: number;
  #plannedMono = -Infinity;
  /** When the round ends at the latest; Infinity: none is on. */
  #roundMono = Infinity;
  #round = 0;
  /** When the last one ended. */
  #judgedMono = -Infinity;
  /** In the active epochs, but known not to be reached. */
  readonly #absent = new Set<Origin>();
  /** Not to wait for in the next plan, but in the one after it. */
  #later = new Set<Origin>();
  /** Packets take the trees. */
  switched = false;
  /** Of nodes that lost their parent. */
  readonly #reports: Bucket;
  #told = new Set<string>();
  #seen = '';
  readonly #rate = new PlannedRate();
  #rateMono: number;
  #keepMono = Infinity;
  #improveMono = Infinity;
  #improveMs = IMPROVE_FIRST_MS;
  #sealedMono = 0;

  /** `signed`: whether its groups ask for casts that are signed; all of one kind. */
  constructor(at: CastIo, signed: boolean, nowMono: number) {
    this.#at = at;
    this.signed = signed;
    [this.#planMono, this.#bornMono] = [nowMono, nowMono];
    this.#reports = new Bucket(REPORTS_BURST, REPORTS_PER_SECOND, nowMono);
    this.#rateMono = nowMono + RATE_CHECK_MS;
  }

  // ---- plans -----------------------------------------------------------------------------------------------------------------

  /** Something that a plan depends on changed. */
  soon(nowMono: number, waitMs = COALESCE_MS): void {
    this.#planMono = Math.min(this.#planMono, Math.max(nowMono + waitMs, this.#plannedMono + EPOCH_EVERY_MS));
  }

  /** What concerns its nodes may have changed; a plan is made only if it has. */
  review(nowMono: number): void {
    const text = this.#circumstances();
    if (text === this.#seen && this.unserved.length === 0) return;
    this.#seen = text;
    this.soon(nowMono);
  }

  /** Of all nodes, what a plan depends on; places change slowly and wait for the next one. */
  #circumstances(): string {
    const { io } = this.#at;
    const names = new Set(this.receivers);
    for (const tree of this.trees)
      for (const { origin } of tree.latest?.shape.description.nodes ?? []) names.add(origin);
    const parts: unknown[] = [this.receivers.length, io.conduct().uplinkKBps];
    for (const origin of names) {
      const presence = io.presence(origin);
      parts.push(origin, io.isOnline(origin), io.peerHandle(origin));
      if (presence)
        parts.push(presence.features, presence.uplinkKBps, presence.relayKBps, presence.boxKey.subarray(0, 6));
    }
    for (const origin of this.#readers()) if (!names.has(origin)) parts.push(origin, this.#mayHear(origin));
    return parts.join();
  }

  #readers(): Set<Origin> {
    return new Set(this.#key?.readers());
  }

  setGroups(groups: Iterable<string>): void {
    this.groups.clear();
    for (const group of groups) this.groups.add(group);
    if (this.switched) this.#tell();
  }

  #plan(nowMono: number): void {
    const { io, self, bans, atlas } = this.#at;
    this.#planMono = Infinity;
    this.#plannedMono = nowMono;
    const later = this.#later;
    this.#later = new Set();
    if (later.size > 0) this.#planMono = nowMono + EPOCH_EVERY_MS;
    const wanted = this.receivers.filter(
      (origin) =>
        io.isOnline(origin) && io.peerHandle(origin) !== null && !bans.isMissing(nowMono, origin) && !later.has(origin),
    );
    // Nobody is there yet: what waits in the data plane would go down an empty tree.
    if (wanted.length === 0 && !this.switched) {
      this.#planMono = Math.min(this.#planMono, bans.retryMono(nowMono));
      return;
    }
    this.#rate.take(this.#sentRate());
    const latest = this.trees.flatMap((tree) =>
      tree.latest ? [tree.latest.shape, tree.active?.shape ?? tree.latest.shape] : [],
    );
    const input = planInput(
      {
        ...{ io, self, nowMono, bans, atlas, shapes: this.#at.shapes(), own: new Set(latest) },
        rateKBps: this.#rate.bytesPerSecond / BYTES_PER_KB,
      },
      wanted,
    );
    this.#rate.isBound = isBound(input);
    const rateMono = this.#bornMono + RATE_WAIT_MS;
    if (this.#rate.isBound && input.rateKBps === 0 && !this.switched && nowMono < rateMono) {
      [this.#planMono, this.#plannedMono] = [rateMono, -Infinity];
      return;
    }
    const previous = this.trees.flatMap((tree) => (tree.latest ? [tree.parents()] : []));
    const plan = planStripes(input, previous);
    const settleMs = this.#settleMs(nowMono, plan.trees);
    this.unserved = plan.unserved;
    this.#shapeTrees(nowMono, plan.trees.length);
    const subscribers = new Set(wanted);
    const head = {
      repair: strongest([...this.groups].map((group) => io.repair(group))),
      rate: Math.round(this.#rate.bytesPerSecond / plan.trees.length),
      groups: [...this.groups].sort().slice(0, 32),
    };
    if (this.#key) this.#rotateWhere(nowMono, this.#key);
    this.#key?.begin(subscribers);
    const round = { rateCounts: this.#rate.isBound, settleMs };
    let offered = false;
    for (const [place, tree] of this.trees.entries()) {
      const planned = plan.trees[place];
      if (!planned) continue;
      if (tree.offer(nowMono, planned, subscribers, head, round)) offered = true;
    }
    const retry = bans.retryMono(nowMono);
    if (retry < Infinity) this.#planMono = Math.min(this.#planMono, retry);
    if (offered) this.#roundMono = nowMono + settleMs;
    else if (this.trees.every((tree) => tree.offered === null)) this.#finish(nowMono);
    this.#seal(nowMono);
    this.#judge(nowMono);
  }

  #settleMs(nowMono: number, trees: readonly PlannedTree[]): number {
    const { io, self, patience } = this.#at;
    const downMs = handDownMs(trees, self, io.conduct().uplinkKBps);
    // Packets wait for the first epoch, and not longer than this; those of a second one have been dropped by then.
    if (this.switched || this.#round > 0) return patience.settleMs + downMs;
    const inTime = Math.max(SETTLE_MS, this.#bornMono + FIRST_MS - nowMono);
    return trees.length > 1 && downMs < SETTLE_MS / 2 ? Math.min(inTime, SETTLE_MS + downMs) : SETTLE_MS + downMs;
  }

  /** As many trees as the plan has; what is too much ends after the switch. */
  #shapeTrees(nowMono: number, count: number): void {
    const { io, self, networkId, start } = this.#at;
    while (this.trees.length < count) {
      const tree = this.#at.nextTree();
      if (tree === null) break;
      const signer = this.signed ? io.castSigner() : null;
      const key = (this.#key ??= new OwnKey(io, tree, nowMono));
      // Who got it when it was in use may not use it for others.
      if (key.isUsed) key.rotate(nowMono);
      this.trees.push(new OwnTree({ io, self, networkId, start, tree, signer, key }));
    }
    for (const tree of this.trees.splice(count)) this.#retired.push({ atMono: Infinity, tree });
  }

  /** Who may not read any more has no use of what it knows. */
  #rotateWhere(nowMono: number, key: OwnKey): void {
    const now = new Set(this.receivers);
    const lost = [...key.readers()].filter((origin) => !now.has(origin) && !this.#mayHear(origin));
    // A removed member shall read nothing more; those who only lost a right wait for others.
    const isRemoved = lost.some((origin) => this.#at.io.peerHandle(origin) === null);
    const isDue = key.rotateMono <= nowMono || isRemoved;
    if (key.expiresMono <= nowMono || (lost.length > 0 && isDue)) key.rotate(nowMono);
    else if (lost.length > 0) this.#planMono = Math.min(this.#planMono, key.rotateMono);
  }

  #mayHear(origin: Origin): boolean {
    return [...this.groups].every((group) => this.#at.io.mayHear(origin, group));
  }

  /** The rest follows in the next turn. */
  #seal(nowMono: number): void {
    this.#sealedMono = nowMono;
    let left = SEALS_PER_TURN;
    for (const tree of this.trees) while (left > 0 && tree.sealing) left -= Math.max(1, tree.seal(left));
  }

  // ---- rounds ----------------------------------------------------------------------------------------------------------------

  #judge(nowMono: number): void {
    const offered = this.trees.flatMap(({ offered: delivery }) => delivery ?? []);
    // A round that was judged is followed by a plan.
    if (offered.length === 0 || this.#roundMono === Infinity) return;
    const settled = offered.every((delivery) => delivery.settled);
    if (nowMono < this.#roundMono && !settled) return;
    if (settled) this.#at.patience.stood(nowMono - this.#plannedMono);
    this.#roundMono = Infinity;
    this.#judgedMono = nowMono;
    const failing = new Set<Origin>();
    const atFault = new Set<Origin>();
    let nobody = false;
    const cut = cutOff(this.trees.map(({ offered }) => offered));
    for (const tree of this.trees) {
      if (!tree.offered) continue;
      const all = tree.offered.failures();
      const here = below(tree.offered.shape, all);
      // The key did not come because a stripe that was to bring it failed, or this is told of another stripe already.
      const failures = all.filter(({ origin, code }) => code !== 'noKey' || !cut.has(origin));
      for (const { origin, code } of failures) {
        atFault.add(origin);
        if (code === 'noKey') cut.add(origin);
      }
      for (const failure of failures) this.#learn(nowMono, tree.offered.shape, failure);
      tree.confirm((origin) => !here.has(origin));
      for (const origin of here) failing.add(origin);
      // Of each tree by itself: in several that few are missing from, all may be missing from one or another.
      nobody ||= tree.offered.shape.description.nodes.every(({ origin }) => here.has(origin));
      if (this.#at.bans.anyMissing) this.#allow(tree.offered, here);
    }
    this.#key?.settle();
    const served = [...failing].some((origin) => this.#isServed(origin));
    // Packets wait for the first tree: those below one that has just died are worth another round.
    const waiting = !this.switched && this.#round === 0 && failing.size > atFault.size;
    if (failing.size > 0 && (nobody || waiting || (served && this.#round < ROUNDS_MAX - 1))) {
      this.#round++;
      this.#carry(nowMono, failing);
      // Of several trees another edge may do in one; who failed in two is left out for a while as it is.
      if (waiting && !nobody && this.trees.length === 1) this.#later = atFault;
      // Nobody at all: perhaps the own device is cut off.
      this.#planMono = Math.min(this.#planMono, nobody && this.#round > ROUNDS_MAX ? nowMono + AGAIN_MS : nowMono);
      return;
    }
    this.#absent.clear();
    for (const origin of failing) this.#absent.add(origin);
    this.#finish(nowMono);
    if (failing.size > 0) this.#planMono = Math.min(this.#planMono, nowMono + EPOCH_EVERY_MS);
  }

  /** Gets packets by the active epochs, as far as known. */
  #isServed(origin: Origin): boolean {
    return this.switched && !this.#absent.has(origin) && this.trees.some((tree) => tree.active?.shape.node(origin));
  }

  #allow(delivery: Delivery, failing: ReadonlySet<Origin>): void {
    for (const { origin } of delivery.shape.description.nodes) if (!failing.has(origin)) this.#at.bans.stands(origin);
  }

  /** Packets need not wait for all stripes where most stand: they take those until the others do, too. */
  #carry(nowMono: number, failing: ReadonlySet<Origin>): void {
    if (this.switched || this.trees.length === 1) return;
    const standing = this.trees.filter(({ offered }) => {
      const nodes = offered?.shape.description.nodes.length ?? 0;
      return offered && below(offered.shape, offered.failures()).size <= (1 - CARRY_REACHED) * nodes;
    });
    if (standing.length < CARRY_STRIPES * this.trees.length) return;
    for (const tree of standing) tree.switch(nowMono);
    for (const origin of failing) this.#absent.add(origin);
    this.#begin(nowMono);
  }

  #begin(nowMono: number): void {
    if (!this.switched) [this.#keepMono, this.#improveMono] = [nowMono + KEEP_EVERY_MS, nowMono + this.#improveMs];
    this.switched = true;
    this.#tell();
  }

  /** All trees of the plan stand. */
  #finish(nowMono: number): void {
    this.#round = 0;
    for (const tree of this.trees) tree.switch(nowMono);
    if (this.trees.some((tree) => tree.active === null)) return;
    this.#begin(nowMono);
    for (const retired of this.#retired) retired.atMono = Math.min(retired.atMono, nowMono + OLD_EPOCH_MS);
  }

  /** Trees of which some epoch stands. */
  #standing(): number[] {
    return this.trees.filter(({ active }) => active !== null).map(({ tree }) => tree);
  }

  /** Names the trees for its groups to the data plane. */
  #tell(): void {
    const ids = this.#standing();
    const told = new Set([...this.groups].map((group) => `${group} ${ids.join()}`));
    for (const group of this.groups) if (!this.#told.has(`${group} ${ids.join()}`)) this.#at.io.sendOn(group, ids);
    this.#told = told;
  }

  /** The data plane asks again for a group. */
  tellAgain(group: string): void {
    if (this.switched) this.#at.io.sendOn(group, this.#standing());
  }

  #learn(nowMono: number, shape: Shape, { origin, code }: TreeFailure): void {
    const { bans } = this.#at;
    const parent = shape.parentOf(origin);
    if (parent === undefined) return;
    if (code === 'unreachable') bans.unreachable(nowMono, parent, origin);
    else if (code === 'refused') bans.weak(nowMono, origin);
    else if (code === 'noKey') {
      this.#key?.unread(origin);
      bans.keyless(nowMono, origin);
    } else this.#silent(nowMono, shape, parent, origin);
  }

  /** A parent that falls silent for more than one does not feed any more. */
  #silent(nowMono: number, shape: Shape, parent: Origin, child: Origin): void {
    const { bans, self } = this.#at;
    bans.silent(nowMono, parent, child);
    const barred = shape.childrenOf(parent).filter((one) => bans.isBarred(nowMono, parent, one)).length;
    if (parent !== self && barred * 2 > shape.childrenOf(parent).length) bans.weak(nowMono, parent);
  }

  // ---- messages and events ---------------------------------------------------------------------------------------------------

  tree(id: number): OwnTree | undefined {
    return this.trees.find(({ tree }) => tree === id);
  }

  /** `bad`: the sender has no such part in the tree. */
  hear(nowMono: number, from: Origin, tree: OwnTree, ack: Ack): 'ok' | 'bad' | 'stale' {
    const deliveries = [tree.offered, tree.active];
    const delivery = deliveries.find((one) => one?.shape.description.epoch === ack.epoch);
    if (ack.what === 'lost') {
      const shape = tree.latest?.shape;
      if (shape?.node(from) === undefined || !this.#reports.take(nowMono)) return 'stale';
      for (const failure of ack.failed.slice(0, 1))
        if (failure.code === 'lost') this.#learn(nowMono, tree.active?.shape ?? shape, failure);
      this.soon(nowMono, LOST_COALESCE_MS);
      return 'ok';
    }
    this.#heed(nowMono, from, tree, ack, delivery);
    if (!delivery) return 'stale';
    if (!delivery.has(from)) return 'bad';
    if (ack.what === 'want') delivery.wants(nowMono, from);
    else if (delivery === tree.offered) delivery.acked(from, ack.failed);
    else this.#changed(nowMono, delivery, () => delivery.acked(from, ack.failed));
    this.#judge(nowMono);
    return 'ok';
  }

  /** A child's first word about an epoch after its round: the next ones take longer. */
  #heed(nowMono: number, from: Origin, tree: OwnTree, { what }: Ack, delivery: Delivery | null | undefined): void {
    if (what !== 'stands' || nowMono > this.#judgedMono + SETTLE_MOST_MS || delivery === tree.offered) return;
    const awaited = delivery ? delivery.awaits(from) : tree.latest?.shape.node(from) !== undefined;
    if (awaited) this.#at.patience.late(nowMono);
  }

  /** News of an epoch that carries: somebody was lost, or came after all. */
  #changed(nowMono: number, delivery: Delivery, change: () => void): void {
    const before = below(delivery.shape, delivery.failures());
    change();
    const failures = delivery.failures();
    const after = below(delivery.shape, failures);
    for (const origin of before) {
      if (after.has(origin)) continue;
      this.#absent.delete(origin);
      this.#at.bans.stands(origin);
    }
    const fresh = failures.filter(({ origin }) => !before.has(origin));
    for (const failure of fresh) this.#learn(nowMono, delivery.shape, failure);
    for (const origin of after) this.#absent.add(origin);
    if (fresh.length > 0) this.soon(nowMono);
  }

  up(nowMono: number, origin: Origin): void {
    for (const tree of this.trees) {
      tree.offered?.up(nowMono, origin);
      tree.active?.up(nowMono, origin);
    }
  }

  down(nowMono: number, origin: Origin): void {
    for (const tree of this.trees) {
      tree.offered?.down(nowMono, origin);
      tree.active?.down(nowMono, origin);
    }
  }

  nextDeadline(): number {
    if (this.trees.some((tree) => tree.sealing)) return this.#sealedMono;
    // While a round is on, no other plan is made.
    let next = this.#roundMono < Infinity ? this.#roundMono : this.#planMono;
    next = Math.min(next, this.#keepMono, this.#improveMono, this.#rateMono);
    for (const tree of this.trees) {
      next = Math.min(
        next,
        tree.nextDeadline(),
        tree.active?.graceMono ?? Infinity,
        tree.offered?.graceMono ?? Infinity,
      );
    }
    for (const { atMono } of this.#retired) next = Math.min(next, atMono);
    return next;
  }

  tick(nowMono: number): void {
    this.#seal(nowMono);
    for (const tree of this.trees) {
      tree.tick(nowMono);
      tree.offered?.giveUp(nowMono);
      const { active } = tree;
      if (active && active.graceMono <= nowMono) this.#changed(nowMono, active, () => active.giveUp(nowMono));
    }
    for (const { tree } of this.#retired.filter(({ atMono }) => atMono <= nowMono)) tree.drop();
    this.#retired = this.#retired.filter(({ atMono }) => atMono > nowMono);
    this.#judge(nowMono);
    if (nowMono >= this.#keepMono) this.#keep(nowMono);
    if (nowMono >= this.#improveMono) this.#improve(nowMono);
    if (nowMono >= this.#rateMono) this.checkRate(nowMono);
    if (this.#roundMono === Infinity && nowMono >= this.#planMono) this.#plan(nowMono);
  }

  #keep(nowMono: number): void {
    this.#keepMono = nowMono + KEEP_EVERY_MS;
    for (const tree of this.trees) tree.active?.remind(nowMono);
    this.soon(nowMono);
  }

  /** Places became known better, sessions came up. */
  #improve(nowMono: number): void {
    const most = Math.max(IMPROVE_MOST_MS, this.receivers.length * IMPROVE_PER_MEMBER_MS);
    this.#improveMs = Math.min(most, 2 * this.#improveMs);
    this.#improveMono = nowMono + this.#improveMs;
    this.soon(nowMono);
  }

  #sentRate(): number {
    return Math.max(0, ...[...this.groups].map((group) => this.#at.io.rate(group)));
  }

  checkRate(nowMono: number): void {
    this.#rateMono = nowMono + RATE_CHECK_MS;
    if (this.#rate.take(this.#sentRate())) this.soon(nowMono);
  }

  /** Handles of peers may have changed. */
  configure(): void {
    for (const tree of this.trees) tree.configure();
  }

  /** The end of all its trees; its groups are another's business. */
  drop(): void {
    for (const tree of [...this.trees, ...this.#retired.map((retired) => retired.tree)]) tree.drop();
    this.trees = [];
    this.#retired = [];
  }
}
