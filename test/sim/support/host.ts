// A simulated host: the unchanged engine over a node of the world. It acts only when the simulation lets it.
import { CALLS, type CallInput, type CallName, type CallParams, type CallResult } from '../../../app/contract/table.ts';
import type { Outcome } from '../../../app/contract/errors.ts';
import { Engine } from '../../../app/engine/engine.ts';
import type { Input } from '../../../app/engine/input.ts';
import type { Network } from '../../../app/engine/network.ts';
import type { RollMember } from '../../../app/engine/roll.ts';
import type { AdapterRequest, Adapters, Crypto, DataplaneEvent, Now } from '../../../app/engine/ports.ts';
import type { Nat, SimNode, World } from './binding.ts';
import type { Chance } from './chance.ts';
import type { Pool } from './pool.ts';
import type { SharedStore } from './store.ts';

const WALL_START = Date.UTC(2026, 10, 23);
const EVENTS_PER_POLL = 512;

export interface HostSetup {
  world: World;
  index: number;
  name: string;
  nat: Nat;
  crypto: Crypto;
  /** Of all hosts of the run. */
  pool: Pool;
  chance: Chance;
  /** Difference of its wall clock to the world's, ms. */
  wallSkewMs: number;
  store: SharedStore;
  /** Something happened: its next deadline may have changed. */
  moved(host: SimHost): void;
  /** Inputs from ports: delivered after the present turn, at the same moment. */
  later(run: () => void): void;
}

export class SimHost {
  readonly index: number;
  readonly name: string;
  readonly nat: Nat;
  readonly node: SimNode;
  readonly store: SharedStore;
  engine!: Engine;
  /** The engine's word about trouble: level, event, fields. */
  readonly logged: string[] = [];
  /** Hears each control message before the engine does. */
  listener: ((bytes: Uint8Array) => void) | null = null;
  /** Milliseconds of real time spent in the engine. */
  spentMs = 0;
  readonly #setup: HostSetup;
  #life = 0;
  #frozen = false;

  constructor(setup: HostSetup) {
    this.#setup = setup;
    this.index = setup.index;
    this.name = setup.name;
    this.nat = setup.nat;
    this.store = setup.store;
    this.node = setup.world.node(setup.index);
  }

  get alive(): boolean {
    return this.#life > 0 && this.#setup.world.alive(this.index);
  }

  now(): Now {
    const { world, wallSkewMs } = this.#setup;
    return { mono: world.localNow(this.index) / 1000, wall: WALL_START + world.now() / 1000 + wallSkewMs };
  }

  /** A new process: reads its store and begins. */
  start(): void {
    this.#life++;
    const { world, crypto, pool, chance } = this.#setup;
    if (!world.alive(this.index)) world.restart(this.index);
    this.engine = new Engine(
      {
        crypto,
        random: chance,
        share: (bytes) => pool.share(bytes),
        store: this.store,
        dataplane: this.node,
        adapters: this.#adapters(),
        log: { write: (level, event, fields) => this.#log(level, event, fields) },
      },
      { version: '0.0.0', deviceName: this.name },
    );
    this.#turn(() => {
      this.engine.start(this.now());
      this.engine.handle(this.now(), { kind: 'underlay', endpoints: [world.endpoint(this.index)] });
    });
  }

  #log(level: string, event: string, fields: unknown): void {
    if (level === 'warn' || level === 'error') this.logged.push(`${level} ${event} ${JSON.stringify(fields)}`);
  }

  /** Power cut. */
  kill(): void {
    this.#setup.world.kill(this.index);
  }

  /** Its engine does nothing any more; its data plane goes on. */
  freeze(): void {
    this.#frozen = true;
  }

  /** It never starts again. */
  forget(): void {
    this.#life++;
    this.store.clear();
    this.engine = null as never;
  }

  /** Another access network. */
  move(): void {
    this.input({ kind: 'underlay', endpoints: [this.#setup.world.move(this.index)] });
  }

  #adapters(): Adapters {
    const life = this.#life;
    const answer = (input: Input): void =>
      this.#setup.later(() => (life === this.#life && this.alive ? this.input(input) : undefined));
    return {
      open: ({ net, name }: AdapterRequest) => answer({ kind: 'adapterReady', net, fd: net, name }),
      readdress: () => {},
      carrier: () => {},
      close: () => {},
      setNames: () => {},
    };
  }

  #turn(work: () => void): void {
    if (this.#frozen) return;
    const before = performance.now();
    work();
    this.spentMs += performance.now() - before;
    this.#setup.moved(this);
  }

  input(value: Input): void {
    this.#turn(() => this.engine.handle(this.now(), value));
  }

  /** The node said that it has events. */
  wake(): void {
    if (this.#frozen) return;
    for (let events = this.#poll(); events.length > 0; events = this.#poll()) {
      this.#turn(() => this.engine.handle(this.now(), { kind: 'dataplane', events }));
    }
  }

  #poll(): DataplaneEvent[] {
    const { events, bytes } = this.node.poll(EVENTS_PER_POLL);
    let at = 0;
    return events.map((event) => {
      if (event.kind !== 'control') return event;
      const { net, peer, length } = event;
      const message = bytes.subarray(at, (at += length));
      this.listener?.(message);
      return { kind: 'control', net, peer, bytes: message };
    });
  }

  tick(): void {
    this.#turn(() => this.engine.handleTimeout(this.now()));
  }

  call<N extends CallName>(name: N, params: CallInput<N>, answer: (outcome: Outcome<CallResult<N>>) => void): void {
    const parsed = CALLS[name].params.parse(params) as CallParams<N>;
    this.#turn(() => this.engine.call(this.now(), name, parsed, answer));
  }

  get network(): Network {
    const network = this.engine.networks.values().next().value;
    if (!network) throw new Error(`${this.name} has no network`);
    return network;
  }

  /** What the network's records say of it. */
  get member(): RollMember {
    const { roll } = this.network;
    const self = roll.self();
    if (!self) throw new Error(`${this.name} is no member`);
    return self;
  }

  /** Of its adapter. */
  get ipv4(): string {
    const { ipv4 } = this.member;
    if (ipv4 === null) throw new Error(`${this.name} has no IPv4 address`);
    return ipv4;
  }

  /** Whether it is in a network. */
  get isMember(): boolean {
    return this.alive && this.engine.networks.size > 0;
  }
}
