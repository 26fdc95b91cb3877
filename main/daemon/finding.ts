// Finds members by other means than the network's own: beacons on the local network, the router's ports, and the DHT when all else failed.
import type { Engine } from '../../app/engine/engine.ts';
import type { Findable } from '../../app/engine/findable.ts';
import type { Input, Policy } from '../../app/engine/input.ts';
import type { Log } from '../../app/engine/ports.ts';
import { mayPublish, PUBLISH_EVERY_MS, rendezvousKeys } from '../../app/mesh/discovery/rendezvous.ts';
import { dayOf } from '../../app/mesh/discovery/seal.ts';
import { createDiscovery } from '../discovery/discovery.ts';
import type { Discovery, DiscoverySwitches, MappingState, MappingWish } from '../discovery/ports.ts';
import { sealCrypto } from '../discovery/seal-crypto.ts';
import { split } from './listening.ts';

/** How often the engine is asked what is missing. */
const LOOK_EVERY_MS = 5_000;
/** A network without any session is looked up after this long, and then again after these. */
const LOST_AFTER_MS = 10_000;
const LOOKUP_AGAIN_MS = [12_000, 15_000, 30_000, 60_000, 120_000, 300_000, 900_000];
/** The first publication, when all is well. */
const PUBLISH_AFTER_MS = 60_000;

export interface FindingOptions {
  engine: Engine;
  policy: Policy;
  log: Log;
  handle(input: Input): void;
  /** Endpoints that the router maps here changed. */
  onMapped(): void;
}

interface Dht {
  lostSince: number;
  lookups: number;
  lookupAt: number;
  publishAt: number;
  busy: boolean;
}

export interface FindingState {
  mapping: MappingState;
  lan: boolean;
  dht: boolean;
  /** Look-ups made, members found by them. */
  lookups: number;
  found: { lan: number; dht: number };
}

export class Finding {
  private readonly options: FindingOptions;
  private discovery: Discovery | null = null;
  private switches: DiscoverySwitches = { portMapping: false, lan: false, dht: false };
  private timer: NodeJS.Timeout | null = null;
  private readonly dht = new Map<number, Dht>();
  private announced = '';
  private wishes: MappingWish[] = [];
  private stopped = false;
  private working: Promise<void> = Promise.resolve();
  private readonly figures = { lookups: 0, found: { lan: 0, dht: 0 } };

  constructor(options: FindingOptions) {
    this.options = options;
  }

