// Stand-ins for tests of what is above: they do what they are told and remember what they were asked.
import type {
  Discovery,
  LanDiscovery,
  LanFound,
  LanNetwork,
  MappingState,
  MappingWish,
  PortMapper,
  Rendezvous,
  RendezvousFound,
  RendezvousNetwork,
  RendezvousPublished,
  RendezvousResult,
  RendezvousSelf,
  Stun,
  StunAnswer,
} from './ports.ts';

export class FakeMapper implements PortMapper {
  wishes: MappingWish[] = [];
  current: MappingState = { state: 'off', mappings: [] };
  readonly #listeners = new Set<(state: MappingState) => void>();
  set = (wishes: MappingWish[]): void => void (this.wishes = wishes);
  refresh = (): void => undefined;
  state = (): MappingState => this.current;
  onChange = (listener: (state: MappingState) => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };
  /** What the gateway says now. */
  become(state: MappingState): void {
    this.current = state;
    this.#listeners.forEach((listener) => listener(state));
  }
  stop = (): Promise<void> => Promise.resolve(this.become({ state: 'off', mappings: [] }));
}

export class FakeLan implements LanDiscovery {
  networks: LanNetwork[] = [];
  readonly #listeners = new Set<(found: LanFound) => void>();
  set = (networks: LanNetwork[]): void => void (this.networks = networks);
  refresh = (): void => undefined;
  onFound = (listener: (found: LanFound) => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };
  find = (found: LanFound): void => this.#listeners.forEach((listener) => listener(found));
  stop = (): void => void (this.networks = []);
}

/** Fakes that share one map meet each other. */
export class FakeRendezvous implements Rendezvous {
  constructor(readonly records = new Map<string, RendezvousFound[]>()) {}
  publish(network: RendezvousNetwork, self: RendezvousSelf): Promise<RendezvousResult<RendezvousPublished>> {
    const name = [...network.networkId, ...network.secret].join();
    const others = (this.records.get(name) ?? []).filter((one) => one.member.join() !== self.member.join());
    this.records.set(name, [{ member: self.member, endpoints: self.endpoints, issuedMs: 0 }, ...others]);
    return Promise.resolve({ ok: true, value: { word: 'published', found: others } });
  }
  lookup(network: RendezvousNetwork): Promise<RendezvousResult<RendezvousFound[]>> {
    const name = [...network.networkId, ...network.secret].join();
    return Promise.resolve({ ok: true, value: this.records.get(name) ?? [] });
  }
  stop = (): Promise<void> => Promise.resolve();
}

export class FakeStun implements Stun {
  answers: StunAnswer[] = [];
  ask = (servers: string[]): Promise<StunAnswer[]> =>
    Promise.resolve(this.answers.filter((answer) => servers.includes(answer.server)));
}

export class FakeDiscovery implements Discovery {
  readonly mapper = new FakeMapper();
  readonly lanBeacons = new FakeLan();
  readonly dht = new FakeRendezvous();
  readonly stunServers = new FakeStun();
  portMapper = (): PortMapper => this.mapper;
  lan = (): LanDiscovery => this.lanBeacons;
  rendezvous = (): Rendezvous => this.dht;
  stun = (): Stun => this.stunServers;
  stop = (): Promise<void> => Promise.resolve();
}
