// State machines of trees on a virtual clock: sessions with delays, and a data plane that forwards by what it was told and nothing more.
import type { CastKey, TreeConfig, TreesIo } from '../../../app/mesh/multicast/io.ts';
import { Trees } from '../../../app/mesh/multicast/trees.ts';
import { hex } from '../../../app/wire/messages/hex.ts';
import type { Origin, Presence } from '../../../app/wire/messages/presence.ts';
import { FEATURE_RELAYS } from '../../../app/wire/messages/presence.ts';
import { decodeTreeMessage, type TreeMessage } from '../../../app/wire/messages/tree.ts';
import type { Repair } from '../../../app/wire/record.ts';
import { nodeCrypto } from '../../../main/host/crypto.ts';
import { Heap } from '../../engine/support/heap.ts';
import { Seeded } from './random.ts';

export const NETWORK = new Uint8Array(32).fill(8);
const GRACE_DOWN_MS = 2_000;

export interface NodeOptions {
  features?: number;
  uplinkKBps?: number;
  relayKBps?: number;
  guest?: boolean;
}

const nameOf = (number: number): Origin => (number + 1).toString(16).padStart(16, '0');

export class TestNode implements Omit<TreesIo, 'random'> {
  readonly world: World;
  readonly number: number;
  readonly origin: Origin;
  readonly seed: Uint8Array;
  readonly options: NodeOptions;
  boxSecret: Uint8Array;
  boxKey: Uint8Array;
  trees: Trees;
  alive = true;
  /** Messages to it are lost on the way, by type and chance. */
  lose: { type: TreeMessage['type']; share: number } | null = null;
  /** What its data plane knows, by origin and tree: epochs, newest last. */
  readonly configs = new Map<string, TreeConfig[]>();
  readonly castKeys = new Map<string, CastKey[]>();
  readonly groups = new Map<string, number[]>();
  readonly got = new Map<string, number>();
  readonly passedOn = new Set<string>();
  /** As far as this node knows: members that may not send to a group, "origin group". */
  readonly silenced = new Set<string>();
  verifications = 0;
  bad = 0;
  sentBytes = 0;
  #turn = 0;

  constructor(world: World, number: number, options: NodeOptions) {
    this.world = world;
    this.number = number;
    this.options = options;
    this.origin = nameOf(number);
    this.seed = new Uint8Array(32).fill(number & 0xff);
    this.seed[1] = number >> 8;
    this.boxSecret = world.random.bytes(32);
    this.boxKey = nodeCrypto.dhPublicKey(this.boxSecret);
    this.trees = this.#make();
  }

