// Puts the parts together: one running engine with its data plane, adapters, names and the contract's server.
import { hostname } from 'node:os';
import { fail, ok, type Failure, type Outcome } from '../../app/contract/errors.ts';
import type { DoctorItem, Problem, State } from '../../app/contract/state.ts';
import { CALLS, type CallName } from '../../app/contract/table.ts';
import { Engine } from '../../app/engine/engine.ts';
import type { Policy } from '../../app/engine/input.ts';
import type { Log, Store } from '../../app/engine/ports.ts';
import type { Addon } from '../host/addon.ts';
import { CodedError, loadAddon } from '../host/addon.ts';
import { nodeCrypto, nodeRandom } from '../host/crypto.ts';
import { lockState, type StateLock } from '../host/lock.ts';
import { openStore } from '../host/store.ts';
import { NetworkMonitor } from '../host/netmon/netmon.ts';
import { readPolicy } from '../host/policy.ts';
import { programVersion } from '../host/version.ts';
import { RpcServer, type Handlers, type Source, type Sources } from '../rpc/server.ts';
import { Anywhere } from '../anywhere/anywhere.ts';
import { iceServers } from '../transports/ice-servers.ts';
import { TransportLinks } from '../transports/links.ts';
import { STREAM_TRANSPORTS, type StreamTransport } from '../transports/transport.ts';
import { AdapterKeeper } from './adapters.ts';
import { firewallItems } from './doctor-firewall.ts';
import { anywhereItems, doctorItems } from './doctor.ts';
import { Finding } from './finding.ts';
import { endpointsOf, listen, streamsOnly } from './listening.ts';
import type { DaemonOptions } from './options.ts';
import { EngineRunner } from './runner.ts';
import { WebPort } from './web-port.ts';

export interface EngineHostOptions extends Omit<DaemonOptions, 'ui'> {
  log: Log;
  /** A client asked the engine to end; the caller ends the program by `stop`. */
  onStop: () => void;
}

export interface EngineHost {
  rpc: RpcServer;
  /** The newest state; for a tray or a log. */
  state(): State;
  problemsNow(): State['problems'];
  onChange(changed: () => void): () => void;
  /** `disconnect` removes the adapters; otherwise the helper keeps them for its grace time. */
  stop(disconnect: boolean): Promise<void>;
}

/** Fails with `engine-busy`, `native-missing`, `port-taken`, `address-unavailable`, `disk-full`, `state-unwritable` … */
export async function startEngineHost(options: EngineHostOptions): Promise<Outcome<EngineHost>> {
  const store = openStore(options.stateDir);
  if (!store.ok) return store;
  const lock = await lockState(options.stateDir);
  if (!lock.ok) return lock;
  const undo: (() => void)[] = [() => lock.value.release()];
  const abandon = (error: Failure): Outcome<never> => {
    for (const step of undo.reverse()) step();
    return { ok: false, error };
  };
  let addon: Addon;
  try {
    addon = loadAddon();
  } catch (error) {
    return abandon(error instanceof CodedError ? error.failure : { code: 'internal', data: { why: String(error) } });
  }
  const dataplane = new addon.Dataplane({ offloads: process.env['WEFT_OFFLOADS'] === 'none' ? 'none' : 'auto' });
  undo.push(() => dataplane.close());
  const bound = listen(dataplane, store.value, options.listen);
  if (!bound.ok) return abandon(bound.error);
  return ok(new Host(options, addon, dataplane, store.value, lock.value, bound.value));
}

class Host implements EngineHost {
  readonly rpc: RpcServer;
  private readonly engine: Engine;
  private readonly runner: EngineRunner;
  private readonly adapters: AdapterKeeper;
  private readonly monitor: NetworkMonitor;
  private readonly links: TransportLinks;
  private readonly finding: Finding;
  private readonly web: WebPort;
  private readonly anywhere: Anywhere;
  private addresses: string[] = [];
  /** Of `bound`: where streams are taken as well. */
  private readonly streams = new Set<string>();
  private readonly policy: Policy;
  private readonly listeners = new Set<() => void>();
  private problems: Problem[] = [];
  private stopping: Promise<void> | null = null;
  private disconnect = false;

