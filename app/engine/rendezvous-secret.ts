// The secret under which members that lost each other meet (docs/discovery.md): durable, handed over between members, new with every removal.
import type { Outcome } from '../contract/errors.ts';
import { compareBytes } from '../wire/record.ts';
import { encodeMessage, type Message } from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { NetworkFiles } from './files.ts';
import type { Now, Ports } from './ports.ts';

export const SECRET_BYTES = 32;
/** After somebody else's removal was seen, the remover's new secret is awaited this long. */
const RENEW_WAIT_MS = 10_000;

export interface Secret {
  epoch: number;
  secret: Uint8Array;
}

export interface RendezvousSecretIo {
  files: NetworkFiles;
  random: Ports['random'];
  /** To everybody with a session, except who told it. */
  tell(bytes: Uint8Array, except: Origin | null): void;
  /** Whether this member is the one that renews when the remover does not. */
  isDeputy(): boolean;
  note(outcome: Outcome<void>): void;
}

type Told = Extract<Message, { type: 'secret' }>;

export class RendezvousSecret {
  readonly #io: RendezvousSecretIo;
  #current: Secret | null;
  #renewMono = Infinity;
  #awaited = 0;

  constructor(io: RendezvousSecretIo) {
    this.#io = io;
    this.#current = io.files.readSecret();
  }

  get current(): Secret | null {
    return this.#current;
  }

  message(): Uint8Array | null {
    return this.#current && encodeMessage({ type: 'secret', ...this.#current });
  }

  hear(from: Origin, { epoch, secret }: Told): void {
    const own = this.#current;
    const older = own && (epoch < own.epoch || (epoch === own.epoch && compareBytes(secret, own.secret) <= 0));
    if (!older) this.#take({ epoch, secret }, from);
  }

  /** A new one: at the start of a network, and after a removal made here. */
  renew(): void {
    this.#take({ epoch: (this.#current?.epoch ?? -1) + 1, secret: this.#io.random.bytes(SECRET_BYTES) }, null);
  }

  /** Somebody else removed a member. */
  await(now: Now): void {
    this.#awaited = this.#current?.epoch ?? -1;
    this.#renewMono = Math.min(this.#renewMono, now.mono + RENEW_WAIT_MS);
  }

  #take(secret: Secret, from: Origin | null): void {
    this.#current = secret;
    this.#io.note(this.#io.files.writeSecret(secret));
    this.#io.tell(encodeMessage({ type: 'secret', ...secret }), from);
  }

  nextDeadline(): number {
    return this.#renewMono;
  }

  tick(now: Now): void {
    if (this.#renewMono > now.mono) return;
    this.#renewMono = Infinity;
    if ((this.#current?.epoch ?? -1) === this.#awaited && this.#io.isDeputy()) this.renew();
  }
}
