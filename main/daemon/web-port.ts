// TCP port 443, where members behind strict firewalls reach this device: bound by the helper, as the settings say.
import type { Outcome } from '../../app/contract/errors.ts';
import type { Problem } from '../../app/contract/state.ts';
import type { Log } from '../../app/engine/ports.ts';
import type { ListenOptions, ListenResult, Listener } from '../transports/transport.ts';

const PORT = 443;
const FAMILIES = ['0.0.0.0', '::'] as const;

export interface WebPortOptions {
  bind(address: (typeof FAMILIES)[number]): Promise<Outcome<{ fd: number }>>;
  listen(address: ListenOptions['address']): Promise<ListenResult>;
  unlisten(listener: Listener): Promise<void>;
  closeFd(fd: number): void;
  log: Log;
  /** What it listens on, or its problem, changed. */
  onChange(): void;
}

export class WebPort {
  readonly #options: WebPortOptions;
  #listeners: Listener[] = [];
  #problem: Problem | null = null;
  #wanted = false;
  /** One change at a time, in order. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: WebPortOptions) {
    this.#options = options;
  }

  /** As listened on: "0.0.0.0:443", "[::]:443". */
  get addresses(): string[] {
    return this.#listeners.map(({ address }) => address);
  }

  problems(): Problem[] {
    return this.#problem ? [this.#problem] : [];
  }

  /** Opens or closes it; opens it again after a failure when asked again. */
  apply(on: boolean): Promise<void> {
    this.#wanted = on;
    return (this.#work = this.#work.then(() => this.#adjust()));
  }

  async #adjust(): Promise<void> {
    if (this.#wanted === this.#listeners.length > 0 && this.#problem === null) return;
    if (this.#wanted) await this.#open();
    else {
      this.#problem = null;
      await Promise.all(this.#listeners.splice(0).map((listener) => this.#options.unlisten(listener)));
    }
    this.#options.onChange();
  }

  async #open(): Promise<void> {
    const { bind, listen, closeFd, log } = this.#options;
    this.#problem = null;
    for (const host of FAMILIES) {
      const address = host.includes(':') ? `[${host}]:${PORT}` : `${host}:${PORT}`;
      if (this.addresses.includes(address)) continue;
      const bound = await bind(host);
      if (!bound.ok) {
        log.write('warn', 'port 443', { address, code: bound.error.code });
        // A machine without IPv6 goes on with IPv4.
        if (host === '0.0.0.0') this.#problem = { code: bound.error.code, data: { address } };
        continue;
      }
      const result = await listen({ fd: bound.value.fd, address });
      if (result.ok) this.#listeners.push(result.listener);
      else {
        closeFd(bound.value.fd);
        log.write('warn', 'port 443', { address, code: result.code });
      }
    }
  }
}