  #make(): Trees {
    const start = 1_700_000_000_000 + this.world.mono;
    return new Trees(
      {
        random: this.world.random,
        ...Object.fromEntries(
          Object.getOwnPropertyNames(TestNode.prototype)
            .filter((name) => name !== 'constructor')
            .map((name) => [
              name,
              (...args: unknown[]) => (this as never as Record<string, (...a: unknown[]) => unknown>)[name]?.(...args),
            ]),
        ),
      } as unknown as TreesIo,
      { networkId: NETWORK, self: this.origin, start },
    );
  }

  /** The process ends and begins anew: nothing in memory survives. */
  restart(): void {
    this.world.endSessions(this);
    for (const map of [this.configs, this.castKeys, this.groups]) map.clear();
    this.boxSecret = this.world.random.bytes(32);
    this.boxKey = nodeCrypto.dhPublicKey(this.boxSecret);
    this.trees = this.#make();
    this.alive = true;
  }

  run(work: () => void): void {
    if (!this.alive) return;
    work();
    this.world.arm(this);
  }

  // ---- io ----------------------------------------------------------------------------------------------------------------------

  sign(message: Uint8Array): Uint8Array {
    return this.world.sign(this.seed, message);
  }
  verify(origin: Origin, message: Uint8Array, signature: Uint8Array): boolean {
    this.verifications++;
    const node = this.world.byName.get(origin);
    return node !== undefined && this.world.members.has(origin) && this.world.verify(node.seed, message, signature);
  }
  hash(...parts: Uint8Array[]): Uint8Array {
    return nodeCrypto.hash(...parts);
  }
  hkdf(key: Uint8Array, info: string, length: number): Uint8Array {
    return nodeCrypto.hkdf(key, info, length);
  }
  sealBox(publicKey: Uint8Array, secret: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    return nodeCrypto.sealBox(publicKey, secret, plaintext, aad);
  }
  openBox(sealed: Uint8Array, aad: Uint8Array): Uint8Array | null {
    return nodeCrypto.openBox(this.boxSecret, sealed, aad);
  }
  send(origin: Origin, bytes: Uint8Array): boolean {
    this.sentBytes += bytes.length;
    return this.world.send(this, origin, bytes);
  }
  connect(origin: Origin): void {
    this.world.connect(this, origin);
  }
  isUp(origin: Origin): boolean {
    return this.world.isUp(this.origin, origin);
  }
  peerHandle(origin: Origin): number | null {
    const node = this.world.byName.get(origin);
    return node && this.world.members.has(origin) ? node.number : null;
  }
  presence(origin: Origin): Presence | undefined {
    return this.world.presence(origin);
  }
  isOnline(origin: Origin): boolean {
    return this.world.online.has(origin);
  }
  rttMs(): undefined {
    return undefined;
  }
  members(): Origin[] {
    return [...this.world.members].filter(
      (origin) => origin !== this.origin && !this.world.byName.get(origin)?.options.guest,
    );
  }
  receivers(group: string): Origin[] {
    return [...(this.world.groups.get(group) ?? [])].filter(
      (origin) => this.world.members.has(origin) && origin !== this.origin,
    );
  }
  maySpeak(origin: Origin, group: string): boolean {
    return !this.silenced.has(`${origin} ${group}`);
  }

  wants(_origin: Origin, group: string): boolean {
    return this.world.groups.get(group)?.has(this.origin) ?? false;
  }

  mayHear(origin: Origin): boolean {
    return this.world.members.has(origin);
  }
  repair(): Repair {
    return 'nack';
  }
  signed(group: string): boolean {
    return this.world.signed.has(group);
  }
  castSigner(): Uint8Array {
    return nodeCrypto.signPublicKey(this.seed);
  }
  rate(): number {
    return this.world.rate;
  }
  conduct(): { relays: boolean; uplinkKBps: number; relayKBps: number } {
    const { features = FEATURE_RELAYS, uplinkKBps = 0, relayKBps = 0 } = this.options;
    return { relays: (features & FEATURE_RELAYS) !== 0, uplinkKBps, relayKBps };
  }
  sequence(): number {
    return this.world.sequences.get(this.origin) ?? 0;
  }
  setTree(config: TreeConfig): void {
    const key = `${hex(config.origin)} ${config.tree}`;
    const kept = (this.configs.get(key) ?? []).filter(({ epoch }) => epoch !== config.epoch);
    this.configs.set(key, [...kept, config].slice(-4));
  }
  dropTree(origin: Uint8Array, tree: number): void {
    this.configs.delete(`${hex(origin)} ${tree}`);
    this.castKeys.delete(`${hex(origin)} ${tree}`);
  }
  setCastKey(key: CastKey): void {
    const name = `${hex(key.origin)} ${key.tree}`;
    this.castKeys.set(name, [...(this.castKeys.get(name) ?? []).filter(({ id }) => id !== key.id), key].slice(-4));
  }
  sendOn(group: string, trees: number[]): void {
    if (trees.length === 0) this.groups.delete(group);
    else this.groups.set(group, trees);
  }
  sendDirectly(group: string): void {
    this.groups.delete(group);
  }
  changed(): void {
    this.world.changes++;
  }

  // ---- packets -----------------------------------------------------------------------------------------------------------------

  /** One packet to a group; false while no tree stands. */
  cast(group: string, packet: string): boolean {
    const trees = this.groups.get(group);
    if (!trees) return false;
    const tree = trees[this.#turn++ % trees.length] as number;
    const config = this.configs.get(`${this.origin} ${tree}`)?.at(-1);
    if (!config?.key) throw new Error('sends on a tree that was not set');
    this.world.sequences.set(this.origin, (this.world.sequences.get(this.origin) ?? 0) + 1);
    const stamp = {
      origin: this.origin,
      tree,
      epoch: config.epoch,
      keyId: config.key.id,
      key: hex(config.key.key),
      packet,
    };
    for (const child of config.children) this.world.hop(this, child, stamp);
    return true;
  }

  take(from: TestNode, stamp: Stamp): void {
    const name = `${stamp.origin} ${stamp.tree}`;
    const config = this.configs.get(name)?.find(({ epoch }) => epoch === stamp.epoch);
    if (!config || config.parent !== from.number) {
      this.world.misrouted++;
      return;
    }
    const once = `${name} ${stamp.packet}`;
    if (this.passedOn.has(once)) {
      this.world.duplicates++;
      return;
    }
    this.passedOn.add(once);
    for (const child of config.children) this.world.hop(this, child, stamp);
    const key = this.castKeys.get(name)?.find(({ id }) => id === stamp.keyId);
    if (key && hex(key.key) === stamp.key) this.got.set(stamp.packet, (this.got.get(stamp.packet) ?? 0) + 1);
  }
}

