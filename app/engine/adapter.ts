// The adapter of one network: asked for from the helper, handed to the data plane, retried where that may help.
import type { AdapterRequest, Adapters, Dataplane } from './ports.ts';
import type { Problems } from './problems.ts';

/** Codes that `adapterFailed` may bring; they are shown until the adapter is there. */
const ADAPTER_CODES = [
  'no-rights',
  'no-tun',
  'helper-missing',
  'helper-refused',
  'name-taken',
  'adapter-lost',
  'internal',
  'timeout',
];
/** Another name is tried when one that nobody chose is taken. */
export const ADAPTER_NAMES_MAX = 16;
/** A missing helper may be installed, a refusing one repaired: asked again this often. */
const RETRY_MS = 15_000;

export interface AdapterAddresses {
  mac: string;
  mtu: number;
  /** "10.87.3.9/16"; absent: IPv6 only. */
  ipv4?: string;
  ipv6: string[];
}

export interface AdapterName {
  name: string;
  /** The user chose it: no other is tried. */
  fixed: boolean;
}

export class Adapter {
  readonly #net: number;
  readonly #adapters: Adapters;
  readonly #dataplane: Dataplane;
  readonly #problems: Problems;
  #state: 'closed' | 'opening' | 'ready' | 'failed' = 'closed';
  #name: AdapterName;
  #addresses: AdapterAddresses;
  /** The machine's own network overlaps: IPv6 alone. */
  #withoutIpv4 = false;
  #tries = 0;
  #retryMono = Infinity;

  constructor(
    net: number,
    ports: { adapters: Adapters; dataplane: Dataplane },
    problems: Problems,
    name: AdapterName,
    addresses: AdapterAddresses,
  ) {
    this.#net = net;
    this.#adapters = ports.adapters;
    this.#dataplane = ports.dataplane;
    this.#problems = problems;
    this.#name = name;
    this.#addresses = addresses;
  }

  get name(): string {
    return this.#name.name;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Whether this machine uses the network's IPv4. */
  get ipv4Usable(): boolean {
    return !this.#withoutIpv4;
  }

  #request(): AdapterRequest {
    const { mac, mtu, ipv4, ipv6 } = this.#addresses;
    const request: AdapterRequest = { net: this.#net, name: this.#name.name, mac, mtu, ipv6 };
    if (ipv4 !== undefined && !this.#withoutIpv4) request.ipv4 = ipv4;
    return request;
  }

  open(): void {
    if (this.#state === 'opening' || this.#state === 'ready') return;
    this.#state = 'opening';
    this.#retryMono = Infinity;
    this.#adapters.open(this.#request());
  }

  /** The network got other addresses and began anew in the data plane: the same device, which the helper holds, is asked for again. */
  reopen(addresses: AdapterAddresses): void {
    this.#addresses = addresses;
    if (this.#state === 'closed') return;
    if (this.#state === 'ready') this.#adapters.readdress(this.#request());
    this.#state = 'closed';
    this.open();
  }

  carrier(on: boolean): void {
    if (this.#state === 'ready') this.#adapters.carrier(this.#net, on);
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'ready') this.#dataplane.detachAdapter(this.#net);
    this.#state = 'closed';
    this.#retryMono = Infinity;
    this.#adapters.close(this.#net);
  }

  /** False when nobody waits for it any more; the descriptor stays the caller's then. */
  onReady(nowMono: number, fd: number, name: string): boolean {
    if (this.#state !== 'opening' && this.#state !== 'failed') return false;
    this.#name = { ...this.#name, name };
    try {
      this.#dataplane.attachAdapter(this.#net, fd, name);
    } catch (error) {
      this.#fail(nowMono, 'internal', { why: error instanceof Error ? error.message : String(error) });
      return true;
    }
    this.#state = 'ready';
    this.#tries = 0;
    this.#problems.clear(...ADAPTER_CODES);
    return true;
  }

  /** `taken`: names of the other networks' adapters. */
  onFailed(nowMono: number, code: string, data: Record<string, string> | undefined, taken: readonly string[]): void {
    if (code === 'prefix-overlaps') {
      this.#problems.set(code, data);
      if (this.#withoutIpv4) return this.#fail(nowMono, 'internal', data);
      this.#withoutIpv4 = true;
      if (this.#state === 'ready') return this.#adapters.readdress(this.#request());
      this.#state = 'closed';
      return this.open();
    }
    if (this.#state === 'closed') return;
    if (code === 'name-taken' && !this.#name.fixed && ++this.#tries < ADAPTER_NAMES_MAX) {
      const next = nextName(this.#name.name, taken);
      this.#name = { ...this.#name, name: next };
      this.#state = 'closed';
      return this.open();
    }
    this.#fail(nowMono, code, data);
  }

  #fail(nowMono: number, code: string, data: Record<string, string> | undefined): void {
    this.#problems.set(code, { name: this.#name.name, ...data });
    if (this.#state === 'ready') return;
    this.#state = 'failed';
    this.#retryMono = nowMono + RETRY_MS;
  }

  /** The descriptor failed or somebody deleted the device. */
  onLost(nowMono: number): void {
    if (this.#state !== 'ready') return;
    this.#dataplane.detachAdapter(this.#net);
    this.#state = 'failed';
    this.#retryMono = nowMono + RETRY_MS;
    this.#problems.set('adapter-lost', { name: this.#name.name });
  }

  /** The helper came back, or the user pressed the remedy: no need to wait. */
  retry(): void {
    if (this.#state === 'failed') this.open();
  }

  nextDeadline(): number {
    return this.#retryMono;
  }

  tick(nowMono: number): void {
    if (this.#retryMono <= nowMono) this.retry();
  }
}

/** weft0 → weft1 …, past those that are taken. */
export function nextName(name: string, taken: readonly string[]): string {
  const match = /^(.*?)(\d+)$/.exec(name);
  const base = match ? (match[1] as string) : name;
  for (let n = match ? Number(match[2]) + 1 : 1; ; n++) if (!taken.includes(`${base}${n}`)) return `${base}${n}`;
}

/** Lowest weftN that no other network here uses. */
export function freeName(taken: readonly string[]): string {
  return taken.includes('weft0') ? nextName('weft0', taken) : 'weft0';
}
