// The engine's `Links` port over the stream transports: dials, takes in who calls, joins both with the data plane.
import type { DataplaneEvent, Log } from '../../app/engine/ports.ts';
import type { DialTarget, StreamTarget, WebRtcTarget } from '../../app/mesh/paths/caller.ts';
import { dialStream } from './dial.ts';
import { streamFilter, type AddressFilter } from './guard.ts';
import { WEBRTC_DIALS_MAX, WEBRTC_SIGNALS_WAITING_MAX } from './limits.ts';
import { listenShared } from './listener.ts';
import { Pump, type LinkPort, type PumpCounters } from './pump.ts';
import type { Environment, ProxyFinder } from './proxy/find.ts';
import {
  STREAM_TRANSPORTS,
  type DialCode,
  type DialResult,
  type Dialling,
  type LinkIo,
  type ListenOptions,
  type ListenResult,
  type Listener,
  type ListenerCounters,
  type ProxyServer,
  type StreamTransport,
} from './transport.ts';
import type { WebRtcDialling } from './webrtc.ts';
import type { IceServer } from './webrtc-channel.ts';

/** What the engine hears; `link` is the data plane's number ("link:7" as a way). Never told within the call that caused it. */
export type LinkInput =
  | { kind: 'linkOpen'; dial: number; link: number; transport: string; endpoint: string; proxy?: string }
  | { kind: 'linkFailed'; dial: number; code: DialCode }
  /** A WebRTC dial wants its other end to know this. */
  | { kind: 'linkSignal'; dial: number; bytes: Uint8Array }
  /** A link that `linkOpen` had named is gone. */
  | { kind: 'linkClosed'; link: number };

/** Streams: `auto` fails with `no-proxy` when the machine's settings name none for this target. */
export type LinkTarget = DialTarget;

export interface TransportLinksOptions {
  port: LinkPort;
  log: Log;
  onInput(input: LinkInput): void;
  /** What `proxies()` says changed. */
  onProxies?(): void;
  /** Transports that may be used, both ways; all unless told (an administrator's policy). */
  transports?: readonly StreamTransport[];
  environment?: Environment;
  /** The user's setting of the proxy (proxy/choice.ts) as it is now; "auto" unless told. */
  proxyChoice?(): string;
  /** STUN and TURN servers for WebRTC, as they are when a dial begins; none unless told. */
  iceServers?(): IceServer[];
  /** Where streams may lead, looked at for each dial; tests over loopback say otherwise. */
  streamFilter?(): AddressFilter;
}

export interface LinkCounters extends PumpCounters {
  dials: number;
  listeners: (ListenerCounters & { address: string })[];
}

interface Pending {
  /** Null while proxies are looked up or code is loaded. */
  dialling: Dialling | null;
  webrtc?: WebRtcDialling;
  /** Of a WebRTC dial: signals that came before its code was loaded. */
  early?: Uint8Array[];
}

export class TransportLinks {
  readonly #options: TransportLinksOptions;
  readonly #pump: Pump;
  /** Null until proxies are looked for. */
  #finder: Promise<ProxyFinder> | null = null;
  #shown: string[] | null = null;
  readonly #transports: ReadonlySet<StreamTransport>;
  readonly #pending = new Map<number, Pending>();
  /** Links that the engine knows. */
  readonly #dialled = new Set<number>();
  readonly #listeners = new Set<Listener>();
  #dials = 0;
  #stopped = false;