  constructor(
    private readonly options: EngineHostOptions,
    addon: Addon,
    private readonly dataplane: InstanceType<Addon['Dataplane']>,
    store: Store,
    private readonly lock: StateLock,
    private readonly bound: string[],
  ) {
    const { log } = options;
    this.adapters = new AdapterKeeper({
      addon,
      stateDir: options.stateDir,
      enabled: options.adapter !== null,
      log,
      onInput: (input) => this.runner.handle(input),
      onHelper: () => {
        this.tellHost();
        this.anywhere.reset();
      },
      onAdapters: () => this.anywhere.look(),
    });
    this.anywhere = new Anywhere({
      adapters: () => this.adapters.list(),
      watch: (groups) => this.adapters.watch(groups),
      mirror: (name, entries) => this.adapters.mirror(name, entries),
      setAnywhere: (wish) => dataplane.setAnywhere(wish),
      ports: () => [...new Set(bound.map((address) => Number(address.slice(address.lastIndexOf(':') + 1))))],
      log,
    });
    this.policy = readPolicy(log);
    if (asked()?.includes('webrtc') === false) this.policy.webrtc = false;
    this.links = new TransportLinks({
      port: dataplane,
      log,
      onInput: (input) => this.runner.handle(input),
      transports: streamsAllowed(this.policy),
      iceServers: () => iceServers(this.engine.settings),
      proxyChoice: () => this.engine.settings.proxy,
    });
    this.web = new WebPort({
      bind: (address) => this.adapters.bindWeb(address),
      listen: (address) => this.links.listen(address),
      unlisten: (listener) => this.links.unlisten(listener),
      closeFd: addon.closeFd,
      log,
      onChange: () => {
        this.tellUnderlay();
        this.tellHost();
      },
    });
    this.engine = new Engine(
      { crypto: nodeCrypto, random: nodeRandom, store, dataplane, adapters: this.adapters, links: this.links, log },
      {
        version: programVersion(),
        policy: this.policy,
        deviceName: process.env['WEFT_DEVICE_NAME'] ?? hostname(),
        ...(options.adapter === undefined ? {} : { adapter: options.adapter ?? 'none' }),
      },
    );
    this.runner = new EngineRunner(this.engine, dataplane, log, (events) => this.links.observe(events));
    this.engine.onChange(() => {
      for (const listener of this.listeners) listener();
    });
    this.finding = new Finding({
      engine: this.engine,
      policy: this.policy,
      log,
      handle: (input) => this.runner.handle(input),
      onChange: () => {
        this.tellUnderlay();
        this.tellHost();
      },
    });
    this.monitor = new NetworkMonitor({ onChange: (addresses) => this.readdressed(addresses) });
    this.rpc = new RpcServer({
      handlers: this.handlers(),
      topics: this.topics(),
      version: programVersion(),
      onBug: (where, error) =>
        log.write('error', 'bug', { where, error: error instanceof Error ? error.stack : String(error) }),
    });
    void this.adapters.start();
    this.runner.start();
    this.tellHost();
    this.monitor.start();
    void this.listenForStreams();
    void this.web.apply(this.engine.settings.port443);
    this.finding.start();
    this.anywhere.apply(this.engine.settings.anywhere);
  }

  /** The port of the same number, wherever datagrams are taken. */
  private async listenForStreams(): Promise<void> {
    await Promise.all(
      this.bound.map(async (address) => {
        const result = await this.links.listen(address);
        if (result.ok) this.streams.add(address);
        else this.options.log.write('warn', 'no streams', { address, code: result.code });
      }),
    );
    this.finding.bound(this.bound, this.streams);
    this.tellUnderlay();
  }

  state(): State {
    return this.engine.state();
  }

  problemsNow(): State['problems'] {
    return this.engine.problemsNow();
  }

  onChange(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }

