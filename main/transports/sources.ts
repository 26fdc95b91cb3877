// Who holds how many sockets of a port: bounds for all, for one source, and for those that are no link yet.
import type { Socket } from 'node:net';
import { sourceOf } from './address.ts';
import { SOCKETS_MAX, SOCKETS_PER_SOURCE_MAX, SOCKETS_UNCLAIMED_MAX } from './limits.ts';

export class Sockets {
  readonly #open = new Set<Socket>();
  /** In the order of their coming. */
  readonly #unclaimed = new Set<Socket>();
  readonly #perSource = new Map<string, number>();

  /** Null: it may stay. Otherwise the limit that it met; the caller ends it. */
  enter(socket: Socket): 'total' | 'perSource' | null {
    const source = sourceOf(socket.remoteAddress ?? '');
    const held = this.#perSource.get(source) ?? 0;
    if (held >= SOCKETS_PER_SOURCE_MAX) return 'perSource';
    if (this.#open.size >= SOCKETS_MAX) return 'total';
    if (this.#unclaimed.size >= SOCKETS_UNCLAIMED_MAX) {
      const [oldest] = this.#unclaimed;
      oldest?.destroy();
    }
    this.#perSource.set(source, held + 1);
    this.#open.add(socket);
    this.#unclaimed.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#unclaimed.delete(socket);
      const left = (this.#perSource.get(source) ?? 1) - 1;
      if (left > 0) this.#perSource.set(source, left);
      else this.#perSource.delete(source);
    });
    return null;
  }

  /** It carries a link now, which has deadlines of its own. */
  claim(socket: Socket): void {
    this.#unclaimed.delete(socket);
  }

  unclaim(): void {
    for (const socket of this.#unclaimed) socket.destroy();
  }

  isUnclaimed(socket: Socket): boolean {
    return this.#unclaimed.has(socket);
  }
}
