// The engine: all networks of this device, their calls and their state. Sans-IO; see api.ts.
import type { Failure, Outcome } from '../contract/errors.ts';
import { fail, ok } from '../contract/errors.ts';
import { NETWORKS_MAX } from '../contract/limits.ts';
import type { State, Traffic } from '../contract/state.ts';
import type { CallName, CallParams } from '../contract/table.ts';
import { CONTRACT_VERSION } from '../contract/version.ts';
import { callable } from '../mesh/guard/callable.ts';
import type { Answer, EngineApi } from './api.ts';
import { freeName } from './adapter.ts';
import { answerCall } from './calls.ts';
import { conductOf, tellOutside } from './conduct.ts';
import { readDevice, type Device } from './device.ts';
import { findableOf, type Findable } from './findable.ts';
import { takeFound, takeObserved } from './found.ts';
import { NETWORKS_FOLDER, NetworkFiles, type LocalState } from './files.ts';
import type { EngineOptions, Input } from './input.ts';
import type { Join } from './join.ts';
import { Network } from './network.ts';
import type { DataplaneEvent, LinkInput, Now, PeerStats, Ports } from './ports.ts';
import type { Conduct } from './reaching.ts';
import { Problems } from './problems.ts';
import type { Roll } from './roll.ts';
import { defaultSettings, readSettings, type FullSettings } from './settings.ts';
import { findingView, networkView } from './snapshot.ts';
import { loadRoll } from './ticket.ts';
import { TrafficMeter } from './traffic.ts';

/** Changes are told at most this often. */
const CHANGE_EVERY_MS = 100;
/** Packet counters are looked at this often, to find idle sessions. */
const STATS_EVERY_MS = 60_000;
const INPUTS_WAITING_MAX = 10_000;

export class Engine implements EngineApi {
  readonly ports: Ports;
  readonly options: EngineOptions;
  readonly networks = new Map<number, Network>();
  readonly joins = new Map<number, Join>();
  /** Ids of networks that are being joined. */
  readonly joining = new Set<string>();
  readonly problems: Problems;
  device: Device | null = null;
  /** Why the device's secret could not be read. */
  deviceFailure: Failure | null = null;
  settings: FullSettings;
  endpoints: readonly string[] = [];
  mayCall = callable([]);
  readonly #traffic = new TrafficMeter();
  #host: Extract<Input, { kind: 'host' }> = { kind: 'host', listening: [], helper: 'unneeded', problems: [] };
  #now: Now = { mono: 0, wall: 0 };
  #nextNet = 1;
  #changed: () => void = () => {};
  #dirty = false;
  #toldMono = -Infinity;
  #statsMono = Infinity;
  #busy = false;
  #stopped = false;
  readonly #waiting: Input[] = [];
  /** Networks that were left, by handle, and when their last sessions end. */
  readonly #departing = new Map<number, number>();

  constructor(ports: Ports, options: EngineOptions) {
    this.ports = ports;
    this.options = options;
    this.problems = new Problems(() => this.touch());
    this.settings = defaultSettings(options.deviceName);
  }

  // ---- EngineApi -----------------------------------------------------------------------------------------------------------