export interface Stamp {
  origin: Origin;
  tree: number;
  epoch: number;
  keyId: number;
  key: string;
  packet: string;
}

export class World {
  readonly seed: number;
  readonly random: Seeded;
  readonly nodes: TestNode[] = [];
  readonly byName = new Map<Origin, TestNode>();
  readonly members = new Set<Origin>();
  readonly online = new Set<Origin>();
  readonly groups = new Map<string, Set<Origin>>();
  readonly sequences = new Map<Origin, number>();
  /** Groups whose casts are signed. */
  readonly signed = new Set<string>();
  mono = 1_000;
  rate = 0;
  changes = 0;
  misrouted = 0;
  duplicates = 0;
  lost = 0;
  /** Sees each message that arrives. */
  tap: ((from: TestNode, to: TestNode, bytes: Uint8Array) => void) | null = null;
  /** Edges that never get a session. */
  readonly walls = new Set<string>();
  readonly #heap = new Heap();
  #order = 0;
  /** By both ends: when the last message of each direction arrives. */
  readonly #sessions = new Map<string, { id: number; last: number }>();
  #nextSession = 1;
  readonly #armed = new Map<TestNode, number>();
  readonly #signatures = new Map<string, boolean>();

  constructor(seed: number, count: number, options: (number: number) => NodeOptions = () => ({})) {
    this.seed = seed;
    this.random = new Seeded(seed);
    for (let number = 0; number < count; number++) {
      const node = new TestNode(this, number, options(number));
      this.nodes.push(node);
      this.byName.set(node.origin, node);
      this.members.add(node.origin);
      this.online.add(node.origin);
    }
  }

  node(number: number): TestNode {
    return this.nodes[number] as TestNode;
  }

  sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
    const digest = nodeCrypto.hash(seed, message);
    return Uint8Array.from([...digest, ...digest]);
  }

  verify(seed: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const name = hex(nodeCrypto.hash(seed, message, signature));
    const known = this.#signatures.get(name) ?? hex(this.sign(seed, message)) === hex(signature);
    this.#signatures.set(name, known);
    return known;
  }

  presence(origin: Origin): Presence | undefined {
    const node = this.byName.get(origin);
    if (!node) return undefined;
    const { features = FEATURE_RELAYS, uplinkKBps = 0, relayKBps = 0 } = node.options;
    return {
      ...{ origin, seq: 1, ttlMinutes: 60, off: false, features, relayKBps, uplinkKBps },
      place: [node.number * 7, (node.number * 13) % 100, 0, 10],
      boxKey: node.boxKey,
      ...{ neighbours: [], relayed: [], rtts: [], measured: [], endpoints: [], groups: [], bytes: new Uint8Array(0) },
    };
  }

  // ---- time --------------------------------------------------------------------------------------------------------------------

  at(mono: number, run: () => void): void {
    this.#heap.push({ at: mono, order: this.#order++, run });
  }

  after(ms: number, run: () => void): void {
    this.at(this.mono + ms, run);
  }

  arm(node: TestNode): void {
    const due = node.trees.nextDeadline();
    // No host could set a timer for it.
    if (Number.isNaN(due) || due === -Infinity) throw new Error(`node ${node.number} is due at ${due}`);
    const next = Math.max(this.mono, due);
    if (next === Infinity || (this.#armed.get(node) ?? Infinity) <= next) return;
    this.#armed.set(node, next);
    this.at(next, () => {
      if (this.#armed.get(node) !== next) return;
      this.#armed.delete(node);
      node.run(() => node.trees.tick(this.mono));
    });
  }

  run(ms: number): void {
    const end = this.mono + ms;
    for (let steps = 0; (this.#heap.peek()?.at ?? Infinity) <= end; steps++) {
      if (steps > 2_000_000) throw new Error(`seed ${this.seed}: it does not come to rest`);
      const { at, run } = this.#heap.pop() as { at: number; run: () => void };
      this.mono = Math.max(this.mono, at);
      run();
    }
    this.mono = end;
  }

  until(condition: () => boolean, ms: number): boolean {
    const end = this.mono + ms;
    while (!condition() && this.mono < end) this.run(10);
    return condition();
  }

  /** Control messages take so much longer: hosts are busy. */
  busyMs = 0;

  delay(): number {
    return 2 + this.random.below(30);
  }

  // ---- sessions ----------------------------------------------------------------------------------------------------------------

  #key(a: Origin, b: Origin): string {
    return a < b ? `${a} ${b}` : `${b} ${a}`;
  }

  isUp(a: Origin, b: Origin): boolean {
    return this.#sessions.has(this.#key(a, b));
  }

  connect(from: TestNode, to: Origin): void {
    const other = this.byName.get(to);
    if (!other || !this.members.has(to)) return;
    this.after(this.delay() * 2, () => {
      if (!from.alive || !other.alive || this.isUp(from.origin, to) || this.walls.has(this.#key(from.origin, to)))
        return;
      this.#sessions.set(this.#key(from.origin, to), { id: this.#nextSession++, last: 0 });
      from.run(() => from.trees.up(this.mono, to));
      other.run(() => other.trees.up(this.mono, from.origin));
    });
  }

  send(from: TestNode, to: Origin, bytes: Uint8Array): boolean {
    const key = this.#key(from.origin, to);
    const session = this.#sessions.get(key);
    const other = this.byName.get(to);
    if (!session || !other) return false;
    const { id } = session;
    session.last = Math.max(session.last, this.mono + this.delay() + this.busyMs);
    this.at(session.last, () => {
      if (this.#sessions.get(key)?.id === id) this.deliver(from, other, bytes);
    });
    return true;
  }

  deliver(from: TestNode, to: TestNode, bytes: Uint8Array): void {
    const message = decodeTreeMessage(bytes);
    if (typeof message === 'string') throw new Error(`seed ${this.seed}: ${message}`);
    const { lose } = to;
    if (lose && lose.type === message.type && this.random.next() < lose.share) return void this.lost++;
    this.tap?.(from, to, bytes);
    to.run(() => {
      if (to.trees.hear(this.mono, from.origin, message) === 'bad') to.bad++;
    });
  }

  cut(a: TestNode, b: TestNode): void {
    if (!this.#sessions.delete(this.#key(a.origin, b.origin))) return;
    a.run(() => a.trees.down(this.mono, b.origin));
    b.run(() => b.trees.down(this.mono, a.origin));
  }

  endSessions(node: TestNode): void {
    for (const other of this.nodes) if (other !== node) this.cut(node, other);
  }

  /** Without a word: the others find out when its sessions fall silent, the network when they have said so. */
  kill(node: TestNode): void {
    node.alive = false;
    this.after(GRACE_DOWN_MS, () => this.endSessions(node));
    this.after(GRACE_DOWN_MS + 500, () => {
      this.online.delete(node.origin);
      this.changedMembers();
    });
  }

  changedMembers(): void {
    for (const node of this.nodes) node.run(() => node.trees.membersChanged(this.mono));
  }

  // ---- groups ------------------------------------------------------------------------------------------------------------------

  join(group: string, ...numbers: number[]): void {
    const there = this.groups.get(group) ?? new Set();
    for (const number of numbers) there.add(this.node(number).origin);
    this.groups.set(group, there);
    this.#changedGroups();
  }

  leave(group: string, number: number): void {
    this.groups.get(group)?.delete(this.node(number).origin);
    this.#changedGroups();
  }

  #changedGroups(): void {
    for (const node of this.nodes) node.run(() => node.trees.groupsChanged(this.mono));
  }

  stream(number: number, group: string): void {
    const node = this.node(number);
    node.run(() => node.trees.stream(this.mono, group));
  }

  hop(from: TestNode, to: number, stamp: Stamp): void {
    const other = this.node(to);
    if (!this.isUp(from.origin, other.origin)) return;
    // All packets of one hop arrive in order, as a rule; the delays here are the hops' own.
    this.after(3 + ((from.number * 31 + to * 17) % 20), () => {
      if (other.alive) other.take(from, stamp);
    });
  }
}
