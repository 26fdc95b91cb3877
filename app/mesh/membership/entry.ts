// A record in the ledger with its causal past.
import type { RecordBody, OfKind, RecordKind, Role } from '../../wire/record.ts';

/** Set of entry indexes; grows by words of 32. */
export class Past {
  constructor(readonly words: Uint32Array) {}

  static empty(): Past {
    return new Past(new Uint32Array(0));
  }

  /** The union of several pasts and their owners' own indexes. */
  static of(parents: readonly Entry[]): Past {
    let length = 0;
    for (const parent of parents) length = Math.max(length, parent.past.words.length, (parent.index >>> 5) + 1);
    const words = new Uint32Array(length);
    for (const parent of parents) {
      const theirs = parent.past.words;
      for (let i = 0; i < theirs.length; i++) words[i] = (words[i] as number) | (theirs[i] as number);
      words[parent.index >>> 5] = (words[parent.index >>> 5] as number) | (1 << (parent.index & 31));
    }
    return new Past(words);
  }

  has(entry: Entry): boolean {
    return (((this.words[entry.index >>> 5] ?? 0) >>> (entry.index & 31)) & 1) === 1;
  }
}

export interface Entry<B extends RecordBody = RecordBody> {
  /** Order of arrival here; means nothing elsewhere. */
  index: number;
  hash: Uint8Array;
  /** Hex of the hash. */
  key: string;
  bytes: Uint8Array;
  body: B;
  past: Past;
  /** Longest way back to the genesis record: the same on every replica. */
  depth: number;
  /** The author's role in the record's own past, set when it was judged; null for the genesis record. */
  authorRole: Role | null;
}

export type EntryOf<K extends RecordKind> = Entry<OfKind<K>>;

export const isKind = <K extends RecordKind>(entry: Entry, kind: K): entry is EntryOf<K> => entry.body.kind === kind;