  start(at: Now): void {
    const now = whole(at);
    this.#turn(now, () => {
      const settings = readSettings(this.ports.store, this.options.deviceName);
      if (settings.ok) this.settings = settings.value;
      else this.problem(settings.error);
      tellOutside(this);
      const device = readDevice(this.ports);
      if (device.ok) this.device = device.value;
      else {
        this.deviceFailure = device.error;
        this.problem(device.error);
      }
      if (this.device) for (const id of this.ports.store.list(NETWORKS_FOLDER)) this.#load(now, id);
      this.#statsMono = now.mono + STATS_EVERY_MS;
    });
  }

  handle(at: Now, input: Input): void {
    const now = whole(at);
    // A port may answer at once, from inside a turn: its answer waits for the end of that turn.
    if (this.#busy) {
      if (this.#waiting.length < INPUTS_WAITING_MAX) this.#waiting.push(input);
      return;
    }
    if (this.#stopped) return;
    this.#turn(now, () => this.#input(now, input));
  }

  nextDeadline(): number | null {
    if (this.#stopped) return null;
    let next = this.#statsMono;
    if (this.#dirty) next = Math.min(next, this.#toldMono + CHANGE_EVERY_MS);
    for (const network of this.networks.values()) next = Math.min(next, network.nextDeadline());
    for (const join of this.joins.values()) next = Math.min(next, join.nextDeadline());
    for (const atMono of this.#departing.values()) next = Math.min(next, atMono);
    // Long due is due as well.
    return next === Infinity ? null : Math.max(0, next);
  }

  handleTimeout(at: Now): void {
    const now = whole(at);
    if (this.#stopped) return;
    this.#turn(now, () => {
      if (this.#statsMono <= now.mono) this.sampleStats(now);
      for (const [net, atMono] of this.#departing) {
        if (atMono > now.mono) continue;
        this.#departing.delete(net);
        this.ports.dataplane.removeNetwork(net);
      }
      for (const join of [...this.joins.values()]) if (join.nextDeadline() <= now.mono) join.tick(now);
      for (const network of [...this.networks.values()]) if (network.nextDeadline() <= now.mono) network.tick(now);
    });
  }

  call<N extends CallName>(at: Now, name: N, params: CallParams<N>, answer: Answer<N>): void {
    const now = whole(at);
    if (this.#stopped) return answer(fail('cancelled'));
    this.#turn(now, () => answerCall(this, now, name, params, answer as Answer<CallName>));
  }

  state(): State {
    return {
      version: this.options.version,
      contract: CONTRACT_VERSION,
      networks: [...this.networks.values()].map((network) => networkView(network, this.#now)),
      settings: this.settings,
      problems: this.problemsNow(),
      listening: this.#host.listening,
      helper: this.#host.helper,
      ...(this.#host.finding && { finding: findingView(this, this.#host.finding) }),
    };
  }

  /** Of the machine and of all networks together: far less work than the whole state. */
  problemsNow(): State['problems'] {
    return [...this.problems.list(), ...this.#host.problems];
  }

  traffic(): Traffic {
    return this.#traffic.last();
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  stop(at: Now, disconnect: boolean): void {
    const now = whole(at);
    if (this.#stopped) return;
    this.#turn(now, () => {
      for (const join of [...this.joins.values()]) join.abandon(now);
      for (const network of this.networks.values()) network.close(now, disconnect);
      this.networks.clear();
    });
    this.#stopped = true;
  }

  // ---- turns ---------------------------------------------------------------------------------------------------------------

  #turn(now: Now, work: () => void): void {
    this.#now = now;
    this.#busy = true;
    try {
      work();
      for (let input = this.#waiting.shift(); input; input = this.#waiting.shift()) this.#input(now, input);
    } finally {
      this.#busy = false;
    }
    if (!this.#dirty || now.mono < this.#toldMono + CHANGE_EVERY_MS) return;
    this.#dirty = false;
    this.#toldMono = now.mono;
    this.#changed();
  }

  touch(): void {
    this.#dirty = true;
  }

  problem(error: Failure): void {
    this.problems.set(error.code, error.data);
    this.ports.log.write('error', 'problem', { code: error.code, ...error.data });
  }

  #input(now: Now, input: Input): void {
    switch (input.kind) {
      case 'dataplane':
        for (const event of input.events) this.#event(now, event);
        return;
      case 'underlay':
        return this.#underlay(now, input.endpoints);
      case 'woke':
        this.ports.dataplane.poke();
        for (const network of this.networks.values()) network.woke(now, input.sleptMs);
        return;
      case 'adapterReady':
        // Of a network that is gone: its device goes, too.
        if (!this.networks.get(input.net)?.adapter) return this.ports.adapters.close(input.net);
        return this.networks.get(input.net)?.adapterReady(now, input.fd, input.name);
      case 'adapterFailed':
        return this.networks.get(input.net)?.adapterFailed(now, input.code, input.data);
      case 'found': {
        const network = this.networks.get(input.net);
        return network && takeFound(network, now, input);
      }
      case 'observed':
        for (const network of this.networks.values()) takeObserved(network, now, this.endpoints, input.answers);
        return;
      case 'linkOpen':
      case 'linkFailed':
      case 'linkClosed':
      case 'linkSignal':
        return this.#link(now, input);
      case 'statsTick':
        this.sampleStats(now);
        return this.touch();
      case 'host':
        return this.#hostChanged(now, input);
    }
  }

  #event(now: Now, event: DataplaneEvent): void {
    const network = this.networks.get(event.net);
    if (network) return network.event(now, event);
    const join = this.joins.get(event.net);
    if (join) return join.event(now, event);
    if (event.kind !== 'problem') return;
    if (event.code === 'events-lost') for (const each of this.networks.values()) each.resync(now);
    this.problems.set(event.code, { message: event.message });
  }

  #underlay(now: Now, endpoints: readonly string[]): void {
    const same = endpoints.join() === this.endpoints.join();
    this.endpoints = endpoints;
    this.mayCall = callable(endpoints);
    if (same) return;
    this.ports.dataplane.poke();
    for (const network of this.networks.values()) network.underlay(now, endpoints);
  }

  #link(now: Now, input: LinkInput): void {
    for (const network of this.networks.values()) if (network.link(now, input)) return;
    for (const join of this.joins.values()) if (join.link(input)) return;
    // Whoever dialled is gone.
    if (input.kind === 'linkOpen') this.ports.links?.close(input.link);
  }

  /** What discovery needs to know of the networks that run. */
  findable(): Findable[] {
    return [...this.networks.values()].filter(({ running }) => running).map((each) => findableOf(each, this.#now.wall));
  }

  /** How others are reached and what is done for them: the settings, within what the administrator allows. */
  conduct(): Conduct {
    return conductOf(this, (this.#host.finding?.mapping.endpoints.length ?? 0) > 0);
  }

  #hostChanged(now: Now, input: Extract<Input, { kind: 'host' }>): void {
    const helped = input.helper === 'ready' && this.#host.helper !== 'ready';
    this.#host = input;
    for (const network of this.networks.values()) network.conductChanged(now);
    if (helped) for (const network of this.networks.values()) network.adapter?.retry();
    this.touch();
  }

  sampleStats(now: Now): void {
    this.#statsMono = now.mono + STATS_EVERY_MS;
    const byNet = new Map<number, Map<number, PeerStats>>();
    for (const stats of this.ports.dataplane.stats().peers) {
      let peers = byNet.get(stats.net);
      if (!peers) byNet.set(stats.net, (peers = new Map()));
      peers.set(stats.peer, stats);
    }
    for (const [net, network] of this.networks) network.setStats(byNet.get(net) ?? new Map());
    this.#traffic.sample(
      now,
      [...this.networks.values()].map((network) => ({
        id: network.roll.id,
        members: network.roll.members().flatMap((member) => {
          const stats = network.statsOf(member.origin);
          return stats ? [{ id: member.id, stats }] : [];
        }),
      })),
    );
  }

  // ---- networks ------------------------------------------------------------------------------------------------------------

  /** Networks here and under way; an id that is in the state folder but cannot be read counts as well. */
  hasRoom(): boolean {
    return this.networks.size + this.joins.size < NETWORKS_MAX;
  }

  takeNet(): number {
    return this.#nextNet++;
  }

  network(id: string): Network | undefined {
    for (const network of this.networks.values()) if (network.roll.id === id) return network;
    return undefined;
  }

  adapterNames(except?: number): string[] {
    const names: string[] = [];
    for (const [net, { local }] of this.networks)
      if (net !== except && local.adapter !== null) names.push(local.adapter);
    return names;
  }

  /** Settings of a network that is new on this device. */
  newLocal(generation: number, mtu: number): LocalState {
    const { adapter } = this.options;
    const taken = this.adapterNames();
    const chosen = adapter !== undefined && adapter !== 'none' && taken.length === 0;
    return {
      on: true,
      adapter: adapter === 'none' ? null : chosen ? adapter : freeName(taken),
      adapterFixed: chosen,
      mtu,
      ways: [],
      generation,
      channels: [],
    };
  }

  /** Starts a network whose files are complete. */
  run(now: Now, roll: Roll, files: NetworkFiles, local: LocalState): Network {
    const net = this.takeNet();
    const network = new Network({
      net,
      ports: this.ports,
      roll,
      files,
      local,
      now,
      changed: () => this.touch(),
      adapterNames: () => this.adapterNames(net),
      conduct: () => this.conduct(),
      mayCall: (endpoint) => this.mayCall(endpoint),
    });
    this.networks.set(net, network);
    network.open(now, this.endpoints);
    this.touch();
    return network;
  }

  #load(now: Now, id: string): void {
    const files = new NetworkFiles(this.ports.store, id);
    const local = files.readLocal();
    if (!local.ok) return this.#damaged(id, local);
    if (local.value === null || !this.hasRoom()) return;
    const roll = loadRoll(this.ports, this.device as Device, files, local.value.generation);
    if (!roll.ok) return this.#damaged(id, roll);
    this.run(now, roll.value, files, this.#adapterOption(local.value));
  }

  /** The command line outweighs what was stored. */
  #adapterOption(local: LocalState): LocalState {
    const { adapter } = this.options;
    if (adapter === 'none') return { ...local, adapter: null };
    const first = this.networks.size === 0;
    if (adapter !== undefined && first) return { ...local, adapter, adapterFixed: true };
    return local.adapter === null ? { ...local, adapter: freeName(this.adapterNames()) } : local;
  }

  #damaged(id: string, outcome: Outcome<unknown>): void {
    if (outcome.ok) return;
    this.ports.log.write('error', 'network not loaded', { network: id, code: outcome.error.code });
    this.problem(outcome.error);
  }

  /** Forgets a network for good; the files are gone before its sessions, which may stay a moment for a last word. */
  forget(now: Now, network: Network, lingerMs = 0): Outcome<Record<string, never>> {
    const removed = network.files.remove();
    if (!removed.ok) return removed;
    network.withdraw();
    this.networks.delete(network.net);
    if (lingerMs > 0) this.#departing.set(network.net, now.mono + lingerMs);
    else this.ports.dataplane.removeNetwork(network.net);
    this.touch();
    return ok({});
  }
}

/** Whole milliseconds: sums and differences of times are exact, so a deadline that was named is always met. */
const whole = (now: Now): Now => ({ mono: Math.floor(now.mono), wall: Math.floor(now.wall) });
