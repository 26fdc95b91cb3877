// A simulated host: an engine over a store that outlives it, a data plane without packets, and a helper that always works.
import type { Outcome } from '../../../app/contract/errors.ts';
import type { Member, Network as NetworkView } from '../../../app/contract/state.ts';
import { CALLS, type CallInput, type CallName, type CallParams, type CallResult } from '../../../app/contract/table.ts';
import { Engine } from '../../../app/engine/engine.ts';
import type { Input } from '../../../app/engine/input.ts';
import type { AdapterRequest, Adapters, HostEntry, LocalGroup, Log, Now } from '../../../app/engine/ports.ts';
import type { SimCasts } from './casts.ts';
import { crypto } from './crypto.ts';
import { SimDataplane } from './dataplane.ts';
import { Crash, MemoryStore } from './store.ts';
import type { Station, World } from './world.ts';

let hosts = 0;

export interface SimHostOptions {
  /** Difference of its wall clock to the world's, ms. */
  wallSkewMs?: number;
  adapter?: string;
  store?: MemoryStore;
  ip?: string;
}

class SimAdapters implements Adapters {
  readonly names = new Map<number, HostEntry[]>();
  readonly requests = new Map<number, AdapterRequest>();
  readonly carriers = new Map<number, boolean>();
  /** Answers the next opens with these codes instead. */
  failures: { code: string; data?: Record<string, string> }[] = [];
  readonly #input: (input: Input) => void;

  constructor(input: (input: Input) => void) {
    this.#input = input;
  }

  open(request: AdapterRequest): void {
    this.requests.set(request.net, request);
    const failure = this.failures.shift();
    if (failure) this.#input({ kind: 'adapterFailed', net: request.net, ...failure });
    else this.#input({ kind: 'adapterReady', net: request.net, fd: 100 + request.net, name: request.name });
  }

  readdress(request: AdapterRequest): void {
    this.requests.set(request.net, request);
  }

  carrier(net: number, on: boolean): void {
    this.carriers.set(net, on);
  }

  close(net: number): void {
    this.requests.delete(net);
  }

  setNames(net: number, _domain: string, _own: unknown, list: HostEntry[]): void {
    if (list.length === 0) this.names.delete(net);
    else this.names.set(net, list);
  }
}

export class SimHost implements Station {
  readonly world: World;
  readonly name: string;
  readonly store: MemoryStore;
  readonly logged: string[] = [];
  alive = false;
  endpoints: string[];
  group = 0;
  engine!: Engine;
  dataplane!: SimDataplane;
  adapters!: SimAdapters;
  changes = 0;
  /** Groups that the host's applications joined, by network handle; they live as long as the adapter. */
  joined: LocalGroup[] = [];
  readonly #options: SimHostOptions;
  #timerAt = Infinity;
  #life = 0;

  constructor(world: World, name: string, options: SimHostOptions = {}) {
    this.world = world;
    this.name = name;
    this.#options = options;
    this.store = options.store ?? new MemoryStore();
    const n = ++hosts;
    this.endpoints = [`${options.ip ?? `192.168.${Math.floor(n / 200) % 256}.${(n % 200) + 1}`}:4000`];
    world.stations.add(this);
    this.start();
  }

