// One run: hosts with engines over a world, on one clock. Everything that scenarios do goes through here, so that the model hears of it.
import type { Crypto } from '../../../app/engine/ports.ts';
import { loadBinding, type World } from './binding.ts';
import { Chance } from './chance.ts';
import { fake, real } from './crypto.ts';
import { Deadlines } from './deadlines.ts';
import { SimHost } from './host.ts';
import { kindsOf, ratesOf, type Kinds } from './kinds.ts';
import { Model } from './model.ts';
import { command, worldOptions, type SimOptions } from './options.ts';
import type { TreeSample } from './probe.ts';
import { Pool } from './pool.ts';
import { enrol, makeRoster } from './roster.ts';
import { SharedStore } from './store.ts';

const WALL_START = Date.UTC(2026, 10, 23);
const MS = 1_000;
const SECOND = 1_000_000;
/** Endpoints that a new member knows, as from an invite. */
const WAYS = 4;
const PPM_MAX = 100;
const OFFSET_MS_MAX = 1_000_000;
const WALL_SKEW_MS_MAX = 60_000;
/** Turns without time passing: more means that two parts answer each other for ever. */
const TURNS_AT_ONCE_MAX = 1_000_000;
const CHECK_EVERY_US = 50_000;
const BITS_PER_KB = 8_000;

interface Planned {
  at: number;
  run: () => void;
}

export interface Stream {
  flow: number;
  sender: number;
  group: string;
  fromUs: number;
  toUs: number;
}

/** Real seconds, and memory of the process. */
export interface Budget {
  wallS: number;
  memoryMB: number;
}

/** null: everybody. */
export interface ChannelRights {
  publishers: readonly SimHost[] | null;
  subscribers: readonly SimHost[] | null;
}

export class Simulation {
  readonly scenario: string;
  readonly options: SimOptions;
  readonly world: World;
  readonly hosts: SimHost[] = [];
  readonly model = new Model();
  readonly streams: Stream[] = [];
  readonly chance: Chance;
  /** The senders' trees, now and then. */
  readonly samples: TreeSample[] = [];
  /** What joins by a link took, from a device's start until it is a member, ms. */
  readonly joinsMs: number[] = [];
  /** What the whole run may take of this machine; it fails as soon as it takes more. */
  budget: Budget | null = null;
  readonly #began = performance.now();
  /** Told after every virtual second or so. */
  progress: ((sim: Simulation) => void) | null = null;
  readonly #standard: SimOptions;
  readonly #crypto: Crypto;
  readonly #pool = new Pool();
  readonly #deadlines = new Deadlines();
  readonly #later: (() => void)[] = [];
  readonly #planned: Planned[] = [];
  /** Control bytes a second and member while nothing was sent; null: not measured. */
  idleRate: number | null = null;
  #markUs = 0;
  #markBytes = 0;
  #markKinds: Kinds = new Map();
  idleKinds: Kinds = new Map();

  /** `standard`: the scenario's own options, which its command does not name. */
  constructor(scenario: string, options: SimOptions, standard: SimOptions) {
    this.scenario = scenario;
    this.#standard = standard;
    this.options = options;
    this.world = new (loadBinding().World)(options.seed, worldOptions(options));
    this.chance = new Chance(options.seed, 'scenario');
    this.#crypto = options.crypto === 'real' ? real : fake;
  }

  // ---- hosts ---------------------------------------------------------------------------------------------------------------

  /** A host with an empty store, not started. */
  addHost(name = `n${this.hosts.length}`): SimHost {
    const { nats, skew, seed, upBps, downBps, queueBytes } = this.options;
    const { world } = this;
    const chance = new Chance(seed, `host ${this.hosts.length}`);
    const clock = skew
      ? { clockOffsetMs: chance.below(OFFSET_MS_MAX), clockPpm: chance.below(2 * PPM_MAX + 1) - PPM_MAX }
      : {};
    const nat = nats[this.hosts.length % nats.length] ?? 'open';
    const index = world.addNode({ nat, upBps, downBps, queueBytes, ...clock });
    const host = new SimHost({
      world,
      index,
      name,
      nat,
      crypto: this.#crypto,
      pool: this.#pool,
      chance,
      wallSkewMs: skew ? chance.below(2 * WALL_SKEW_MS_MAX) - WALL_SKEW_MS_MAX : 0,
      store: new SharedStore(),
      moved: (moved) => this.#plan(moved),
      later: (run) => void this.#later.push(run),
    });
    world.kill(index);
    this.hosts.push(host);
    return host;
  }

