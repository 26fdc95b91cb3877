// One network's meeting place in the DHT: publishes and looks up when the schedule says so, and remembers how it went.
import type { Findable } from '../../app/engine/findable.ts';
import { ENTRY_ENDPOINTS_MAX } from '../../app/mesh/discovery/entry.ts';
import { mayPublish, rendezvousKeys } from '../../app/mesh/discovery/rendezvous.ts';
import { RendezvousSchedule, type RendezvousStep } from '../../app/mesh/discovery/schedule.ts';
import { dayOf } from '../../app/mesh/discovery/seal.ts';
import { isPrivatePlace } from '../../app/mesh/paths/nat-kind.ts';
import { sameBytes } from '../../app/wire/text.ts';
import type { Rendezvous, RendezvousFound } from '../discovery/ports.ts';
import { sealCrypto } from '../discovery/seal-crypto.ts';

/** What came of the last work there. */
export type DhtWord = 'idle' | 'working' | 'published' | 'found' | 'nothing' | 'unreachable';

export interface MeetingOptions {
  rendezvous(): Rendezvous | undefined;
  found(net: number, found: RendezvousFound): void;
  /** One line for the log. */
  note(fields: Record<string, unknown>): void;
}

/** What counts outside comes first: few endpoints fit into a record. */
const outerFirst = (endpoints: readonly string[]): string[] =>
  [...endpoints].sort((a, b) => Number(isPrivatePlace(a)) - Number(isPrivatePlace(b))).slice(0, ENTRY_ENDPOINTS_MAX);

export class Meeting {
  word: DhtWord = 'idle';
  private readonly schedule = new RendezvousSchedule(performance.now(), Math.random);

  constructor(private readonly options: MeetingOptions) {}

  moved(): void {
    this.schedule.moved(performance.now());
  }

  look(network: Findable): void {
    const { secret, lost } = network;
    // Alone in a network there is nobody to meet.
    if (secret === null || (!lost && network.online.length === 0)) return;
    const endpoints = outerFirst(network.endpoints);
    const publisher = (): boolean => {
      const keys = rendezvousKeys(sealCrypto, network.networkId, secret, dayOf(Date.now()));
      return mayPublish(sealCrypto, keys, network.member, network.online);
    };
    const step = this.schedule.next(performance.now(), { lost, publisher, text: endpoints.join() });
    if (step) void this.work(network, secret, endpoints, step);
  }

  private async work(network: Findable, secret: Uint8Array, endpoints: string[], step: RendezvousStep): Promise<void> {
    const { networkId, member, signSeed, keyOf, seeking } = network;
    const rendezvous = this.options.rendezvous();
    this.word = 'working';
    const told = { published: 0, found: 0 };
    // What one of both brings need not wait for the other.
    const [published, found] = await Promise.all([
      step.publish
        ? rendezvous?.publish({ networkId, secret }, { member, signSeed, endpoints }, keyOf).then((result) => {
            if (result.ok) told.published = this.tell(network, result.value.found);
            return result;
          })
        : undefined,
      step.lookup
        ? rendezvous?.lookup({ networkId, secret }, keyOf).then((result) => {
            if (result.ok) told.found = this.tell(network, result.value);
            return result;
          })
        : undefined,
    ]);
    const reached = published?.ok === true || found?.ok === true;
    this.schedule.done(performance.now(), step, published?.ok === true, reached);
    const others = Math.max(told.published, told.found);
    this.options.note({
      ...(published && { published: published.ok ? published.value.word : published.code }),
      ...(published?.ok && { foundThere: told.published }),
      ...(found && { found: found.ok ? told.found : found.code }),
    });
    this.word = others > 0 ? 'found' : published?.ok ? 'published' : reached ? 'nothing' : 'unreachable';
    // Members that slept through a removal meet under the secret of before; nobody else publishes there.
    if (reached && seeking && others === 0) for (const before of network.previous) await this.before(network, before);
  }

  private async before(network: Findable, secret: Uint8Array): Promise<void> {
    const found = await this.options.rendezvous()?.lookup({ networkId: network.networkId, secret }, network.keyOf);
    if (found?.ok && this.tell(network, found.value) > 0) this.word = 'found';
  }

  private tell({ net, member }: Findable, found: RendezvousFound[]): number {
    const others = found.filter((one) => !sameBytes(one.member, member));
    for (const one of others) this.options.found(net, one);
    return others.length;
  }
}
