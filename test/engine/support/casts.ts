// Casts of one network in the data plane without packets: who is served directly, trees by epoch, keys (native/addon/index.d.ts).
import type {
  CastKey,
  DataplaneEvent,
  NetworkConfig,
  Receiver,
  StreamStats,
  TreeConfig,
} from '../../../app/engine/ports.ts';

/** Up to so many receivers are sent to directly. */
const TREE_FROM = 4;
const HELD_MAX = 256;
/** Packets wait this long for trees. */
const HELD_MS = 1_500;
/** The engine is asked again about what goes directly. */
const ASK_AGAIN_MS = 10_000;
const EPOCHS_KEPT = 4;
const KEYS_KEPT = 4;
const PACKET_BYTES = 1_000;

/** A packet to a group on its way; `tree` 0: directly from its origin. */
export interface Stamp {
  origin: string;
  tree: number;
  epoch: number;
  keyId: number;
  key: string;
  sequence: number;
  group: string;
  packet: string;
}

export interface SimCastsIo {
  emit(event: DataplaneEvent): void;
  send(peer: number, stamp: Stamp): void;
  receivers(group: string): Receiver[];
  repaired(group: string): boolean;
  joined(group: string): boolean;
  after(ms: number, run: () => void): void;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export class SimCasts {
  /** Epochs of each tree, the newest last. */
  readonly trees = new Map<string, TreeConfig[]>();
  readonly keys = new Map<string, CastKey[]>();
  readonly sendsOn = new Map<string, number[]>();
  /** What the host's applications got, and how often. */
  readonly got = new Map<string, number>();
  /** What came and could not be read here. */
  unread = 0;
  misrouted = 0;
  duplicates = 0;
  readonly #net: number;
  readonly #origin: string;
  readonly #io: SimCastsIo;
  readonly #direct = new Set<string>();
  readonly #asksAgain = new Set<string>();
  readonly #held = new Map<string, string[]>();
  readonly #streams = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  readonly #seen = new Set<string>();
  #turn = 0;

  constructor({ net, origin }: NetworkConfig, io: SimCastsIo) {
    this.#net = net;
    this.#origin = hex(origin);
    this.#io = io;
  }

  setTree(config: TreeConfig): void {
    const name = `${hex(config.origin)} ${config.tree}`;
    const others = (this.trees.get(name) ?? []).filter(({ epoch }) => epoch !== config.epoch);
    this.trees.set(name, [...others, config].slice(-EPOCHS_KEPT));
  }

  dropTree(origin: Uint8Array, tree: number): void {
    this.trees.delete(`${hex(origin)} ${tree}`);
    this.keys.delete(`${hex(origin)} ${tree}`);
  }

  setCastKey(key: CastKey): void {
    const name = `${hex(key.origin)} ${key.tree}`;
    const others = (this.keys.get(name) ?? []).filter(({ id }) => id !== key.id);
    this.keys.set(name, [...others, key].slice(-KEYS_KEPT));
  }

  sendOn(group: string, trees: number[]): void {
    this.#direct.delete(group);
    this.sendsOn.delete(group);
    if (trees.length === 0) return;
    this.sendsOn.set(group, trees);
    this.#release(group);
  }

  sendDirectly(group: string): void {
    this.sendsOn.delete(group);
    this.#direct.add(group);
    this.#io.after(ASK_AGAIN_MS, () => this.#asksAgain.add(group));
    this.#release(group);
  }

  #release(group: string): void {
    for (const packet of this.#held.get(group)?.splice(0) ?? []) this.cast(group, packet);
  }

  sequence(tree: number): number {
    const key = this.trees.get(`${this.#origin} ${tree}`)?.at(-1)?.key;
    return key ? (this.#sequences.get(`${tree} ${key.id}`) ?? 0) : 0;
  }

  streams(net: number): StreamStats[] {
    return [...this.#streams].map(([group, bytes]) => ({ net, group, bytes }));
  }

  cast(group: string, packet: string): void {
    const receivers = this.#io.receivers(group);
    const trees = this.sendsOn.get(group);
    const directly = this.#io.repaired(group) ? 0 : TREE_FROM;
    const few = receivers.length <= directly || this.#direct.has(group);
    if (!trees && few) {
      if (this.#asksAgain.delete(group)) this.#io.emit({ kind: 'stream', net: this.#net, group });
      return this.#toEach(receivers, group, packet);
    }
    if (!trees) return this.#hold(group, packet);
    this.#streams.set(group, (this.#streams.get(group) ?? 0) + PACKET_BYTES);
    const tree = trees[this.#turn++ % trees.length] as number;
    const config = this.trees.get(`${this.#origin} ${tree}`)?.at(-1);
    if (!config?.key) throw new Error('sends on a tree that was not set');
    const { epoch, key } = config;
    const name = `${tree} ${key.id}`;
    const sequence = this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, sequence + 1);
    const stamp = { origin: this.#origin, tree, epoch, keyId: key.id, key: hex(key.key), sequence, group, packet };
    for (const child of config.children) this.#io.send(child, stamp);
  }

  #toEach(receivers: Receiver[], group: string, packet: string): void {
    const stamp = { origin: this.#origin, tree: 0, epoch: 0, keyId: 0, key: '', sequence: 0, group, packet };
    for (const { peer } of receivers) this.#io.send(peer, stamp);
  }

  #hold(group: string, packet: string): void {
    const held = this.#held.get(group) ?? [];
    this.#held.set(group, held);
    if (held.length < HELD_MAX) held.push(packet);
    if (held.length > 1) return;
    this.#streams.set(group, 0);
    this.#io.emit({ kind: 'stream', net: this.#net, group });
    this.#io.after(HELD_MS, () => held.splice(0));
  }

  /** Nothing was sent to the group for a while. */
  end(group: string): void {
    this.#streams.delete(group);
    this.#io.emit({ kind: 'streamEnd', net: this.#net, group });
  }

  take(from: number, stamp: Stamp): void {
    if (stamp.tree === 0) return this.#deliver(stamp);
    const name = `${stamp.origin} ${stamp.tree}`;
    const config = this.trees.get(name)?.find(({ epoch }) => epoch === stamp.epoch);
    if (config?.parent !== from) return void this.misrouted++;
    const once = `${name} ${stamp.keyId} ${stamp.sequence}`;
    if (this.#seen.has(once)) return void this.duplicates++;
    this.#seen.add(once);
    for (const child of config.children) this.#io.send(child, stamp);
    const key = this.keys.get(name)?.find(({ id }) => id === stamp.keyId);
    if (key && hex(key.key) === stamp.key && stamp.sequence >= key.lowest) this.#deliver(stamp);
    else this.unread++;
  }

  #deliver({ group, packet }: Stamp): void {
    if (this.#io.joined(group)) this.got.set(packet, (this.got.get(packet) ?? 0) + 1);
  }
}
