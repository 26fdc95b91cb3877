// How much one peer may say: whatever it sends, the work it causes is bounded, and a peer that goes on is put out for a while.
import { Bucket } from './bucket.ts';

/** Control messages of one member. A first ledger synchronisation of 1,000 members fits the burst. */
export const MEMBER_MESSAGES_BURST = 1_000;
export const MEMBER_MESSAGES_PER_SECOND = 100;
export const MEMBER_BYTES_BURST = 4 * 1024 * 1024;
export const MEMBER_BYTES_PER_SECOND = 128 * 1024;
export const STRANGER_MESSAGES_BURST = 8;
export const STRANGER_MESSAGES_PER_SECOND = 1;
export const STRANGER_BYTES_BURST = 64 * 1024;
export const STRANGER_BYTES_PER_SECOND = 4 * 1024;
/** Messages refused, or malformed, before a peer is put out. */
export const OFFENCES_MAX = 1_000;
/** Weight of a malformed or wrongly signed message: an honest peer sends none. */
export const MALFORMED_OFFENCES = 50;
export const PUT_OUT_MS = 60_000;

export type Verdict = 'take' | 'drop' | 'putOut';

export class PeerBudget {
  readonly #messages: Bucket;
  readonly #bytes: Bucket;
  #offences = 0;
  /** Messages refused since the start, for diagnosis. */
  dropped = 0;

  constructor(level: 'member' | 'stranger', nowMono: number) {
    const member = level === 'member';
    this.#messages = member
      ? new Bucket(MEMBER_MESSAGES_BURST, MEMBER_MESSAGES_PER_SECOND, nowMono)
      : new Bucket(STRANGER_MESSAGES_BURST, STRANGER_MESSAGES_PER_SECOND, nowMono);
    this.#bytes = member
      ? new Bucket(MEMBER_BYTES_BURST, MEMBER_BYTES_PER_SECOND, nowMono)
      : new Bucket(STRANGER_BYTES_BURST, STRANGER_BYTES_PER_SECOND, nowMono);
  }

  receive(nowMono: number, bytes: number): Verdict {
    if (this.#messages.take(nowMono) && this.#bytes.take(nowMono, bytes)) return 'take';
    this.dropped++;
    return this.#offend(1);
  }

  malformed(): Verdict {
    this.dropped++;
    return this.#offend(MALFORMED_OFFENCES);
  }

  #offend(weight: number): Verdict {
    this.#offences += weight;
    return this.#offences >= OFFENCES_MAX ? 'putOut' : 'drop';
  }
}
