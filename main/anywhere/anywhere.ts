// Keeps the host's side in step with what its programs joined and what the settings choose.
import { networkInterfaces } from 'node:os';
import type { Outcome } from '../../app/contract/errors.ts';
import { chooser, groupsOf, planFor, type Held, type Joined } from '../../app/engine/anywhere.ts';
import type { Log } from '../../app/engine/ports.ts';
import { LAN_GROUP_IPV4, LAN_GROUP_IPV6, LAN_PORT } from '../discovery/lan.ts';
import { joinedGroups } from './joined.ts';
import { Memberships, type Place } from './memberships.ts';

/** There is no event for memberships; programs that look for others repeat themselves. */
export const LOOK_EVERY_MS = 2_000;
/** DHCP, NetBIOS, mDNS and LLMNR: about the own LAN, whatever group they use. */
const EXCEPT_PORTS = [67, 68, 137, 138, 546, 547, 5353, 5355, LAN_PORT];
const OWN_GROUPS: string[] = [LAN_GROUP_IPV4, LAN_GROUP_IPV6];

export interface OpenAdapter extends Place {
  net: number;
}

export interface AnywhereOptions {
  /** Adapters that are up. */
  adapters(): OpenAdapter[];
  /** Of the helper; its end of a socket pair. */
  watch(groups: string[]): Outcome<{ fd: number }>;
  mirror(name: string, entries: Held['mirror']): Outcome<void>;
  setAnywhere(
    options: { fd: number; own: string[]; groups: string[]; exceptPorts: number[]; nets: number[] } | null,
  ): void;
  /** UDP ports of Weft's own sockets. */
  ports(): number[];
  log: Log;
  joined?: () => Joined[];
}

/** What is going on, for the doctor. */
export interface AnywhereState {
  taking: boolean;
  held: { adapter: string; groups: string[] }[];
  /** Why sockets bound to one interface are not served; empty: they are, or there is no need. */
  noMirror: string;
}

export class Anywhere {
  readonly #options: AnywhereOptions;
  readonly #memberships: Memberships;
  #timer: NodeJS.Timeout | null = null;
  #groups: string[] = [];
  #isChosen: (group: string) => boolean = () => false;
  /** What the data plane was told. */
  #told = '';
  readonly #mirrors = new Map<string, string>();
  #noMirror = '';

  constructor(options: AnywhereOptions) {
    this.#options = options;
    this.#memberships = new Memberships(options.log);
  }

  /** The setting; nothing chosen: nothing is done. */
  apply(setting: readonly string[]): void {
    this.#groups = groupsOf(setting) ?? [];
    const isChosen = chooser(this.#groups);
    this.#isChosen = (group) => isChosen(group) && !OWN_GROUPS.includes(group);
    this.look();
    if (this.#groups.length === 0) return this.#stopLooking();
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  /** The helper is another one: what it was told is forgotten. */
  reset(): void {
    this.#told = '';
    this.#mirrors.clear();
    this.look();
  }

  look(): void {
    const adapters = this.#options.adapters();
    this.#memberships.keep(adapters.map(({ name }) => name));
    const joined = this.#groups.length > 0 ? (this.#options.joined ?? joinedGroups)() : [];
    for (const adapter of adapters) this.#serve(adapter, joined);
    this.#take(adapters);
  }

  #serve(adapter: OpenAdapter, joined: Joined[]): void {
    const { hold, mirror } = planFor(adapter.name, joined, this.#memberships.on(adapter.name), this.#isChosen);
    const present = new Set(joined.filter((one) => one.interface === adapter.name).map(({ group }) => group));
    this.#memberships.set(adapter, hold, present);
    const text = JSON.stringify(mirror);
    if ((this.#mirrors.get(adapter.name) ?? '[]') === text) return;
    this.#mirrors.set(adapter.name, text);
    const done = this.#options.mirror(adapter.name, mirror);
    this.#noMirror = done.ok ? '' : (done.error.data?.['why'] ?? done.error.code);
    if (!done.ok)
      this.#options.log.write('warn', 'mirror', { name: adapter.name, code: done.error.code, ...done.error.data });
  }

  #take(adapters: OpenAdapter[]): void {
    const taking = this.#groups.length > 0 && adapters.length > 0;
    const others = Object.entries(networkInterfaces()).filter(([name]) => !name.startsWith('weft'));
    const own = others.flatMap(([, list]) =>
      (list ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
    );
    const exceptPorts = [...EXCEPT_PORTS, ...this.#options.ports()];
    const wish = { own, groups: this.#groups, exceptPorts, nets: adapters.map(({ net }) => net) };
    const text = taking ? JSON.stringify(wish) : '';
    if (text === this.#told) return;
    if (!taking) this.#options.setAnywhere(null);
    else {
      const watch = this.#options.watch(this.#groups);
      if (!watch.ok) return;
      this.#options.setAnywhere({ fd: watch.value.fd, ...wish });
    }
    this.#told = text;
  }

  state(): AnywhereState {
    const held = this.#options
      .adapters()
      .map(({ name }) => ({ adapter: name, groups: [...this.#memberships.on(name)] }));
    return { taking: this.#told !== '', held, noMirror: this.#noMirror };
  }

  #stopLooking(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  stop(): void {
    this.#stopLooking();
    this.#memberships.stop();
    if (this.#told !== '') this.#options.setAnywhere(null);
    this.#told = '';
  }
}