  /** Hosts of members with memberships in place, not started: the creator first. `awake` of them if that is less. */
  enrolled(count: number, awake = count): SimHost[] {
    const hosts = Array.from({ length: Math.min(count, awake) }, () => this.addHost());
    const names = Array.from({ length: count }, (_, index) => hosts[index]?.name ?? `asleep${index}`);
    // Members may have joined by then whatever their clocks show now.
    const roster = makeRoster(this.#crypto, this.chance, names, WALL_START - 10 * WALL_SKEW_MS_MAX);
    // A link names members that can be reached from everywhere, if there are any.
    const open = hosts.filter(({ nat }) => nat === 'open');
    for (const host of hosts) {
      const known = this.chance.some(open.length > 0 ? open : hosts, WAYS).filter((other) => other !== host);
      enrol(host.store, roster, host.index, new Map(known.map(({ index }) => [index, this.world.endpoint(index)])));
    }
    return hosts;
  }

  start(host: SimHost): void {
    host.start();
    this.model.alive(this.now, host.index, true);
    // What the line bears is declared once; settings outlive a restart.
    const { upBps } = this.options;
    if (upBps > 0) host.call('settings.set', { uplinkKBps: Math.floor(upBps / BITS_PER_KB) }, () => {});
  }

  kill(host: SimHost): void {
    host.kill();
    this.#deadlines.set(host.index, Infinity);
    this.model.alive(this.now, host.index, false);
  }

  /** Dies for good: its memory is free. */
  retire(host: SimHost): void {
    this.kill(host);
    host.forget();
  }

  /** From everybody, or `only` from some senders, or from all `but` some. */
  join(host: SimHost, group: string, from: { only?: readonly SimHost[]; but?: readonly SimHost[] } = {}): void {
    const mode = from.only ? 'include' : 'exclude';
    const senders = from.only ?? from.but ?? [];
    const sources = senders.map((sender) => sender.ipv4);
    this.world.join(host.index, group, mode, sources);
    this.model.joined(this.now, host.index, group, { mode, senders: senders.map(({ index }) => index) });
  }

  leave(host: SimHost, group: string): void {
    this.world.leave(host.index, group);
    this.model.joined(this.now, host.index, group, null);
  }

  /** A channel with an address of its own; `by` makes it. */
  channel(by: SimHost, group: string, words: { repair: SimOptions['repair'] } & Partial<ChannelRights>): void {
    const { publishers = null, subscribers = null } = words;
    const repair = words.repair === 'open' ? 'nack' : words.repair;
    const ids = (hosts: readonly SimHost[] | null): string[] | null => hosts?.map((host) => host.member.id) ?? null;
    const rights = { publishers: ids(publishers), subscribers: ids(subscribers) };
    by.call('channel.create', { name: `to ${group}`, address: group, repair, ...rights }, (outcome) => {
      if (!outcome.ok) this.fail(`no channel: ${JSON.stringify(outcome.error)}`);
    });
    const places = (hosts: readonly SimHost[] | null): number[] | null => hosts?.map(({ index }) => index) ?? null;
    this.model.rights(group, { publishers: places(publishers), subscribers: places(subscribers) });
  }

  /** `by` puts a member out, which means to stay: its engine hears nothing of it, its data plane goes on with what it has. */
  remove(by: SimHost, member: SimHost): void {
    const { id } = member.member;
    member.freeze();
    this.#deadlines.set(member.index, Infinity);
    by.call('member.remove', { member: id }, (outcome) => {
      if (!outcome.ok) this.fail(`no removal: ${JSON.stringify(outcome.error)}`);
    });
    this.model.removed(this.now, member.index);
  }

  /** A member that means ill from now on: it keeps casts for `world.replay`, and nothing is owed to it. */
  turn(host: SimHost): void {
    this.world.hoard(host.index);
    this.model.hostile(host.index);
  }

  /** Hosts of different partitions do not hear each other. */
  separate(host: SimHost, partition: number): void {
    this.world.setPartition(host.index, partition);
    this.model.partition(this.now, host.index, partition);
  }

  /** A member sends packets to a group from now on. */
  stream(sender: SimHost, group: string, seconds: number): Stream {
    const { rate, bytes } = this.options;
    const fromUs = this.now;
    const toUs = fromUs + seconds * SECOND;
    const { net } = sender.network;
    const options = { node: sender.index, net, to: group, bytes, everyUs: SECOND / rate, startUs: fromUs, endUs: toUs };
    const stream = { flow: this.world.addFlow(options), sender: sender.index, group, fromUs, toUs };
    this.streams.push(stream);
    return stream;
  }

  // ---- time ----------------------------------------------------------------------------------------------------------------

  /** World time, µs. */
  get now(): number {
    return this.world.now();
  }

  #plan(host: SimHost): void {
    const deadline = host.engine.nextDeadline();
    if (deadline === null || deadline === Infinity) return this.#deadlines.set(host.index, Infinity);
    // The world counts in whole microseconds: one that is rounded off would come before the deadline, again and again.
    const whole = Math.floor(deadline * MS);
    const us = whole / MS < deadline ? whole + 1 : whole;
    this.#deadlines.set(host.index, this.world.worldTime(host.index, us));
  }