  constructor(options: TransportLinksOptions) {
    this.#options = options;
    this.#transports = new Set(options.transports ?? STREAM_TRANSPORTS);
    this.#pump = new Pump({
      port: options.port,
      onClosed: (link, code) => {
        options.log.write('debug', 'link-closed', { link, code });
        if (this.#dialled.delete(link)) this.#tell({ kind: 'linkClosed', link });
      },
    });
  }

  // ---- what the engine sees ----

  dial(dial: number, target: LinkTarget): void {
    if (this.#stopped || this.#pending.has(dial)) return;
    this.#dials++;
    const pending: Pending = { dialling: null };
    this.#pending.set(dial, pending);
    const attempt = target.transport === 'webrtc' ? this.#meet(dial, pending, target) : this.#attempt(pending, target);
    void attempt.then((result) => {
      const { log } = this.#options;
      if (!result.ok) log.write('debug', 'dial-failed', { dial, transport: target.transport, code: result.code });
      this.#settle(dial, pending, result);
    });
  }

  /** What the other end of a WebRTC dial says. */
  signal(dial: number, bytes: Uint8Array): void {
    const pending = this.#pending.get(dial);
    if (pending?.webrtc) pending.webrtc.signal(bytes);
    else if (pending?.early && pending.early.length < WEBRTC_SIGNALS_WAITING_MAX) pending.early.push(bytes);
  }

  /** Nothing is said of the dial any more. */
  cancel(dial: number): void {
    const pending = this.#pending.get(dial);
    this.#pending.delete(dial);
    pending?.dialling?.cancel();
  }

  /** Nothing is said of the link any more. */
  close(link: number): void {
    this.#dialled.delete(link);
    this.#pump.close(link);
  }

  /**
   * Whether the settings, the environment or the desktop name a proxy at all, and how to show it. Until a dial or a doctor made it look,
   * there may be one.
   */
  proxies(): { found: boolean; shown: string[] } {
    return { found: this.#shown === null || this.#shown.length > 0, shown: this.#shown ?? [] };
  }

  // ---- what the program around it does ----

  /** Opens one shared port that understands all allowed transports. For each: the UDP port's number, extra ones such as 443. */
  async listen(address: ListenOptions['address']): Promise<ListenResult> {
    const result = await listenShared({ address, transports: [...this.#transports], onLink: (io) => this.#take(io) });
    if (!result.ok) return result;
    if (this.#stopped) await result.listener.close();
    else this.#listeners.add(result.listener);
    return result;
  }

  async unlisten(listener: Listener): Promise<void> {
    this.#listeners.delete(listener);
    await listener.close();
  }

  /** Wants every batch of `Dataplane.poll`: links prove themselves by what the data plane says. */
  observe(events: readonly DataplaneEvent[]): void {
    for (const event of events) if (event.kind === 'link') this.#pump.state(event.link, event.state);
  }

  /**
   * A link that another carrier opened (WebRTC); `inbound`: the other side did. Its number, null when there are too many.
   * `linkClosed` tells its end when the engine is to know of it (`inbound` false).
   */
  adopt(io: LinkIo, inbound: boolean): number | null {
    const link = this.#pump.add(io, inbound);
    if (link !== null && !inbound) this.#dialled.add(link);
    return link;
  }

  /** Looks for proxies, now or again: what the settings, the environment and the desktop say at this time. */
  async lookForProxies(): Promise<void> {
    this.#finder ??= this.#makeFinder();
    const [finder, { proxySettings }] = await Promise.all([this.#finder, import('./proxy/proxies.ts')]);
    await finder.look(proxySettings(this.#options.proxyChoice?.() ?? 'auto'));
    const { shown } = finder;
    if (this.#stopped || shown.join() === this.#shown?.join()) return;
    this.#shown = shown;
    this.#options.onProxies?.();
  }

  /** The machine's network or the settings changed. What nobody asked for yet is not looked for. */
  async refreshProxies(): Promise<void> {
    if (this.#finder) await this.lookForProxies();
  }

  async #makeFinder(): Promise<ProxyFinder> {
    const { environment } = this.#options;
    const { ProxyFinder: Finder } = await import('./proxy/proxies.ts');
    return new Finder(environment ? { environment } : {});
  }

  counters(): LinkCounters {
    const listeners = [...this.#listeners].map((listener) => ({ address: listener.address, ...listener.counters() }));
    return { ...this.#pump.counters(), dials: this.#dials, listeners };
  }

  /** Ends dials, links and ports; the engine hears nothing of it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const dial of [...this.#pending.keys()]) this.cancel(dial);
    this.#dialled.clear();
    this.#pump.stop();
    await Promise.all([...this.#listeners].map((listener) => this.unlisten(listener)));
  }

  // ---- inside ----

  #take(io: LinkIo): void {
    const { transport, endpoint } = io;
    const link = this.#stopped ? null : this.#pump.add(io, true);
    if (link === null) io.close();
    else this.#options.log.write('debug', 'link-accepted', { link, transport, endpoint });
  }

  async #meet(dial: number, pending: Pending, { initiator }: WebRtcTarget): Promise<DialResult> {
    const underWay = [...this.#pending.values()].filter(({ early }) => early !== undefined).length;
    if (underWay >= WEBRTC_DIALS_MAX) return { ok: false, code: 'too-many-links' };
    pending.early = [];
    const { dialWebRtc } = await import('./webrtc.ts');
    if (this.#isCancelled(pending)) return { ok: false, code: 'cancelled' };
    const servers = this.#options.iceServers?.() ?? [];
    const onSignal = (bytes: Uint8Array): void => {
      if (this.#pending.get(dial) === pending) this.#tell({ kind: 'linkSignal', dial, bytes });
    };
    pending.webrtc = dialWebRtc({ initiator, servers, onSignal });
    pending.dialling = pending.webrtc;
    for (const bytes of pending.early.splice(0)) pending.webrtc.signal(bytes);
    return pending.webrtc.result;
  }

  async #attempt(pending: Pending, { transport, host, port, proxy }: StreamTarget): Promise<DialResult> {
    if (!this.#transports.has(transport)) return { ok: false, code: 'unavailable' };
    if (!(this.#options.streamFilter ?? streamFilter)()(host)) return { ok: false, code: 'forbidden' };
    const run = (server: ProxyServer | null): Promise<DialResult> => {
      pending.dialling = dialStream(transport, { host, port, proxy: server });
      return pending.dialling.result;
    };
    if (proxy === 'none') return run(null);
    const scheme = transport === 'http' || transport === 'ws' ? 'http' : 'https';
    if (this.#shown === null) await this.lookForProxies();
    const servers = (await (await this.#finder)?.resolve(scheme, host, port)) ?? [];
    let result: DialResult = { ok: false, code: 'no-proxy' };
    for (const server of servers) {
      if (this.#isCancelled(pending)) return { ok: false, code: 'cancelled' };
      result = await run(server);
      if (result.ok || result.code !== 'proxy-unreachable') return result;
    }
    return result;
  }

  #isCancelled(pending: Pending): boolean {
    return ![...this.#pending.values()].includes(pending);
  }

  #settle(dial: number, pending: Pending, result: DialResult): void {
    if (this.#pending.get(dial) !== pending) {
      if (result.ok) result.io.close();
      return;
    }
    this.#pending.delete(dial);
    if (!result.ok) return this.#tell({ kind: 'linkFailed', dial, code: result.code });
    const { transport, endpoint, proxy } = result.io;
    const link = this.#pump.add(result.io, false);
    if (link === null) return this.#tell({ kind: 'linkFailed', dial, code: 'too-many-links' });
    this.#dialled.add(link);
    this.#tell({ kind: 'linkOpen', dial, link, transport, endpoint, ...(proxy === undefined ? {} : { proxy }) });
  }

  #tell(input: LinkInput): void {
    // The engine must not be called from within its own calls.
    queueMicrotask(() => {
      if (!this.#stopped) this.#options.onInput(input);
    });
  }
}
