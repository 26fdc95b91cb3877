// What the own device sends to one set of receivers: its groups, its trees, the plans that these follow, and when packets take them.
import type { Origin } from '../../wire/messages/presence.ts';
import { Bucket } from '../guard/bucket.ts';
import type { Atlas } from '../coordinates/atlas.ts';
import type { Bans } from './bans.ts';
import { circumstancesOf } from './circumstances.ts';
import type { AckMessage, Delivery } from './delivery.ts';
import { below, strongest } from './failing.ts';
import type { TreesIo } from './io.ts';
import {
  CARRY_REACHED,
  CARRY_STRIPES,
  EPOCH_EVERY_MS,
  LOST_COALESCE_MS,
  REPORTS_BURST,
  REPORTS_PER_SECOND,
  ROUNDS_MAX,
  SEALS_PER_TURN,
} from './limits.ts';
import { Occasions } from './occasions.ts';
import { OwnKey } from './own-key.ts';
import { OwnTree } from './own-tree.ts';
import type { Patience } from './patience.ts';
import { isBound, planInput } from './plan-nodes.ts';
import { PlannedRate } from './planned-rate.ts';
import { Reach } from './reach.ts';
import { Retired } from './retired.ts';
import { Rounds } from './rounds.ts';
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
  readonly #occasions: Occasions;
  readonly #rounds: Rounds;
  readonly #reach: Reach;
  readonly #retired = new Retired();
  /** Not to wait for in the next plan, but in the one after it. */
  #later = new Set<Origin>();
  /** Packets take the trees. */
  switched = false;
  /** Of nodes that lost their parent. */
  readonly #reports: Bucket;
  #told = new Set<string>();
  #seen = '';
  readonly #rate = new PlannedRate();
  #sealedMono = 0;

  /** `signed`: whether its groups ask for casts that are signed; all of one kind. */
  constructor(at: CastIo, signed: boolean, nowMono: number) {
    this.#at = at;
    this.signed = signed;
    this.#occasions = new Occasions(nowMono);
    this.#rounds = new Rounds(at, nowMono);
    this.#reach = new Reach({ self: at.self, bans: at.bans, unread: (origin) => this.#key?.unread(origin) });
    this.#reports = new Bucket(REPORTS_BURST, REPORTS_PER_SECOND, nowMono);
  }

  // ---- plans -----------------------------------------------------------------------------------------------------------------

  /** Something that a plan depends on changed. */
  soon(nowMono: number, waitMs?: number): void {
    this.#occasions.soon(nowMono, waitMs);
  }

  /** What concerns its nodes may have changed; a plan is made only if it has. */
  review(nowMono: number): void {
    const text = circumstancesOf({
      ...{ io: this.#at.io, receivers: this.receivers, trees: this.trees, readers: this.#key?.readers() ?? [] },
      mayHear: (origin) => this.#mayHear(origin),
    });
    if (text === this.#seen && this.unserved.length === 0) return;
    this.#seen = text;
    this.soon(nowMono);
  }

  setGroups(groups: Iterable<string>): void {
    this.groups.clear();
    for (const group of groups) this.groups.add(group);
    if (this.switched) this.#tell();
  }

  #plan(nowMono: number): void {
    const { io, self, bans, atlas } = this.#at;
    this.#occasions.planned(nowMono);
    const later = this.#later;
    this.#later = new Set();
    if (later.size > 0) this.#occasions.by(nowMono + EPOCH_EVERY_MS);
    const wanted = this.receivers.filter(
      (origin) =>
        io.isOnline(origin) && io.peerHandle(origin) !== null && !bans.isMissing(nowMono, origin) && !later.has(origin),
    );
    // Nobody is there yet: what waits in the data plane would go down an empty tree.
    if (wanted.length === 0 && !this.switched) {
      this.#occasions.by(bans.retryMono(nowMono));
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
    const lacksRate = this.#rate.isBound && input.rateKBps === 0;
    if (lacksRate && !this.switched && this.#occasions.awaitRate(nowMono)) return;
    const previous = this.trees.flatMap((tree) => (tree.latest ? [tree.parents()] : []));
    const plan = planStripes(input, previous);
    const settleMs = this.#rounds.settleMs(nowMono, plan.trees, this.switched);
    this.unserved = plan.unserved;
    this.#shapeTrees(nowMono, plan.trees.length);
    const subscribers = new Set(wanted);
    const head = {
      repair: strongest([...this.groups].map((group) => io.repair(group))),
      rate: Math.round(this.#rate.bytesPerSecond / plan.trees.length),
      groups: [...this.groups].sort().slice(0, 32),
    };
    const mayHear = (origin: Origin): boolean => this.#mayHear(origin);
    if (this.#key) this.#occasions.by(this.#key.renew(nowMono, this.receivers, mayHear));
    this.#key?.begin(subscribers);
    const round = { rateCounts: this.#rate.isBound, settleMs };
    let offered = false;
    for (const [place, tree] of this.trees.entries()) {
      const planned = plan.trees[place];
      if (!planned) continue;
      if (tree.offer(nowMono, planned, subscribers, head, round)) offered = true;
    }
    this.#occasions.by(bans.retryMono(nowMono));
    if (offered) this.#rounds.begin(nowMono, settleMs);
    else if (this.trees.every((tree) => tree.offered === null)) this.#finish(nowMono);
    this.#seal(nowMono);
    this.#judge(nowMono);
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
    this.#retired.add(this.trees.splice(count));
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
    if (!this.#rounds.over(nowMono, offered)) return;
    const { failing, atFault, nobody } = this.#reach.judge(nowMono, this.trees);
    this.#key?.settle();
    const served = [...failing].some((origin) => this.#isServed(origin));
    // Packets wait for the first tree: those below one that has just died are worth another round.
    const waiting = !this.switched && this.#rounds.failed === 0 && failing.size > atFault.size;
    if (failing.size > 0 && (nobody || waiting || (served && this.#rounds.failed < ROUNDS_MAX - 1))) {
      this.#rounds.failed++;
      this.#carry(nowMono, failing);
      // Of several trees another edge may do in one; who failed in two is left out for a while as it is.
      if (waiting && !nobody && this.trees.length === 1) this.#later = atFault;
      // Nobody at all: perhaps the own device is cut off.
      this.#occasions.by(nobody && this.#rounds.failed > ROUNDS_MAX ? nowMono + AGAIN_MS : nowMono);
      return;
    }
    this.#reach.missOnly(failing);
    this.#finish(nowMono);
    if (failing.size > 0) this.#occasions.by(nowMono + EPOCH_EVERY_MS);
  }

  /** Gets packets by the active epochs, as far as known. */
  #isServed(origin: Origin): boolean {
    return this.switched && !this.#reach.isAbsent(origin) && this.trees.some((tree) => tree.active?.shape.node(origin));
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
    this.#reach.miss(failing);
    this.#begin(nowMono);
  }

  #begin(nowMono: number): void {
    if (!this.switched) this.#occasions.carries(nowMono);
    this.switched = true;
    this.#tell();
  }

  /** All trees of the plan stand. */
  #finish(nowMono: number): void {
    this.#rounds.failed = 0;
    for (const tree of this.trees) tree.switch(nowMono);
    if (this.trees.some((tree) => tree.active === null)) return;
    this.#begin(nowMono);
    this.#retired.replaced(nowMono);
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

  // ---- messages and events ---------------------------------------------------------------------------------------------------

  tree(id: number): OwnTree | undefined {
    return this.trees.find(({ tree }) => tree === id);
  }

  /** `bad`: the sender has no such part in the tree. */
  hear(nowMono: number, from: Origin, tree: OwnTree, ack: AckMessage): 'ok' | 'bad' | 'stale' {
    const deliveries = [tree.offered, tree.active];
    const delivery = deliveries.find((one) => one?.shape.description.epoch === ack.epoch);
    if (ack.what === 'lost') {
      const shape = tree.latest?.shape;
      if (shape?.node(from) === undefined || !this.#reports.take(nowMono)) return 'stale';
      for (const failure of ack.failed.slice(0, 1))
        if (failure.code === 'lost') this.#reach.learn(nowMono, tree.active?.shape ?? shape, failure);
      this.soon(nowMono, LOST_COALESCE_MS);
      return 'ok';
    }
    this.#rounds.heed(nowMono, from, tree, ack, delivery);
    if (!delivery) return 'stale';
    if (!delivery.has(from)) return 'bad';
    if (ack.what === 'want') delivery.wants(nowMono, from);
    else if (delivery === tree.offered) delivery.acked(from, ack.failed);
    else this.#changed(nowMono, delivery, () => delivery.acked(from, ack.failed));
    this.#judge(nowMono);
    return 'ok';
  }

  #changed(nowMono: number, delivery: Delivery, change: () => void): void {
    if (this.#reach.changed(nowMono, delivery, change)) this.soon(nowMono);
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
    let next = this.#rounds.endMono < Infinity ? this.#rounds.endMono : this.#occasions.planMono;
    next = Math.min(next, this.#occasions.checkMono, this.#retired.nextMono);
    for (const tree of this.trees) {
      next = Math.min(
        next,
        tree.nextDeadline(),
        tree.active?.graceMono ?? Infinity,
        tree.offered?.graceMono ?? Infinity,
      );
    }
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
    this.#retired.tick(nowMono);
    this.#judge(nowMono);
    if (this.#occasions.keep(nowMono)) this.#keep(nowMono);
    if (this.#occasions.improve(nowMono, this.receivers.length)) this.soon(nowMono);
    if (nowMono >= this.#occasions.rateMono) this.checkRate(nowMono);
    if (this.#rounds.endMono === Infinity && nowMono >= this.#occasions.planMono) this.#plan(nowMono);
  }

  #keep(nowMono: number): void {
    for (const tree of this.trees) tree.active?.remind(nowMono);
    this.soon(nowMono);
  }

  #sentRate(): number {
    return Math.max(0, ...[...this.groups].map((group) => this.#at.io.rate(group)));
  }

  checkRate(nowMono: number): void {
    this.#occasions.rateChecked(nowMono);
    if (this.#rate.take(this.#sentRate())) this.soon(nowMono);
  }

  /** Handles of peers may have changed. */
  configure(): void {
    for (const tree of this.trees) tree.configure();
  }

  /** The end of all its trees; its groups are another's business. */
  drop(): void {
    for (const tree of this.trees) tree.drop();
    this.#retired.drop();
    this.trees = [];
  }
}
