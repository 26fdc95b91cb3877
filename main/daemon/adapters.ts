// The engine's way to adapters and names on this machine: the helper, a DNS server and an mDNS responder for each network.
import type { ErrorCode, Failure, Outcome } from '../../app/contract/errors.ts';
import { ok } from '../../app/contract/errors.ts';
import type { Problem, State } from '../../app/contract/state.ts';
import type { Input } from '../../app/engine/input.ts';
import type { AdapterRequest, Adapters, HostEntry, Log } from '../../app/engine/ports.ts';
import type { Addon } from '../host/addon.ts';
import { DnsServer } from '../host/dns/server.ts';
import { HelperClient, type AdapterSpec } from '../host/helper/client.ts';
import { MdnsResponder } from '../host/mdns/responder.ts';

export interface AdapterKeeperOptions {
  addon: Addon;
  stateDir: string;
  /** false: no adapters were wanted, so no helper either. */
  enabled: boolean;
  log: Log;
  onInput: (input: Input) => void;
  /** The helper's state or its problems changed. */
  onHelper: () => void;
  /** Adapters came, went or have other addresses. */
  onAdapters: () => void;
}

interface Kept {
  spec: AdapterSpec;
  open: boolean;
  dns: DnsServer | null;
  /** One for each family. */
  mdns: MdnsResponder[];
}

const specOf = ({ name, mac, mtu, ipv4, ipv6 }: AdapterRequest): AdapterSpec =>
  ipv4 === undefined ? { name, mac, mtu, ipv6 } : { name, mac, mtu, ipv4, ipv6 };
const bare = (address: string | undefined): string | undefined => address?.split('/')[0];

export class AdapterKeeper implements Adapters {
  helper: State['helper'];
  private failure: Failure | null = null;
  private dnsFailure: Failure | null = null;
  private readonly client: HelperClient;
  private readonly kept = new Map<number, Kept>();
  /** What the engine last asked for, by network; done (again) when the adapter comes up. */
  private readonly names = new Map<number, (kept: Kept) => void>();
  private started: Promise<Outcome<void>> | null = null;
  private stopped = false;

  constructor(private readonly options: AdapterKeeperOptions) {
    this.helper = options.enabled ? 'missing' : 'unneeded';
    this.client = new HelperClient({
      stateDir: options.stateDir,
      call: options.addon.helperCall,
      closeFd: options.addon.closeFd,
      onLost: () => this.lost(),
    });
  }

  /** Finds or starts the helper without asking anybody for a password; what failed is tried anew. */
  start(): Promise<Outcome<void>> {
    if (!this.options.enabled) return Promise.resolve(ok(undefined));
    return this.started ?? this.attempt(false);
  }

  /** The user pressed "Enable". */
  async install(): Promise<Outcome<void>> {
    const outcome = await this.attempt(true);
    if (outcome.ok) for (const [net, kept] of this.kept) if (!kept.open) this.openNow(net, kept);
    return outcome;
  }

  private attempt(ask: boolean): Promise<Outcome<void>> {
    const attempt = this.connect(ask).then((outcome) => {
      if (!outcome.ok && this.started === attempt) this.started = null;
      return outcome;
    });
    return (this.started = attempt);
  }

  private async connect(ask: boolean): Promise<Outcome<void>> {
    const outcome = await this.client.start(ask);
    const before = JSON.stringify(this.failure);
    this.failure = outcome.ok ? null : outcome.error;
    // Asked again and again: the same failure is told once.
    if (!outcome.ok && JSON.stringify(this.failure) === before) return outcome;
    this.helper = outcome.ok ? 'ready' : outcome.error.code === 'helper-refused' ? 'refused' : 'missing';
    this.options.log.write(outcome.ok ? 'info' : 'warn', 'helper', {
      state: this.helper,
      ...(outcome.ok ? {} : outcome.error.data),
    });
    if (!this.stopped) this.options.onHelper();
    return outcome;
  }

  private lost(): void {
    this.started = null;
    this.helper = 'missing';
    this.failure = { code: 'helper-missing', data: { why: 'it ended' } };
    if (!this.stopped) this.options.onHelper();
  }

  /** TCP port 443 of all addresses of one family, by the helper. Fails with `helper-missing`, `port-taken`. */
  async bindWeb(address: '0.0.0.0' | '::'): Promise<Outcome<{ fd: number }>> {
    const started = await this.start();
    return started.ok ? this.client.bindWeb(address) : started;
  }

  /** Adapters that are up. */
  list(): { net: number; name: string; ipv4?: string }[] {
    const open = [...this.kept].filter(([, kept]) => kept.open);
    return open.map(([net, { spec }]) => {
      const ipv4 = bare(spec.ipv4);
      return ipv4 === undefined ? { net, name: spec.name } : { net, name: spec.name, ipv4 };
    });
  }

  watch(groups: string[]): Outcome<{ fd: number }> {
    return this.client.watch(groups);
  }

  mirror(name: string, entries: { group: string; to: string }[]): Outcome<void> {
    return this.client.mirror(name, entries);
  }

  problems(): Problem[] {
    return [this.failure, this.dnsFailure].filter((one) => one !== null);
  }

