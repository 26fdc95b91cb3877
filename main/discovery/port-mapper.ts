// Keeps mappings at the gateway: asks by PCP, NAT-PMP and UPnP in this order, renews at half the lifetime, withdraws at stop.
import type { MappingClient } from './mapping-clients.ts';
import type { Mapping, MappingCode, MappingState, MappingWish, Off, PortMapper } from './ports.ts';

export const MAPPING_LIFETIME_S = 3600;
/** After nothing was granted: gateways that just started answer late; later, that they restart or machines move. */
const RETRY_AFTER_MS = [10_000, 60_000, 15 * 60_000];
const RENEW_MIN_MS = 30_000;
const STOP_TIMEOUT_MS = 3000;
export const WISHES_MAX = 8;

export interface MapperOptions {
  /** Makes the clients, best first; called for each search, because gateways change. */
  clients: () => Promise<MappingClient[]>;
  lifetimeS?: number;
}

interface Held {
  wish: MappingWish;
  client: MappingClient;
  mapping: Mapping;
}

export class GatewayMapper implements PortMapper {
  #wishes: MappingWish[] = [];
  #held: Held[] = [];
  #state: MappingState = { state: 'off', mappings: [] };
  readonly #listeners = new Set<(state: MappingState) => void>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #failures = 0;
  /** One search at a time; a change meanwhile asks for another. */
  #work: Promise<void> = Promise.resolve();
  #clients: MappingClient[] | null = null;

  constructor(private readonly options: MapperOptions) {}

  set(wishes: MappingWish[]): void {
    this.#wishes = wishes.slice(0, WISHES_MAX);
    this.refresh();
  }

  refresh(): void {
    if (this.#stopped) return;
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#wishes.length > 0 && this.#held.length === 0) this.#tell({ state: 'searching', mappings: [] });
    this.#work = this.#work.then(() => this.#search()).catch(() => this.#after([], 'failed'));
  }

  state(): MappingState {
    return this.#state;
  }

  onChange(listener: (state: MappingState) => void): Off {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    const late = new Promise<void>((done) => setTimeout(done, STOP_TIMEOUT_MS).unref());
    await Promise.race([this.#work.then(() => this.#withdrawAll()), late]);
    this.#tell({ state: 'off', mappings: [] });
  }

  async #search(): Promise<void> {
    if (this.#stopped) return;
    const wishes = this.#wishes;
    await this.#withdraw((held) => !wishes.some((wish) => same(wish, held.wish)));
    if (wishes.length === 0) return this.#after([], undefined);
    this.#clients ??= await this.options.clients();
    let code: MappingCode = 'no-gateway';
    for (const client of this.#clients) {
      const held: Held[] = [];
      for (const wish of wishes) {
        const granted = await client.map(wish, this.options.lifetimeS ?? MAPPING_LIFETIME_S);
        if (granted === 'silent') break;
        code = 'refused';
        if (granted === 'refused') continue;
        const { address, external, lifetimeS } = granted;
        const endpoint = `${address}:${external}/${wish.protocol}`;
        held.push({ wish, client, mapping: { ...wish, endpoint, by: client.by, lifetimeS } });
      }
      if (held.length > 0) return this.#after(held, undefined);
    }
    await this.#withdrawAll();
    this.#after([], code);
  }

  #after(held: Held[], code: MappingCode | undefined): void {
    this.#held = held;
    if (held.length > 0) this.#failures = 0;
    const mappings = held.map((one) => one.mapping);
    if (mappings.length > 0) {
      const inner = mappings.every((mapping) => isPrivate(mapping.endpoint));
      this.#tell({ state: 'mapped', mappings, ...(inner && { code: 'behind-another-nat' as const }) });
    } else this.#tell({ state: this.#wishes.length > 0 ? 'none' : 'off', mappings, ...(code && { code }) });
    if (this.#stopped || this.#wishes.length === 0) return;
    const lifetimeMs = 1000 * Math.min(...mappings.map((mapping) => mapping.lifetimeS));
    const delay = mappings.length > 0 ? Math.max(RENEW_MIN_MS, lifetimeMs / 2) : this.#retryDelay();
    this.#timer = setTimeout(() => this.refresh(), delay).unref();
  }

  #retryDelay(): number {
    const at = Math.min(this.#failures++, RETRY_AFTER_MS.length - 1);
    return RETRY_AFTER_MS[at] as number;
  }

  async #withdraw(which: (held: Held) => boolean): Promise<void> {
    const gone = this.#held.filter(which);
    this.#held = this.#held.filter((held) => !which(held));
    await Promise.allSettled(gone.map((held) => held.client.unmap(held.wish, externalOf(held.mapping))));
  }

  async #withdrawAll(): Promise<void> {
    await this.#withdraw(() => true);
    const clients = this.#clients ?? [];
    this.#clients = null;
    await Promise.allSettled(clients.map((client) => client.close()));
  }

  #tell(state: MappingState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

const same = (a: MappingWish, b: MappingWish): boolean =>
  a.protocol === b.protocol && a.local === b.local && a.external === b.external;

const externalOf = (mapping: Mapping): number => Number(/:(\d+)\//.exec(mapping.endpoint)?.[1] ?? mapping.external);

/** RFC 1918, carriers' shared space, link-local, loopback. */
export const isPrivate = (endpoint: string): boolean =>
  /^(0\.|10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(
    endpoint,
  );
