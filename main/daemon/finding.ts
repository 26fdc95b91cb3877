// Finds members by other means than the network's own: beacons on the local network, the router's ports, the DHT when all else failed, and
// STUN servers that the user named. Nothing is sent while no network is on; libraries load on first use.
import type { Finding as FindingView } from '../../app/contract/state.ts';
import type { Engine } from '../../app/engine/engine.ts';
import type { Findable } from '../../app/engine/findable.ts';
import type { Input, Policy } from '../../app/engine/input.ts';
import type { Log } from '../../app/engine/ports.ts';
import type { FullSettings } from '../../app/engine/settings.ts';
import { ENTRY_ENDPOINTS_MAX } from '../../app/mesh/discovery/entry.ts';
import { sameBytes } from '../../app/wire/text.ts';
import { createDiscovery } from '../discovery/discovery.ts';
import type { Discovery, DiscoverySwitches, MappingState, MappingWish } from '../discovery/ports.ts';
import { split } from './listening.ts';
import { Meeting } from './rendezvous.ts';

/** How often the engine is asked what is missing. */
const LOOK_EVERY_MS = 2_000;
const STUN_EVERY_MS = 600_000;
const HTTPS_PORT = 443;

export interface FindingOptions {
  engine: Engine;
  policy: Policy;
  log: Log;
  handle(input: Input): void;
  /** What `mapped` or `state` say changed. */
  onChange(): void;
}

export class Finding {
  private discovery: Discovery | null = null;
  /** Null while no network is on. */
  private switches: DiscoverySwitches | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly meetings = new Map<number, Meeting>();
  private announced = '';
  private wishes: MappingWish[] = [];
  private wished = '[]';
  private stunAt = 0;
  private stopped = false;
  private working: Promise<void> = Promise.resolve();
  private readonly found = { lan: 0, dht: 0 };
  private told = '';

  constructor(private readonly options: FindingOptions) {}

