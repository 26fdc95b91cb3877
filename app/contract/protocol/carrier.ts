// What the protocol needs from whatever carries it: whole text messages, in order, and to learn of the end.

/** One end of a connection. Every carrier passes test/compliance/carriers.test.ts. */
export interface Carrier {
  /** Queues one message; never throws. Nothing is sent after the end. */
  send(text: string): void;
  /** Sends what is queued, then ends the connection. Harmless when repeated. */
  close(): void;
  /** Sets the one receiver of messages; those that came before are delivered at once, in order. */
  onMessage(receive: (text: string) => void): void;
  /** Sets the one receiver of the end (own or the other side's); called once, also when it has ended before. */
  onClose(ended: () => void): void;
  /** Bytes (about) that were sent and not yet taken over by the system; 0 where that is unknown. */
  buffered(): number;
}

/** The receiving half that all carriers share: keeps early messages, tells the end once. */
export class Inbox {
  #receive: ((text: string) => void) | null = null;
  #ended: (() => void) | null = null;
  #early: string[] = [];
  #over = false;

  get over(): boolean {
    return this.#over;
  }

  onMessage(receive: (text: string) => void): void {
    this.#receive = receive;
    for (const text of this.#early.splice(0)) receive(text);
    if (this.#over) this.#tell();
  }

  onClose(ended: () => void): void {
    this.#ended = ended;
    if (this.#over) this.#tell();
  }

  deliver(text: string): void {
    if (this.#over) return;
    if (this.#receive) this.#receive(text);
    else this.#early.push(text);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#tell();
  }

  /** The end comes after the last message: it waits while early messages have no receiver. */
  #tell(): void {
    if (this.#early.length > 0) return;
    const ended = this.#ended;
    this.#ended = null;
    ended?.();
  }
}

/** Two ends in one process, joined. Delivery is on a later microtask, as on a real carrier. */
export function memoryPair(): [Carrier, Carrier] {
  const inboxes = [new Inbox(), new Inbox()] as const;
  const later = (work: () => void): void => void Promise.resolve().then(work);
  const end = (own: Inbox, other: Inbox): Carrier => {
    let closed = false;
    return {
      send: (text) => {
        if (!closed && !own.over) later(() => other.deliver(text));
      },
      close: () => {
        if (closed) return;
        closed = true;
        later(() => {
          other.end();
          own.end();
        });
      },
      onMessage: (receive) => own.onMessage(receive),
      onClose: (ended) => own.onClose(ended),
      buffered: () => 0,
    };
  };
  return [end(inboxes[0], inboxes[1]), end(inboxes[1], inboxes[0])];
}
