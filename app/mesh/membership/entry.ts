// A record in the ledger with its causal past.
import type { RecordBody, OfKind, RecordKind, Role } from '../../wire/record.ts';

const FULL = 0xffffffff;
/** Single words that are shared between sets. */
const SHORT_MAX = 4_096;

/**
 * Set of entry indexes. Nearly every record has seen nearly all that came before it here, so what lies below `floor` (in words of 32) is
 * all in the set and costs nothing.
 */
export class Past {
  constructor(
    readonly floor: number,
    readonly words: Uint32Array,
  ) {}

  /** The union of several pasts and their owners' own indexes. */
  static of(parents: readonly Entry[]): Past {
    let floor = 0;
    let end = 0;
    for (const { past, index } of parents) {
      floor = Math.max(floor, past.floor);
      end = Math.max(end, past.floor + past.words.length, (index >>> 5) + 1);
    }
    const words = new Uint32Array(Math.max(0, end - floor));
    for (const { past, index } of parents) {
      for (let at = Math.max(floor, past.floor); at < past.floor + past.words.length; at++)
        words[at - floor] = (words[at - floor] as number) | (past.words[at - past.floor] as number);
      const own = (index >>> 5) - floor;
      if (own >= 0) words[own] = (words[own] as number) | (1 << (index & 31));
    }
    let full = 0;
    while (words[full] === FULL) full++;
    return new Past(floor + full, Past.kept(full === 0 ? words : words.slice(full)));
  }

  /** Most have one word beyond the floor, and few different ones: an array of its own would weigh more than all else. */
  private static readonly short = new Map<number, Uint32Array>();

  private static kept(words: Uint32Array): Uint32Array {
    if (words.length > 1) return words;
    const word = words[0] ?? 0;
    let shared = Past.short.get(word);
    if (!shared) {
      if (Past.short.size >= SHORT_MAX) return words;
      Past.short.set(word, (shared = Uint32Array.of(word)));
    }
    return shared;
  }

  has(entry: Entry): boolean {
    const word = entry.index >>> 5;
    if (word < this.floor) return true;
    return (((this.words[word - this.floor] ?? 0) >>> (entry.index & 31)) & 1) === 1;
  }

  /** Memory of the set, in bytes without the object itself. */
  get bytes(): number {
    return this.words.byteLength;
  }
}

/** What somebody is, and the record that made it so. */
export interface Standing {
  role: Role;
  since: Entry;
}

/** What follows from a record's bytes alone: all ledgers of a process have it in common. */
export interface Said<B extends RecordBody = RecordBody> {
  bytes: Uint8Array;
  hash: Uint8Array;
  /** Hex of the hash. */
  key: string;
  body: B;
}

export class Entry<B extends RecordBody = RecordBody> {
  /** The author's, in the record's own past; set when it was judged, null for the genesis record. */
  standing: Standing | null = null;
  private readonly floor: number;
  private readonly words: Uint32Array;

  constructor(
    /** Order of arrival here; means nothing elsewhere. */
    readonly index: number,
    private readonly said: Said<B>,
    { floor, words }: Past,
    /** Longest way back to the genesis record: the same on every replica. */
    readonly depth: number,
  ) {
    this.floor = floor;
    this.words = words;
  }

  get bytes(): Uint8Array {
    return this.said.bytes;
  }

  get hash(): Uint8Array {
    return this.said.hash;
  }

  /** Hex of the hash. */
  get key(): string {
    return this.said.key;
  }

  get body(): B {
    return this.said.body;
  }

  get past(): Past {
    return new Past(this.floor, this.words);
  }
}

export type EntryOf<K extends RecordKind> = Entry<OfKind<K>>;

export const isKind = <K extends RecordKind>(entry: Entry, kind: K): entry is EntryOf<K> => entry.body.kind === kind;
