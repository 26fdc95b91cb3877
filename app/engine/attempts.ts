// What each transport came to with each member at its last try: for the doctor and the connection page.
import type { Attempt } from '../contract/state.ts';
import type { DialTarget } from '../mesh/paths/caller.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { LinkInput } from './ports.ts';

/** Members remembered; who was tried longest ago makes room. */
const MEMBERS_MAX = 64;
/** Dials under way of which the member is remembered. */
const DIALS_MAX = 256;
/** Said of a dial that nothing can be learned from; `forbidden`: of another's private addresses, mostly. */
const TELLS_NOTHING = ['cancelled', 'no-proxy', 'too-many-links', 'forbidden'];

interface Dial {
  origin: Origin;
  transport: string;
  proxied: boolean;
  place?: string;
}

export class Attempts {
  readonly #members = new Map<Origin, Map<string, Attempt>>();
  readonly #dials = new Map<number, Dial>();

  began(dial: number, origin: Origin, target: DialTarget): void {
    if (this.#dials.size >= DIALS_MAX) this.#dials.delete(this.#dials.keys().next().value as number);
    const { transport } = target;
    if (transport === 'webrtc') this.#dials.set(dial, { origin, transport, proxied: false });
    else {
      const host = target.host.includes(':') ? `[${target.host}]` : target.host;
      this.#dials.set(dial, { origin, transport, proxied: target.proxy === 'auto', place: `${host}:${target.port}` });
    }
  }

  /** Called off or settled: nothing more will be said of it. */
  ended(dial: number): void {
    this.#dials.delete(dial);
  }

  /** What a transport says of a dial. */
  take(input: LinkInput): void {
    if (input.kind !== 'linkOpen' && input.kind !== 'linkFailed') return;
    const dial = this.#dials.get(input.dial);
    if (!dial) return;
    const code = input.kind === 'linkOpen' ? 'reached' : input.code;
    if (!TELLS_NOTHING.includes(code)) this.#set(dial.origin, dial.transport, code, dial.proxied, dial.place);
  }

  /** A session by datagrams is up, or has moved. */
  up(origin: Origin, endpoint: string | undefined): void {
    this.#set(origin, 'udp', 'reached', false, endpoint);
  }

  /** Datagrams were not answered. */
  silent(origin: Origin): void {
    this.#set(origin, 'udp', 'no-answer', false);
  }

  /** In the order of their last try. */
  of(origin: Origin): Attempt[] {
    return [...(this.#members.get(origin)?.values() ?? [])];
  }

  clear(): void {
    this.#members.clear();
    this.#dials.clear();
  }

  #set(origin: Origin, transport: string, result: string, proxied: boolean, endpoint?: string): void {
    const known = this.#members.get(origin) ?? new Map<string, Attempt>();
    this.#members.delete(origin);
    this.#members.set(origin, known);
    if (this.#members.size > MEMBERS_MAX) this.#members.delete(this.#members.keys().next().value as Origin);
    const key = `${transport}${proxied ? ' by proxy' : ''}`;
    known.delete(key);
    known.set(key, { transport, result, ...(proxied && { proxied }), ...(endpoint && { endpoint }) });
  }
}
