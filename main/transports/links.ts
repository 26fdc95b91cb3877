// The engine's `Links` port over the stream transports: dials, takes in who calls, joins both with the data plane.
import type { DataplaneEvent } from '../../app/engine/ports.ts';
import type { Log } from '../../app/engine/ports.ts';
import type { LinkPort } from './pump.ts';
import type { DialCode, LinkIo, ListenResult, ListenerCounters, StreamTransport } from './transport.ts';
import type { ProxySettings } from './proxy/find.ts';

/** What the engine hears; `link` is the data plane's number ("link:7" as a way). */
export type LinkInput =
  | { kind: 'linkOpen'; dial: number; link: number; transport: string; endpoint: string; proxy?: string }
  | { kind: 'linkFailed'; dial: number; code: DialCode }
  /** A link that `linkOpen` had named is gone. */
  | { kind: 'linkClosed'; link: number };

export interface TransportLinksOptions {
  port: LinkPort;
  log: Log;
  onInput(input: LinkInput): void;
  /** The proxies found changed (`proxies()`). */
  onProxies?(): void;
  /** Transports that may be used, both ways; all unless told (an administrator's policy). */
  transports?: readonly StreamTransport[];
  proxy?: ProxySettings;
  environment?: Record<string, string | undefined>;
}

export interface TransportLinks {
  dial(dial: number, target: { transport: StreamTransport; host: string; port: number; proxy: 'none' | 'auto' }): void;
  cancel(dial: number): void;
  close(link: number): void;
  proxies(): { found: boolean; shown: string[] };

  /** One shared port that understands all transports. Call it for each: the UDP port's number, extra ones such as 443. */
  listen(address: string | { fd: number; address: string }): Promise<ListenResult>;
  /** Hand it every batch of `Dataplane.poll`: it needs the `link` events. */
  observe(events: readonly DataplaneEvent[]): void;
  /** A link that some other carrier opened (WebRTC). Returns its number, null when there are too many. */
  adopt(io: LinkIo): number | null;
  /** Looks for proxies again: at the start (done by itself), when the settings or the machine's network changed. */
  lookForProxies(settings?: ProxySettings): Promise<void>;
  counters(): LinkCounters;
  stop(): Promise<void>;
}

export interface LinkCounters {
  open: number;
  opened: number;
  malformed: number;
  unproven: number;
  listeners: (ListenerCounters & { address: string })[];
}

export declare function openLinks(options: TransportLinksOptions): TransportLinks;
