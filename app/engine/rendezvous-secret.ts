// The secret under which members that lost each other meet (docs/discovery.md): durable, handed over between members, new with every removal.
import type { Outcome } from '../contract/errors.ts';
import { compareBytes } from '../wire/record.ts';
import { encodeMessage, type Message } from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { NetworkFiles } from './files.ts';
import type { Now, Ports } from './ports.ts';

export const SECRET_BYTES = 32;
/** After a removal was seen, the remover's new secret is awaited this long; then each deputy in turn gets as long. */
const RENEW_WAIT_MS = 10_000;
/** A member that slept through a removal meets the others under the secret of before for so long. */
const PREVIOUS_MS = 30 * 86_400_000;
export const PREVIOUS_MAX = 2;
const EARLY_MAX = 4;

/** As it is kept: hex is the file's business. */
export interface KeptSecret {
  /** Removals that its maker had seen. */
  epoch: number;
  secret: Uint8Array;
  /** Newest first. */
  previous: { secret: Uint8Array; untilMs: number }[];
}

export interface RendezvousSecretIo {
  files: NetworkFiles;
  random: Ports['random'];
  /** Removals among the records known here. */
  removals(): number;
  /** To every member that counts and has a session, except who told it. */
  tell(bytes: Uint8Array, except: Origin | null): void;
  /** Whether at most `before` members that are online would have to renew before this one. */
  isDeputy(before: number): boolean;
  note(outcome: Outcome<void>): void;
}

type Told = Extract<Message, { type: 'secret' }>;

export class RendezvousSecret {
  readonly #io: RendezvousSecretIo;
  #kept: KeptSecret | null;
  /** Of epochs whose removals are not known here yet, lowest first. */
  #early: Told[] = [];
  #renewMono = Infinity;
  #rounds = 0;

  constructor(io: RendezvousSecretIo) {
    this.#io = io;
    this.#kept = io.files.readSecret();
  }

  get current(): Uint8Array | null {
    return this.#kept?.secret ?? null;
  }

  /** Secrets of before under which members may still look for this network. */
  previous(wallMs: number): Uint8Array[] {
    return (this.#kept?.previous ?? []).filter(({ untilMs }) => untilMs > wallMs).map(({ secret }) => secret);
  }

  message(): Uint8Array | null {
    return this.#kept && encodeMessage({ type: 'secret', epoch: this.#kept.epoch, secret: this.#kept.secret });
  }

  /**
   * The higher epoch counts, at equal ones the larger bytes. One from beyond the removals known here waits for their records: nobody
   * is told of it who may be the one that was removed, and nobody can claim an epoch that no later removal outdoes.
   */
  hear(now: Now, from: Origin, told: Told): void {
    if (told.epoch > this.#io.removals()) {
      this.#early = [...this.#early, told].sort((a, b) => a.epoch - b.epoch).slice(0, EARLY_MAX);
    } else if (newer(told, this.#kept)) this.#take(now, told, from);
  }

  /** Records came, or a member greeted. `mine`: by an act of this member. */
  changed(now: Now, mine: boolean): void {
    const early = this.#early;
    this.#early = [];
    for (const told of early) this.hear(now, '', told);
    if (!this.#stale()) this.#renewMono = Infinity;
    else if (mine) this.#renew(now);
    else if (this.#renewMono === Infinity) {
      this.#rounds = 0;
      this.#renewMono = now.mono + RENEW_WAIT_MS;
    }
  }

  #stale(): boolean {
    return (this.#kept?.epoch ?? -1) < this.#io.removals();
  }

  #renew(now: Now): void {
    const secret = this.#io.random.bytes(SECRET_BYTES);
    this.#take(now, { type: 'secret', epoch: this.#io.removals(), secret }, null);
  }

  #take(now: Now, { epoch, secret }: Told, from: Origin | null): void {
    this.#renewMono = Infinity;
    const before = this.#kept;
    const kept = (before?.previous ?? []).filter(({ untilMs }) => untilMs > now.wall);
    // At equal epochs two made one at the same time: the loser's was nobody's meeting place.
    if (before && before.epoch < epoch) kept.unshift({ secret: before.secret, untilMs: now.wall + PREVIOUS_MS });
    this.#kept = { epoch, secret, previous: kept.slice(0, PREVIOUS_MAX) };
    this.#io.note(this.#io.files.writeSecret(this.#kept));
    this.#io.tell(encodeMessage({ type: 'secret', epoch, secret }), from);
  }

  nextDeadline(): number {
    return this.#renewMono;
  }

  tick(now: Now): void {
    if (this.#renewMono > now.mono) return;
    this.#renewMono = Infinity;
    if (!this.#stale()) return;
    if (this.#io.isDeputy(this.#rounds++)) this.#renew(now);
    else this.#renewMono = now.mono + RENEW_WAIT_MS;
  }
}

type Numbered = Pick<KeptSecret, 'epoch' | 'secret'>;

function newer(told: Numbered, known: Numbered | null): boolean {
  if (!known || told.epoch !== known.epoch) return told.epoch > (known?.epoch ?? -1);
  return compareBytes(told.secret, known.secret) > 0;
}
