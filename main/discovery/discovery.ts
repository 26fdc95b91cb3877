// All of discovery by its switches. What is off is a part that does nothing; what is on loads its code when it is first asked.
import type {
  Discovery,
  DiscoverySwitches,
  LanDiscovery,
  MemberKeyOf,
  PortMapper,
  Rendezvous,
  RendezvousNetwork,
  RendezvousResult,
  RendezvousSelf,
  Stun,
} from './ports.ts';

export interface DiscoveryOptions {
  switches: DiscoverySwitches;
  /** Ed25519 key of a member that counts now, null for anybody else. */
  keyOf: (net: number, member: Uint8Array) => Uint8Array | null;
  /** The network reaches this member now. */
  isOnline: (net: number, member: Uint8Array) => boolean;
  /** "host:port" of the DHT's first nodes; absent: WEFT_DHT_BOOTSTRAP, else the library's public ones. */
  dhtBootstrap?: string[];
}

/** Loads the parts that are on. Switches change by making another one. */
export async function createDiscovery(options: DiscoveryOptions): Promise<Discovery> {
  const { switches } = options;
  const mapper = switches.portMapping ? await realMapper() : offMapper;
  const lan = switches.lan ? await realLan(options) : offLan;
  const rendezvous = switches.dht ? lazyRendezvous(options) : offRendezvous;
  return {
    portMapper: () => mapper,
    lan: () => lan,
    rendezvous: () => rendezvous,
    stun: () => lazyStun,
    async stop() {
      lan.stop();
      await Promise.all([mapper.stop(), rendezvous.stop()]);
    },
  };
}

async function realMapper(): Promise<PortMapper> {
  const [{ GatewayMapper }, clients] = await Promise.all([import('./port-mapper.ts'), import('./mapping-clients.ts')]);
  return new GatewayMapper({
    async clients() {
      const gateway = await clients.defaultGateway();
      const asked = gateway ? [new clients.PcpClient(gateway), new clients.PmpClient(gateway)] : [];
      return [...asked, new clients.UpnpClient()];
    },
  });
}

async function realLan({ keyOf, isOnline }: DiscoveryOptions): Promise<LanDiscovery> {
  const { LanBeacons } = await import('./lan.ts');
  return new LanBeacons({ keyOf, isOnline });
}

function lazyRendezvous(options: DiscoveryOptions): Rendezvous {
  let made: Promise<Rendezvous> | null = null;
  const make = (): Promise<Rendezvous> =>
    (made ??= import('./dht.ts').then(({ bootstrapOf, DhtRendezvous }) => {
      const bootstrap = options.dhtBootstrap ?? bootstrapOf(process.env['WEFT_DHT_BOOTSTRAP']);
      return new DhtRendezvous({ bootstrap });
    }));
  return {
    publish: async (network: RendezvousNetwork, self: RendezvousSelf, keyOf: MemberKeyOf) =>
      (await make()).publish(network, self, keyOf),
    lookup: async (network: RendezvousNetwork, keyOf: MemberKeyOf) => (await make()).lookup(network, keyOf),
    stop: async () => (await made)?.stop(),
  };
}

const lazyStun: Stun = {
  ask: async (servers) => (servers.length === 0 ? [] : new (await import('./stun.ts')).StunClient().ask(servers)),
};

const nothing = (): void => undefined;
const nowhere = (): Promise<void> => Promise.resolve();
const off = <T>(): Promise<RendezvousResult<T>> => Promise.resolve({ ok: false, code: 'off' });

const offMapper: PortMapper = {
  set: nothing,
  refresh: nothing,
  state: () => ({ state: 'off', mappings: [] }),
  onChange: () => nothing,
  stop: nowhere,
};
const offLan: LanDiscovery = { set: nothing, refresh: nothing, onFound: () => nothing, stop: nothing };
const offRendezvous: Rendezvous = { publish: off, lookup: off, stop: nowhere };
