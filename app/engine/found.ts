// What this device learned of places beside the gossip: where members were found and by what, and where others see this device.
import { originOf } from '../mesh/identity/identity.ts';
import { withoutCarrier } from '../mesh/paths/contacts.ts';
import { natKind, type NatKind } from '../mesh/paths/nat-kind.ts';
import type { Origin } from '../wire/messages/presence.ts';
import { hex } from '../wire/text.ts';
import type { Input } from './input.ts';
import type { Network } from './network.ts';
import type { Now } from './ports.ts';

type FoundInput = Extract<Input, { kind: 'found' }>;

/** How a member's endpoint became known. */
export type FoundBy = 'invite' | 'gossip' | 'lan' | 'dht' | 'mapping';

/** Places remembered of one member. */
const PLACES_MAX = 16;
/** Members and servers whose view of this device is kept. */
const OBSERVERS_MAX = 256;

export interface StunAnswer {
  server: string;
  /** "198.51.100.7:40000" */
  observed: string;
}

const addressOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'));

export class Found {
  readonly #places = new Map<Origin, Map<string, FoundBy>>();
  readonly #observed = new Map<string, string>();
  #stun: string[] = [];

  /** Endpoints by which a member was found that nothing else had told. */
  add(origin: Origin, endpoints: readonly string[], by: FoundBy): void {
    const places = this.#places.get(origin) ?? new Map<string, FoundBy>();
    for (const endpoint of endpoints) {
      const place = withoutCarrier(endpoint);
      places.delete(place);
      places.set(place, by);
      if (places.size > PLACES_MAX) places.delete(places.keys().next().value as string);
    }
    this.#places.set(origin, places);
  }

  by(origin: Origin, endpoint: string): FoundBy | undefined {
    return this.#places.get(origin)?.get(withoutCarrier(endpoint));
  }

  /** A member or a server saw this device's datagrams come from there. */
  observe(by: string, endpoint: string): void {
    this.#observed.delete(by);
    this.#observed.set(by, endpoint);
    if (this.#observed.size > OBSERVERS_MAX) this.#observed.delete(this.#observed.keys().next().value as string);
  }

  /** Newest last, one of each observer. */
  observed(): string[] {
    return [...this.#observed.values()];
  }

  /**
   * What STUN servers saw of another socket says at which address members may see this device, and that a port is kept or not. Returns
   * where it may be called, with the server that says so; nothing where each server sees another port.
   */
  stun(local: readonly string[], answers: readonly StunAnswer[]): [string, string][] {
    this.#stun = answers.map(({ observed }) => {
      const address = addressOf(observed);
      return local.map(withoutCarrier).find((own) => addressOf(own) === address) ?? observed;
    });
    if (new Set(this.#stun).size !== 1) return [];
    const port = local
      .map(withoutCarrier)
      .find((own) => !own.startsWith('['))
      ?.split(':')[1];
    return port === undefined ? [] : answers.map(({ server, observed }) => [`${addressOf(observed)}:${port}`, server]);
  }

  nat(local: readonly string[], mapped: readonly string[]): NatKind {
    const kind = natKind(local, mapped, this.observed());
    return (kind === 'unknown' || kind === 'nat') && this.#stun.length > 0 ? natKind(local, mapped, this.#stun) : kind;
  }

  /** This device is somewhere else now. */
  moved(): void {
    this.#observed.clear();
    this.#stun = [];
  }
}

/** A member was found by other means than the network's own. */
export function takeFound(network: Network, now: Now, { member, endpoints, by }: FoundInput): void {
  const { roll, paths, places } = network;
  const origin = hex(originOf(member));
  if (roll.standing(origin) !== 'member') return;
  network.learn(now, () => {
    const known = new Set(paths.contacts.endpointsOf(origin).map(withoutCarrier));
    const news = endpoints.filter((endpoint) => !known.has(withoutCarrier(endpoint)));
    // What says nothing new may be a replay: it hastens nothing.
    if (news.length === 0) return;
    places.add(origin, news, by);
    paths.hint(origin, news);
    if (!paths.contacts.isUp(origin)) paths.contacts.moved(origin, now.mono);
  });
}

/** STUN servers saw this device. */
export function takeObserved(
  network: Network,
  now: Now,
  local: readonly string[],
  answers: readonly StunAnswer[],
): void {
  network.learn(now, () => {
    for (const [endpoint, server] of network.places.stun(local, answers))
      network.paths.observed(now, endpoint, server, true);
    // Answers that differ say how the NAT draws its ports.
    for (const { observed, server } of answers) network.paths.drew(now, observed, server);
  });
}