  stop(disconnect: boolean): Promise<void> {
    this.stopping ??= (async () => {
      this.rpc.close();
      this.monitor.stop();
      this.anywhere.stop();
      this.runner.stop(disconnect || this.disconnect);
      await Promise.all([this.links.stop(), this.finding.stop()]);
      this.dataplane.close();
      await this.adapters.stop(disconnect || this.disconnect);
      this.lock.release();
    })();
    return this.stopping;
  }

  private readdressed(addresses: string[]): void {
    this.addresses = addresses;
    this.tellUnderlay();
    this.finding.readdressed();
    void this.links.refreshProxies();
  }

  private tellUnderlay(): void {
    const own = endpointsOf(this.bound, this.addresses, this.streams, this.web.addresses);
    const all = [...new Set([...own, ...this.finding.mapped()])];
    this.runner.handle({ kind: 'underlay', endpoints: this.engine.settings.only443 ? streamsOnly(all) : all });
  }

  private tellHost(): void {
    this.problems = [...this.adapters.problems(), ...this.web.problems()];
    this.runner.handle({
      kind: 'host',
      listening: [...this.bound, ...this.web.addresses.filter((address) => !this.bound.includes(address))],
      helper: this.adapters.helper,
      problems: this.problems,
      finding: this.finding.state(),
    });
  }

  private topics(): Sources {
    const state: Source<State> = { value: () => this.engine.state(), onChange: (changed) => this.watched(changed) };
    return {
      state,
      traffic: { value: () => this.engine.traffic(), onChange: (changed) => this.watched(changed) },
    };
  }

  /** Whoever watches also wants rates and round trips to be fresh. */
  private watched(changed: () => void): () => void {
    const forget = this.onChange(changed);
    const calm = this.runner.watchStats();
    return () => {
      forget();
      calm();
    };
  }

  private handlers(): Handlers {
    const direct = Object.fromEntries(
      (Object.keys(CALLS) as CallName[]).map((name) => [name, (params: never) => this.runner.call(name, params)]),
    ) as unknown as Handlers;
    return {
      ...direct,
      status: async (params) => {
        this.runner.handle({ kind: 'statsTick' });
        return this.runner.call('status', params);
      },
      'doctor.run': async (params) => {
        await this.links.lookForProxies();
        const inner = await this.runner.call('doctor.run', params);
        const items: DoctorItem[] = [
          ...(inner.ok ? inner.value.items : []),
          ...doctorItems(this.engine.state(), this.adapters),
          ...anywhereItems(this.anywhere.state()),
          ...(await firewallItems(this.bound)),
        ];
        const { counters, drops, wakes } = this.dataplane.stats();
        return ok({ items, figures: { ...prefixed('drop', drops), ...counters, wakes } });
      },
      'settings.set': async (params) => {
        const before = this.engine.settings.proxy;
        const done = await this.runner.call('settings.set', params);
        this.finding.apply();
        this.tellUnderlay();
        this.anywhere.apply(this.engine.settings.anywhere);
        if (done.ok) await this.web.apply(this.engine.settings.port443);
        if (this.engine.settings.proxy !== before) await this.links.refreshProxies();
        return done;
      },
      'helper.install': async () => {
        const started = await this.adapters.install();
        return started.ok ? ok({}) : fail(started.error.code, started.error.data);
      },
      'engine.stop': async ({ disconnect }) => {
        this.disconnect = disconnect;
        setImmediate(() => this.options.onStop());
        return ok({});
      },
    };
  }
}

const prefixed = (prefix: string, values: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value]));

/** WEFT_TRANSPORTS ("tls,wss", for tests and the benchmark) lists what may be used beside datagrams; all unless set. */
const asked = (): string[] | undefined => process.env['WEFT_TRANSPORTS']?.split(',');

/** What the administrator allows, of that what was asked for. */
function streamsAllowed({ http }: Policy): StreamTransport[] {
  const some = asked();
  const web = (transport: StreamTransport) => transport !== 'tcp' && transport !== 'tls';
  return STREAM_TRANSPORTS.filter(
    (transport) => !(http === false && web(transport)) && (some?.includes(transport) ?? true),
  );
}
