// What a node says upwards of one epoch: to its parent, how it is at this node and below; to whoever is there, that the parent was lost.
import type { Origin } from '../../wire/messages/presence.ts';
import { ACK_FAILED_MAX, encodeTreeMessage, type TreeFailure, type TreeName } from '../../wire/messages/tree.ts';
import type { AckMessage, Delivery } from './delivery.ts';
import type { TreesIo } from './io.ts';
import type { Shape } from './shape.ts';

type WordIo = Pick<TreesIo, 'send'>;

/** False without a session. */
export function sayAck(io: WordIo, to: Origin, ack: Omit<AckMessage, 'type'>): boolean {
  return io.send(to, encodeTreeMessage({ type: 'treeAck', ...ack }));
}

export class Word {
  readonly #io: WordIo;
  readonly #self: Origin;
  readonly #parent: Origin;
  readonly #shape: Shape;
  /** The parent is told by then at the latest; -Infinity: it was. */
  #dueMono: number;
  /** What the parent was told last; empty: nothing of this epoch. */
  #told = '';

  constructor(io: WordIo, self: Origin, parent: Origin, shape: Shape, dueMono: number) {
    this.#io = io;
    this.#self = self;
    this.#parent = parent;
    this.#shape = shape;
    this.#dueMono = dueMono;
  }

  /** When the parent is to be told, whatever is known by then; Infinity: it was. */
  get nextMono(): number {
    return this.#dueMono === -Infinity ? Infinity : this.#dueMono;
  }

  get #name(): TreeName {
    const { origin, start, tree, epoch } = this.#shape.description;
    return { origin, start, tree, epoch };
  }

  /** When the subtree has settled or time is up, and later whenever something changed. `below`: null where nothing is passed on. */
  stands(nowMono: number, lacksKey: boolean, below: Delivery | null): void {
    const failed = this.#failures(lacksKey, below);
    const settled = !below || below.settled;
    const complete = settled && !failed.some(({ origin, code }) => origin === this.#self && code === 'noKey');
    if (!complete && nowMono < this.#dueMono) return;
    this.#dueMono = -Infinity;
    const text = JSON.stringify(failed);
    if (this.#told === text) return;
    if (sayAck(this.#io, this.#parent, { ...this.#name, what: 'stands', failed })) this.#told = text;
  }

  #failures(lacksKey: boolean, below: Delivery | null): TreeFailure[] {
    const failed: TreeFailure[] = [];
    if (lacksKey) failed.push({ origin: this.#self, code: 'noKey' });
    if (below) failed.push(...below.failures());
    else if (this.#shape.childrenOf(this.#self).length > 0) failed.push({ origin: this.#self, code: 'refused' });
    return failed.slice(0, ACK_FAILED_MAX);
  }

  /** The parent may not know what it was told. */
  again(): void {
    this.#told = '';
  }

  /** The epoch is of no use here any more. */
  refuse(): void {
    const failed: TreeFailure[] = [{ origin: this.#self, code: 'refused' }];
    sayAck(this.#io, this.#parent, { ...this.#name, what: 'stands', failed });
  }

  /** The parent was lost; `now`: who feeds instead, null: nobody. The first one with a session hears it. */
  lost(now: Origin | null): void {
    const name = this.#name;
    const failed: TreeFailure[] = [{ origin: this.#self, code: 'lost' }];
    for (const to of [name.origin, now, this.#parent])
      if (to !== null && sayAck(this.#io, to, { ...name, what: 'lost', failed })) return;
  }
}
