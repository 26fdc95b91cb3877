// Keeps the records of a network equal among its members: new ones flow at once, differences are found when a session comes up.
import { CONTROL_BYTES_MAX, RECORDS_PER_MESSAGE_MAX, encodeMessage, type Message } from '../wire/messages/message.ts';
import { hex } from '../wire/messages/hex.ts';
import type { Now } from './ports.ts';
import type { Received, Roll } from './roll.ts';
import type { Outcome } from '../contract/errors.ts';

const BATCH_BYTES_MAX = CONTROL_BYTES_MAX - 1_000;
/** Records that go to one member at once: half of what its queue in the data plane holds. */
export const SHARE_BYTES_MAX = 512 * 1024;
/** There are more: the next share comes when what is known is told again. */
const SHARE_ENDS = encodeMessage({ type: 'records', more: true, records: [] });
/** Hashes asked for in one message. */
const WANT_MAX = 256;
const ASK_AGAIN_MS = 5_000;
const ASKED_MAX = 4_096;

export type RecordMessage = Extract<Message, { type: 'heads' | 'records' | 'wantRecords' }>;

/** Messages that carry these records in order; the last says that no more follow. */
export function recordMessages(records: readonly Uint8Array[]): Uint8Array[] {
  const batches: Uint8Array[][] = [[]];
  let size = 0;
  for (const record of records) {
    const last = batches[batches.length - 1] as Uint8Array[];
    if (last.length > 0 && (last.length === RECORDS_PER_MESSAGE_MAX || size + record.length + 2 > BATCH_BYTES_MAX)) {
      batches.push([record]);
      size = record.length + 2;
    } else {
      last.push(record);
      size += record.length + 2;
    }
  }
  return batches.map((batch, index) =>
    encodeMessage({ type: 'records', more: index < batches.length - 1, records: batch }),
  );
}

/** As many of these as go at once. */
function shareOf(records: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  const end = records.findIndex((record) => (bytes += record.length + 2) > SHARE_BYTES_MAX);
  return end < 1 ? records : records.slice(0, end);
}

export interface SyncIo {
  roll: Roll;
  /** To a member's session, or a stranger's. */
  send(peer: number, bytes: Uint8Array): boolean;
  /** Handles of all members with a session. */
  sessions(): number[];
  /** Records were added; the engine acts on what they mean. */
  added(now: Now, received: Received): void;
  failed(outcome: Outcome<unknown>): void;
}

export class RecordSync {
  readonly #io: SyncIo;
  readonly #asked = new Map<string, number>();
  /** Members that brought something new since they were last told what is known. */
  readonly #giving = new Set<number>();

  constructor(io: SyncIo) {
    this.#io = io;
  }

  /** Tells a peer whose digest differs what is known here. */
  compare(peer: number): void {
    this.#giving.delete(peer);
    this.#io.send(peer, encodeMessage({ type: 'heads', hashes: this.#io.roll.locator() }));
  }

  /** Asks a stranger that says to be a member for what makes it one. */
  introduce(peer: number): void {
    this.#io.send(peer, encodeMessage({ type: 'wantRecords', hashes: [] }));
  }

  /** Sends new records to everybody with a session but the one they came from. */
  flood(records: readonly Uint8Array[], except = -1): void {
    if (records.length === 0) return;
    const messages = recordMessages(records);
    for (const peer of this.#io.sessions()) {
      if (peer !== except) for (const message of messages) this.#io.send(peer, message);
    }
  }

  /** A share at a time: the other side says when it wants the next one. */
  give(peer: number, records: readonly Uint8Array[]): void {
    if (records.length === 0) return;
    const share = shareOf(records);
    for (const message of recordMessages(share)) this.#io.send(peer, message);
    if (share.length < records.length) this.#io.send(peer, SHARE_ENDS);
  }

  /** `bad`: the sender is at fault. */
  receive(now: Now, from: number, message: RecordMessage): 'ok' | 'bad' {
    switch (message.type) {
      case 'heads': {
        // The other side sends its heads as well: what is missing here comes as the answer to the own.
        this.give(from, this.#io.roll.lacking(message.hashes));
        return 'ok';
      }
      case 'wantRecords': {
        const { roll } = this.#io;
        this.give(from, message.hashes.length === 0 ? roll.introduction() : roll.withAncestors(message.hashes));
        return 'ok';
      }
      case 'records':
        if (message.more && message.records.length === 0 && this.#giving.has(from)) this.compare(from);
        return this.#receiveRecords(now, from, message.records);
    }
  }

  #receiveRecords(now: Now, from: number, records: readonly Uint8Array[]): 'ok' | 'bad' {
    const outcome = this.#io.roll.receive(records);
    if (!outcome.ok) {
      this.#io.failed(outcome);
      return 'ok';
    }
    const { added, missing, bad } = outcome.value;
    if (added.length > 0) {
      if (this.#giving.size >= ASKED_MAX) this.#giving.clear();
      this.#giving.add(from);
      this.flood(added, from);
      this.#io.added(now, outcome.value);
    }
    this.#want(now, from, missing);
    return bad ? 'bad' : 'ok';
  }

  /** Each record is asked for once in a while only: what a peer names but cannot give must not keep both busy. */
  #want(now: Now, from: number, hashes: readonly Uint8Array[]): void {
    const fresh: Uint8Array[] = [];
    for (const hash of hashes) {
      const name = `${from} ${hex(hash)}`;
      const asked = this.#asked.get(name);
      if (asked !== undefined && now.mono - asked < ASK_AGAIN_MS) continue;
      if (fresh.length === WANT_MAX) break;
      if (this.#asked.size >= ASKED_MAX) this.#asked.clear();
      this.#asked.set(name, now.mono);
      fresh.push(hash);
    }
    if (fresh.length > 0) this.#io.send(from, encodeMessage({ type: 'wantRecords', hashes: fresh }));
  }
}