  /** Something that the scenario does `seconds` from now. */
  after(seconds: number, run: () => void): void {
    const item = { at: this.now + Math.round(seconds * SECOND), run };
    let place = this.#planned.length;
    while (place > 0 && (this.#planned[place - 1] as Planned).at > item.at) place--;
    this.#planned.splice(place, 0, item);
  }

  /** Lets virtual time pass. */
  run(seconds: number): void {
    const until = this.now + Math.round(seconds * SECOND);
    while (this.now < until) {
      const stop = Math.min(until, this.now + SECOND);
      while (this.now < stop) this.#step(stop);
      this.progress?.(this);
      this.#keepBudget();
    }
  }

  #keepBudget(): void {
    if (!this.budget) return;
    const { wallS, memoryMB } = this.budget;
    const took = (performance.now() - this.#began) / 1_000;
    const holds = process.memoryUsage().rss / (1 << 20);
    if (took > wallS) this.fail(`the run takes more than ${wallS} s of real time`);
    if (holds > memoryMB) this.fail(`the run takes more than ${memoryMB} MiB of memory`);
  }

  /** Lets time pass until the condition holds; returns the seconds that took. */
  until(what: string, holds: () => boolean, limitSeconds: number): number {
    const start = this.now;
    const limit = start + limitSeconds * SECOND;
    while (!holds()) {
      if (this.now >= limit) this.fail(`not within ${limitSeconds} s: ${what}`);
      this.run(CHECK_EVERY_US / SECOND);
    }
    return (this.now - start) / SECOND;
  }

  #step(until: number): void {
    const next = Math.min(until, this.#deadlines.next(), this.#planned[0]?.at ?? Infinity);
    const ready = this.world.advance(Math.max(next, this.now));
    for (const index of ready) (this.hosts[index] as SimHost).wake();
    this.#settle();
    for (const index of this.#deadlines.due(this.now)) {
      const host = this.hosts[index] as SimHost;
      if (host.alive) host.tick();
    }
    this.#settle();
    while ((this.#planned[0]?.at ?? Infinity) <= this.now) {
      this.#planned.shift()?.run();
      this.#settle();
    }
  }

  /** Answers of ports, until none is left. */
  #settle(): void {
    let turns = 0;
    for (let run = this.#later.shift(); run; run = this.#later.shift()) {
      run();
      if (++turns > TURNS_AT_ONCE_MAX) this.fail('ports and engines answer each other for ever');
    }
  }

  /** Bytes of handshakes and control that all members sent so far, with headers. */
  #controlBytes(): number {
    let bytes = 0;
    for (const { index } of this.hosts) {
      const { hello, control } = this.world.report(index).sent;
      bytes += hello.bytes + control.bytes;
    }
    return bytes;
  }

  /** What the start cost is over: control traffic is counted from here. */
  mark(): void {
    this.#markUs = this.now;
    this.#markBytes = this.#controlBytes();
    this.#markKinds = kindsOf(this.world);
  }

  /** Seconds that members lived since the mark, all together. */
  #lived(): number {
    return Math.max(1, this.model.lived({ fromUs: this.#markUs, toUs: this.now }) / SECOND);
  }

  /** Since the mark, bytes a second that a living member sent. */
  controlRate(): number {
    return (this.#controlBytes() - this.#markBytes) / this.#lived();
  }

  /** The same by what was said. */
  controlKinds(): Kinds {
    return ratesOf(kindsOf(this.world), this.#markKinds, this.#lived());
  }

  // ---- outcome -------------------------------------------------------------------------------------------------------------

  get command(): string {
    return command(this.scenario, this.options, this.#standard);
  }

  fail(sentence: string): never {
    throw new Error(
      `${sentence}\nseed ${this.options.seed}, after ${(this.now / SECOND).toFixed(3)} s; again: ${this.command}`,
    );
  }
}