  /** WEFT_DISCOVERY=none: for tests on machines whose network is not theirs. */
  start(): void {
    if (process.env['WEFT_DISCOVERY'] === 'none') return;
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Settings changed. */
  apply(): void {
    this.stunAt = 0;
    if (this.timer) this.look();
  }

  private wanted(networks: readonly Findable[]): DiscoverySwitches | null {
    return networks.length === 0 ? null : switchesOf(this.options.engine.settings, this.options.policy);
  }

  private async renew(): Promise<void> {
    await this.discovery?.stop();
    this.discovery = null;
    const { switches } = this;
    if (this.stopped || !switches) return this.tell();
    const discovery = await createDiscovery({
      switches,
      keyOf: (net, member) => this.findable(net)?.keyOf(member) ?? null,
      isOnline: (net, member) => this.findable(net)?.online.some((id) => sameBytes(id, member)) ?? false,
    });
    this.discovery = discovery;
    discovery.lan().onFound(({ net, member, endpoints }) => {
      this.found.lan++;
      this.options.handle({ kind: 'found', net, member, endpoints, by: 'lan' });
      this.tell();
    });
    discovery.portMapper().onChange(() => this.tell());
    this.announced = '';
    this.wished = '[]';
    this.tell();
    this.look();
  }

  private findable(net: number): Findable | undefined {
    return this.options.engine.findable().find((one) => one.net === net);
  }

  /** Ports that are bound here. `streams`: those of them that take streams. */
  bound(addresses: readonly string[], streams: ReadonlySet<string>): void {
    this.wishes = mappingWishes(addresses, streams);
    if (this.timer) this.look();
  }

  /** The machine's addresses changed. */
  readdressed(): void {
    this.discovery?.portMapper().refresh();
    this.discovery?.lan().refresh();
    for (const meeting of this.meetings.values()) meeting.moved();
    this.stunAt = 0;
  }

  private mapping(): MappingState {
    return this.discovery?.portMapper().state() ?? { state: 'off', mappings: [] };
  }

  /** What the router maps here, as others may call it. */
  mapped(): string[] {
    return mappedEndpoints(this.mapping());
  }

  state(): Omit<FindingView, 'nat' | 'observed'> {
    const { state, code, mappings } = this.mapping();
    const by = mappings[0]?.by;
    const words = [...this.meetings.values()].map(({ word }) => word);
    const last = words.find((word) => word !== 'idle') ?? 'idle';
    return {
      mapping: { state, endpoints: this.mapped(), ...(by && { by }), ...(code && { code }) },
      lan: { on: this.switches?.lan === true, found: this.found.lan },
      dht: { on: this.switches?.dht === true, found: this.found.dht, last },
    };
  }

  private tell(): void {
    const text = JSON.stringify(this.state());
    if (text === this.told || this.stopped) return;
    this.told = text;
    this.options.onChange();
  }

  private look(): void {
    if (this.stopped) return;
    const networks = this.options.engine.findable();
    const wanted = this.wanted(networks);
    if (JSON.stringify(wanted) !== JSON.stringify(this.switches)) {
      this.switches = wanted;
      this.working = this.working
        .then(() => this.renew())
        .catch((error: unknown) => this.options.log.write('warn', 'discovery', { why: String(error) }));
    } else if (this.discovery) this.work(this.discovery, networks);
    this.tell();
  }

  private work(discovery: Discovery, networks: readonly Findable[]): void {
    const wished = JSON.stringify(this.wishes);
    if (wished !== this.wished) {
      this.wished = wished;
      discovery.portMapper().set(this.wishes);
    }
    this.announce(discovery, networks);
    for (const net of this.meetings.keys()) if (!networks.some((one) => one.net === net)) this.meetings.delete(net);
    if (this.switches?.dht) for (const network of networks) this.meeting(network.net).look(network);
    if (networks.length > 0) void this.askStun(discovery);
  }

  private announce(discovery: Discovery, networks: readonly Findable[]): void {
    const list = networks.map(({ net, networkId, member, signSeed, endpoints, seeking }) => ({
      ...{ net, networkId, member, signSeed, seeking },
      endpoints: endpoints.slice(0, ENTRY_ENDPOINTS_MAX),
    }));
    const text = JSON.stringify(list.map(({ net, endpoints, seeking }) => [net, endpoints, seeking]));
    if (text === this.announced) return;
    this.announced = text;
    discovery.lan().set(list);
  }

  private meeting(net: number): Meeting {
    const known = this.meetings.get(net);
    if (known) return known;
    const meeting = new Meeting({
      rendezvous: () => this.discovery?.rendezvous(),
      found: (at, { member, endpoints }) => {
        this.found.dht++;
        this.options.handle({ kind: 'found', net: at, member, endpoints, by: 'dht' });
        this.tell();
      },
      note: (fields) => this.options.log.write('info', 'dht', fields),
    });
    this.meetings.set(net, meeting);
    return meeting;
  }

  private async askStun(discovery: Discovery): Promise<void> {
    const { stun: servers, only443 } = this.options.engine.settings;
    if (only443 || servers.length === 0 || performance.now() < this.stunAt) return;
    this.stunAt = performance.now() + STUN_EVERY_MS;
    const answers = await discovery.stun().ask(servers);
    this.options.handle({ kind: 'observed', answers });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    await this.working;
    await this.discovery?.stop();
    this.discovery = null;
  }
}

/** Null: nothing is asked at all. Beacons, routers, the DHT and STUN speak UDP, which is not the web. */
export function switchesOf({ portMapping, lan, dht, only443 }: FullSettings, policy: Policy): DiscoverySwitches | null {
  return only443 ? null : { portMapping: portMapping && policy.portMapping !== false, lan, dht };
}

/** Of the IPv4 ports bound here; streams also by 443, which passes where little else does. */
export function mappingWishes(addresses: readonly string[], streams: ReadonlySet<string>): MappingWish[] {
  const ports = new Map<number, boolean>();
  for (const address of addresses) {
    const { host, port } = split(address);
    if (!host.includes(':') && !host.startsWith('127.')) ports.set(Number(port), streams.has(address));
  }
  const wishes: MappingWish[] = [];
  for (const [local, hasStreams] of ports) {
    wishes.push({ protocol: 'udp', local, external: local });
    if (hasStreams) wishes.push({ protocol: 'tcp', local, external: local });
  }
  const stream = [...ports].find(([, hasStreams]) => hasStreams)?.[0];
  if (stream !== undefined && !ports.has(HTTPS_PORT))
    wishes.push({ protocol: 'tcp', local: stream, external: HTTPS_PORT });
  return wishes;
}

/** One endpoint for what is mapped for datagrams and streams alike. */
export function mappedEndpoints({ mappings }: MappingState): string[] {
  const endpoints = new Set(mappings.map(({ endpoint }) => endpoint));
  const place = (endpoint: string): string => endpoint.split('/')[0] as string;
  const both = (one: string): boolean => endpoints.has(`${one}/udp`) && endpoints.has(`${one}/tcp`);
  return [...new Set([...endpoints].map((one) => (both(place(one)) ? place(one) : one)))];
}