  open(request: AdapterRequest): void {
    const kept: Kept = { spec: specOf(request), open: false, dns: null, mdns: [] };
    this.kept.set(request.net, kept);
    void this.start().then(() => this.openNow(request.net, kept));
  }

  private openNow(net: number, kept: Kept): void {
    if (this.stopped || this.kept.get(net) !== kept) return;
    const opened = this.client.open(kept.spec);
    if (!opened.ok) return this.failed(net, opened.error, kept.spec.name);
    kept.open = true;
    this.options.log.write('info', 'adapter', {
      name: kept.spec.name,
      ipv4: kept.spec.ipv4 ?? 'none',
      ipv6: kept.spec.ipv6.join(' '),
    });
    this.options.onInput({ kind: 'adapterReady', net, fd: opened.value.fd, name: kept.spec.name });
    this.names.get(net)?.(kept);
    this.options.onAdapters();
  }

  private failed(net: number, error: Failure, name: string): void {
    const code: ErrorCode = error.code === 'helper-missing' && this.failure ? this.failure.code : error.code;
    this.options.log.write('warn', 'adapter-failed', { name, code, ...error.data });
    this.options.onInput({ kind: 'adapterFailed', net, code, data: { ...error.data, name } });
  }

  readdress(request: AdapterRequest): void {
    const kept = this.kept.get(request.net);
    if (!kept) return;
    kept.spec = specOf(request);
    void this.start().then(() => {
      if (this.stopped || !kept.open) return;
      const done = this.client.readdress(kept.spec);
      this.closeNames(kept);
      this.names.get(request.net)?.(kept);
      if (!done.ok) this.failed(request.net, done.error, kept.spec.name);
      this.options.onAdapters();
    });
  }

  carrier(net: number, on: boolean): void {
    const kept = this.kept.get(net);
    if (!kept?.open) return;
    const done = this.client.carrier(kept.spec.name, on);
    if (!done.ok) this.options.log.write('warn', 'carrier', { name: kept.spec.name, code: done.error.code });
  }

  close(net: number): void {
    const kept = this.kept.get(net);
    this.kept.delete(net);
    if (!kept) return;
    this.closeNames(kept);
    if (kept.open) this.client.close(kept.spec.name);
    this.options.onAdapters();
  }

  setNames(net: number, domain: string, own: { name: string; addresses: string[] }, hosts: HostEntry[]): void {
    this.names.set(net, (kept) => this.register(kept, domain, own, hosts));
    const kept = this.kept.get(net);
    if (kept?.open) this.register(kept, domain, own, hosts);
  }

  private register(kept: Kept, domain: string, own: { name: string; addresses: string[] }, hosts: HostEntry[]): void {
    if (hosts.length === 0 || domain === '') {
      this.closeNames(kept);
      this.client.clearNames(kept.spec.name);
      return;
    }
    const server = this.serveDns(kept);
    kept.dns?.set(hosts);
    const pairs = hosts.flatMap(({ name, addresses }) => addresses.map((address): [string, string] => [address, name]));
    const registered = this.client.setNames(kept.spec.name, domain, server === null ? [] : [server], pairs);
    this.dnsFailure = registered.ok
      ? null
      : { code: 'dns-unavailable', data: { why: registered.error.data?.['why'] ?? registered.error.code } };
    this.serveMdns(kept, own);
    if (!registered.ok) this.options.onHelper();
  }

  /** Address of the network's DNS server, null where port 53 cannot be had. */
  private serveDns(kept: Kept): string | null {
    const address = bare(kept.spec.ipv4) ?? bare(kept.spec.ipv6.find((one) => one.startsWith('fd')));
    if (address === undefined) return null;
    if (kept.dns) return address;
    const bound = this.client.bindDns(address);
    if (!bound.ok) {
      this.options.log.write('warn', 'dns', { address, ...bound.error.data });
      return null;
    }
    kept.dns = new DnsServer(bound.value.fd, address.includes(':'), (error) =>
      this.options.log.write('warn', 'dns', { error: error.message }),
    );
    return address;
  }

  private serveMdns(kept: Kept, own: { name: string; addresses: string[] }): void {
    if (own.name === '') return;
    const { name, ipv4, ipv6 } = kept.spec;
    const addresses = [bare(ipv4), bare(ipv6.find((one) => one.startsWith('fd')))];
    const failed = (error: unknown): void => this.options.log.write('warn', 'mdns', { error: String(error) });
    try {
      if (kept.mdns.length === 0)
        for (const address of addresses)
          if (address !== undefined) kept.mdns.push(new MdnsResponder(address, name, failed));
      for (const responder of kept.mdns)
        responder.set(own.name.endsWith('.local') ? own.name : `${own.name}.local`, own.addresses);
    } catch (error) {
      failed(error);
    }
  }

  private closeNames(kept: Kept): void {
    kept.dns?.close();
    for (const responder of kept.mdns) responder.close();
    kept.dns = null;
    kept.mdns = [];
  }

  /** `disconnect` deletes the adapters; otherwise the helper keeps them for its grace time. */
  async stop(disconnect: boolean): Promise<void> {
    this.stopped = true;
    await this.started;
    for (const kept of this.kept.values()) {
      this.closeNames(kept);
      if (disconnect && kept.open) this.client.close(kept.spec.name);
    }
    this.client.release();
  }
}