  now(): Now {
    return { mono: this.world.mono, wall: this.world.wall + (this.#options.wallSkewMs ?? 0) };
  }

  start(): void {
    this.alive = true;
    const life = ++this.#life;
    const input = (value: Input): void => {
      if (life === this.#life && this.alive) this.#turn(() => this.engine.handle(this.now(), value));
    };
    const log: Log = {
      write: (level, event, fields) => void this.logged.push(`${level} ${event} ${JSON.stringify(fields)}`),
    };
    this.dataplane = new SimDataplane(this.world, this, (events) => input({ kind: 'dataplane', events }));
    this.adapters = new SimAdapters((value) => this.world.after(5, () => input(value)));
    this.engine = new Engine(
      {
        crypto,
        random: this.world,
        store: this.store,
        dataplane: this.dataplane,
        adapters: this.adapters,
        log,
      },
      { version: '0.0.0', deviceName: this.name, ...(this.#options.adapter ? { adapter: this.#options.adapter } : {}) },
    );
    this.engine.onChange(() => this.changes++);
    this.#timerAt = Infinity;
    this.#turn(() => {
      this.engine.start(this.now());
      this.engine.handle(this.now(), { kind: 'underlay', endpoints: this.endpoints });
    });
    for (const [net] of this.dataplane.nets) this.dataplane.setLocalGroups(net, this.joined);
  }

  /** A crash in the store is the end of the process. */
  #turn(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.kill();
      return;
    }
    if (this.alive) this.#arm();
  }

  #arm(): void {
    const next = this.engine.nextDeadline();
    if (next === null || next >= this.#timerAt) return;
    this.#timerAt = next;
    const life = this.#life;
    this.world.at(next, () => {
      if (life !== this.#life || !this.alive || this.#timerAt !== next) return;
      this.#timerAt = Infinity;
      const due = this.engine.nextDeadline();
      if (due !== null && due <= this.world.mono) this.#turn(() => this.engine.handleTimeout(this.now()));
      else this.#arm();
    });
  }

  /** kill -9 */
  kill(): void {
    this.alive = false;
    this.#life++;
    this.dataplane.die();
  }

  restart(): void {
    if (this.alive) this.kill();
    this.start();
  }

  /** The process stands still, as by SIGSTOP; the kernel keeps nothing for it here. */
  sleep(ms: number): void {
    this.alive = false;
    this.world.after(ms, () => {
      this.alive = true;
      this.#timerAt = Infinity;
      this.input({ kind: 'woke', sleptMs: ms });
    });
  }

  input(value: Input): void {
    this.#turn(() => this.engine.handle(this.now(), value));
  }

  /** New addresses, as after another Wi-Fi. */
  move(endpoint: string): void {
    this.endpoints = [endpoint];
    this.input({ kind: 'underlay', endpoints: this.endpoints });
  }

  /** Starts a call; the outcome is there once it was answered. */
  begin<N extends CallName>(
    name: N,
    params: CallInput<N>,
  ): { outcome: Outcome<CallResult<N>> | null; answers: number } {
    const pending: { outcome: Outcome<CallResult<N>> | null; answers: number } = { outcome: null, answers: 0 };
    const parsed = CALLS[name].params.parse(params) as CallParams<N>;
    this.#turn(() =>
      this.engine.call(this.now(), name, parsed, (outcome) => {
        pending.outcome = outcome;
        pending.answers++;
        if (outcome.ok) CALLS[name].result.parse(outcome.value);
      }),
    );
    return pending;
  }

  /** Does a call and lets time pass until it is answered. */
  try<N extends CallName>(name: N, params: CallInput<N>, limitMs = 20_000): Outcome<CallResult<N>> {
    const pending = this.begin(name, params);
    this.world.until(`${this.name}: ${name} answered`, () => pending.outcome !== null, limitMs);
    return pending.outcome as Outcome<CallResult<N>>;
  }

  /** Code with which the engine refuses. */
  refuses<N extends CallName>(name: N, params: CallInput<N>): string {
    const outcome = this.try(name, params);
    return outcome.ok ? 'done' : outcome.error.code;
  }

  do<N extends CallName>(name: N, params: CallInput<N>): CallResult<N> {
    const outcome = this.try(name, params);
    if (!outcome.ok)
      throw new Error(`${this.name}: ${name}: ${JSON.stringify(outcome.error)} [seed ${this.world.seed}]`);
    return outcome.value;
  }

  create(name = 'home'): string {
    return this.do('network.create', { name }).id;
  }

  link(
    options: { uses?: number; role?: 'admin' | 'member' | 'guest'; network?: string; expiresSeconds?: number } = {},
  ): string {
    return this.do('invite.create', options).link;
  }

  join(link: string): string {
    return this.do('network.join', { link }).id;
  }

  network(id?: string): NetworkView {
    const all = this.engine.state().networks;
    const found = id === undefined ? all[0] : all.find((network) => network.id === id);
    if (!found) throw new Error(`${this.name} has no network`);
    return found;
  }

  member(name: string): Member | undefined {
    return this.network().members.find((member) => member.name === name);
  }

  sees(name: string): boolean {
    return this.member(name)?.online === true;
  }

  get net(): number {
    return [...this.engine.networks.keys()][0] as number;
  }

  /** Applications join and leave. */
  groups(...groups: (string | LocalGroup)[]): void {
    this.joined = groups.map((group) =>
      typeof group === 'string' ? { group, mode: 'exclude' as const, sources: [] } : group,
    );
    this.dataplane.setLocalGroups(this.net, this.joined);
  }

  /** An application's packet to a group. */
  cast(group: string, packet: string): void {
    this.#turn(() => this.dataplane.cast(this.net, group, packet));
  }

  get casts(): SimCasts {
    return (this.dataplane.nets.get(this.net) as { casts: SimCasts }).casts;
  }

  /** Names of the members to whom this host's packets to the group go. */
  receivers(group: string): string[] {
    return this.#names(this.dataplane.receivers(this.net, group).map(({ peer }) => peer));
  }

  /** Names of the other members whose packets to the group are taken; undefined: all of them. */
  publishers(group: string): string[] | undefined {
    const publishers = this.dataplane.nets.get(this.net)?.publishers.get(group);
    return publishers && this.#names(publishers);
  }

  #names(peers: readonly number[]): string[] {
    const network = this.engine.networks.get(this.net);
    if (!network) return [];
    const names = peers.map((peer) => {
      const origin = network.peers.get(peer)?.origin;
      return network.roll.members().find((member) => member.origin === origin)?.name ?? `?${peer}`;
    });
    return names.sort();
  }

  /** An application's packet towards a member. */
  packet(name: string): void {
    const network = this.engine.networks.get(this.net);
    const member = network?.roll.members().find((one) => one.name === name);
    const peer = member && network?.peers.of(member.origin);
    if (peer) this.dataplane.sendPacket(this.net, peer.handle);
  }
}
