// Who stands in for the parent in one tree of another: sessions with the first of them are kept, so that asking them takes no handshake.
import type { Origin } from '../../wire/messages/presence.ts';
import type { TreesIo } from './io.ts';
import { BACKUPS_AFTER_MS, BACKUPS_MAX, BACKUPS_READY, READY_ORIGIN_KBPS } from './limits.ts';
import type { Shape } from './shape.ts';

export class Backups {
  readonly #io: Pick<TreesIo, 'random' | 'conduct' | 'presence' | 'isUp' | 'connect'>;
  readonly #self: Origin;
  /** The first are called then; Infinity: they were. */
  #readyMono: number;

  constructor(io: TreesIo, self: Origin, nowMono: number) {
    this.#io = io;
    this.#self = self;
    this.#readyMono = this.#firstMono(nowMono);
  }

  /** When the first of a new tree are called. */
  #firstMono(nowMono: number): number {
    if (this.#io.conduct().uplinkKBps === 0) return nowMono;
    const { least, most } = BACKUPS_AFTER_MS;
    const [high, low] = this.#io.random.bytes(2) as unknown as [number, number];
    return nowMono + least + Math.floor(((most - least) * (256 * high + low)) / 65_536);
  }

  get nextMono(): number {
    return this.#readyMono;
  }

  /** A new epoch may name others. */
  change(nowMono: number, shape: Shape): void {
    if (this.#readyMono <= nowMono) this.#readyMono = Infinity;
    if (this.#readyMono === Infinity) this.#call(shape, BACKUPS_READY);
  }

  /** Calls the first ones when their time has come. */
  tick(nowMono: number, shape: Shape): void {
    if (this.#readyMono > nowMono) return;
    this.#readyMono = Infinity;
    this.#call(shape, BACKUPS_READY);
  }

  /** Calls all of them. */
  all(shape: Shape): void {
    this.#call(shape, BACKUPS_MAX);
  }

  /** A session is gone: one of the first is called again. */
  down(origin: Origin, shape: Shape): void {
    if (shape.backupsOf(this.#self).slice(0, BACKUPS_READY).includes(origin)) this.#io.connect(origin);
  }

  #call(shape: Shape, count: number): void {
    const { origin } = shape.description;
    const uplinkKBps = this.#io.presence(origin)?.uplinkKBps ?? 0;
    const spared = count === BACKUPS_READY && uplinkKBps > 0 && uplinkKBps < READY_ORIGIN_KBPS ? origin : null;
    for (const [place, backup] of shape.backupsOf(this.#self).slice(0, count).entries())
      if (!this.#io.isUp(backup) && (place === 0 || backup !== spared)) this.#io.connect(backup);
  }
}