  start(): void {
    this.apply();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Settings changed: parts that are off end, those that are on begin. */
  apply(): void {
    const { engine, policy } = this.options;
    const { portMapping, lan, dht } = engine.settings;
    const wanted = { portMapping: portMapping && policy.portMapping !== false, lan, dht };
    if (this.discovery && JSON.stringify(wanted) === JSON.stringify(this.switches)) return;
    this.switches = wanted;
    this.working = this.working.then(() => this.renew()).catch((error: unknown) => this.failed(error));
  }

  private failed(error: unknown): void {
    this.options.log.write('warn', 'discovery', { why: String(error) });
  }

  private async renew(): Promise<void> {
    await this.discovery?.stop();
    this.discovery = null;
    if (this.stopped) return;
    const discovery = await createDiscovery({
      switches: this.switches,
      keyOf: (net, member) => this.findable(net)?.keyOf(member) ?? null,
    });
    this.discovery = discovery;
    discovery.lan().onFound(({ net, member, endpoints }) => {
      this.figures.found.lan++;
      this.options.handle({ kind: 'found', net, member, endpoints, by: 'lan' });
    });
    discovery.portMapper().onChange(() => this.options.onMapped());
    discovery.portMapper().set(this.wishes);
    this.announced = '';
    this.look();
  }

  private findable(net: number): Findable | undefined {
    return this.options.engine.findable().find((one) => one.net === net);
  }

  /** Ports that are bound here and can be called from outside once the router maps them. `streams`: those of them that take streams. */
  bound(addresses: readonly string[], streams: ReadonlySet<string>): void {
    const wishes: MappingWish[] = [];
    for (const address of addresses) {
      const { host, port } = split(address);
      if (host.includes(':')) continue;
      const local = Number(port);
      wishes.push({ protocol: 'udp', local, external: local });
      if (!streams.has(address)) continue;
      wishes.push({ protocol: 'tcp', local, external: local });
      if (local !== 443) wishes.push({ protocol: 'tcp', local, external: 443 });
    }
    if (JSON.stringify(wishes) === JSON.stringify(this.wishes)) return;
    this.wishes = wishes;
    this.discovery?.portMapper().set(wishes);
  }

  /** The machine's addresses changed. */
  readdressed(): void {
    this.discovery?.portMapper().refresh();
    this.discovery?.lan().refresh();
    // Somewhere else, what did not help before may help now.
    for (const dht of this.dht.values()) dht.lookups = 0;
  }

  /** What the router maps here, as others may call it. */
  mapped(): string[] {
    const state = this.discovery?.portMapper().state();
    const endpoints = new Set(state?.mappings.map(({ endpoint }) => endpoint) ?? []);
    const bare = [...endpoints].map((endpoint) => endpoint.split('/')[0] as string);
    const both = bare.filter((one) => endpoints.has(`${one}/udp`) && endpoints.has(`${one}/tcp`));
    return [...new Set([...both, ...[...endpoints].filter((one) => !both.includes(one.split('/')[0] as string))])];
  }

  state(): FindingState {
    const mapping = this.discovery?.portMapper().state() ?? { state: 'off', mappings: [] };
    return { mapping, lan: this.switches.lan, dht: this.switches.dht, ...this.figures };
  }

  private look(): void {
    if (!this.discovery || this.stopped) return;
    const networks = this.options.engine.findable();
    this.announce(networks);
    if (this.switches.dht) for (const network of networks) this.rendezvous(network);
    for (const net of this.dht.keys()) if (!networks.some((one) => one.net === net)) this.dht.delete(net);
  }

  private announce(networks: readonly Findable[]): void {
    const list = networks.map(({ net, networkId, member, signSeed, endpoints, seeking }) => ({
      ...{ net, networkId, member, signSeed, seeking },
      endpoints: endpoints.slice(0, 6),
    }));
    const text = JSON.stringify(list.map(({ net, endpoints, seeking }) => [net, endpoints, seeking]));
    if (text === this.announced) return;
    this.announced = text;
    this.discovery?.lan().set(list);
  }

  private rendezvous(network: Findable): void {
    const now = performance.now();
    let dht = this.dht.get(network.net);
    if (!dht) {
      dht = { lostSince: Infinity, lookups: 0, lookupAt: Infinity, publishAt: now + PUBLISH_AFTER_MS, busy: false };
      this.dht.set(network.net, dht);
    }
    if (!network.lost) {
      Object.assign(dht, { lostSince: Infinity, lookups: 0, lookupAt: Infinity });
    } else if (dht.lostSince === Infinity) {
      dht.lostSince = now;
      dht.lookupAt = now + LOST_AFTER_MS;
    }
    if (dht.busy || network.secret === null) return;
    if (dht.lookupAt <= now) void this.lookup(network, network.secret, dht);
    else if (dht.publishAt <= now && network.online.length > 0) void this.publish(network, network.secret, dht);
  }

  private async lookup(network: Findable, secret: Uint8Array, dht: Dht): Promise<void> {
    dht.busy = true;
    this.figures.lookups++;
    const rendezvous = this.discovery?.rendezvous();
    const at = { networkId: network.networkId, secret };
    // The others may be looking for this member, too: where it is now is said first.
    const self = { member: network.member, signSeed: network.signSeed, endpoints: network.endpoints.slice(0, 6) };
    const [published, found] = await Promise.all([
      rendezvous?.publish(at, self, network.keyOf),
      rendezvous?.lookup(at, network.keyOf),
    ]);
    const again = LOOKUP_AGAIN_MS[Math.min(dht.lookups, LOOKUP_AGAIN_MS.length - 1)] as number;
    dht.lookups++;
    dht.lookupAt = dht.lostSince === Infinity ? Infinity : performance.now() + again;
    dht.busy = false;
    const others = found?.ok ? found.value.filter(({ member }) => !same(member, network.member)) : [];
    this.options.log.write('info', 'dht', {
      published: published?.ok ? published.value : (published?.code ?? 'off'),
      found: found?.ok ? others.length : (found?.code ?? 'off'),
    });
    this.figures.found.dht += others.length;
    for (const { member, endpoints } of others)
      this.options.handle({ kind: 'found', net: network.net, member, endpoints, by: 'dht' });
  }

  /** All is well: somebody who was away for long should find the network by one of three. */
  private async publish(network: Findable, secret: Uint8Array, dht: Dht): Promise<void> {
    dht.publishAt = performance.now() + PUBLISH_EVERY_MS * (0.9 + Math.random() * 0.2);
    const keys = rendezvousKeys(sealCrypto, network.networkId, secret, dayOf(Date.now()));
    if (!mayPublish(sealCrypto, keys, network.member, network.online)) return;
    dht.busy = true;
    const self = { member: network.member, signSeed: network.signSeed, endpoints: network.endpoints.slice(0, 6) };
    const done = await this.discovery
      ?.rendezvous()
      .publish({ networkId: network.networkId, secret }, self, network.keyOf);
    dht.busy = false;
    if (done && !done.ok) this.options.log.write('info', 'dht', { publish: done.code });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    await this.working;
    await this.discovery?.stop();
    this.discovery = null;
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, at) => byte === b[at]);
