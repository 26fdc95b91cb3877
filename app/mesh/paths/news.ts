// What follows from a member's new statement: links to be proved, and places to be called.
import { encodeMessage } from '../../wire/messages/message.ts';
import type { Origin, Presence } from '../../wire/messages/presence.ts';
import { withoutCarrier, type Contacts } from './contacts.ts';
import type { PathsIo } from './io.ts';
import { sameGroups } from './presence-table.ts';

export interface NewsIo {
  self: Origin;
  contacts: Contacts;
  paths: Pick<PathsIo, 'changed' | 'moved' | 'send'>;
  /** Somebody has new endpoints: the search for neighbours may go better now. */
  hopeful(nowMono: number): void;
}

export class News {
  readonly #io: NewsIo;

  constructor(io: NewsIo) {
    this.#io = io;
  }

  /** `before`: what the member said last; `on`: the network is switched on. */
  heard(nowMono: number, presence: Presence, before: Presence | undefined, on: boolean): void {
    const { paths } = this.#io;
    paths.changed('members');
    if (!before || !sameGroups(before, presence) || before.off !== presence.off) paths.changed('groups');
    this.#proveLost(nowMono, presence, before?.neighbours ?? []);
    if (!on || before?.endpoints.join() === presence.endpoints.join()) return;
    this.#io.hopeful(nowMono);
    this.#callAnew(nowMono, presence, before !== undefined);
  }

  /** A link that somebody gave up: if the other end still has a session here, make the data plane prove it. */
  #proveLost(nowMono: number, { origin, neighbours }: Presence, before: readonly Origin[]): void {
    const { self, contacts, paths } = this.#io;
    for (const lost of before) {
      if (neighbours.includes(lost)) continue;
      const doubted = lost === self ? origin : lost;
      if (contacts.probeDue(doubted, nowMono)) paths.send(doubted, encodeMessage({ type: 'probe' }));
    }
  }

  #callAnew(nowMono: number, { origin, endpoints }: Presence, known: boolean): void {
    const { contacts, paths } = this.#io;
    const contact = contacts.get(origin);
    const isUp = contact?.state === 'up';
    const isDirect = isUp && (contact.transport ?? 'udp') === 'udp';
    // A session that works over a stream or a relay only looks for something better at the new places.
    if (isUp && !isDirect) return paths.moved(origin);
    const last = withoutCarrier(contact?.lastEndpoint ?? '');
    const isThere = isDirect && endpoints.some((endpoint) => withoutCarrier(endpoint) === last);
    if (known && !isThere) contacts.moved(origin, nowMono);
  }
}
