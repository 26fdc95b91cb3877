// Batches in a byte stream: frames as `u16 length (big-endian) | frame`, cut anywhere by the transport, given on as whole ones.

/** First bytes of a raw stream, by the dialler: TLS begins with 0x16 and HTTP with a letter. */
export const PREFACE = Uint8Array.of(0xf0, 0x01);
const LENGTH_BYTES = 2;

/** Puts chunks together again. Memory: at most one frame. */
export class Deframer {
  readonly #emit: (batch: Uint8Array) => void;
  /** The head of a frame whose rest has not come. */
  #partial: Uint8Array = new Uint8Array(0);
  #have = 0;

  /** `emit` gets whole frames; the bytes are its own until it returns. */
  constructor(emit: (batch: Uint8Array) => void) {
    this.#emit = emit;
  }

  /** False: this is no stream of frames (one without content); nothing more may be pushed. */
  push(chunk: Uint8Array): boolean {
    let at = 0;
    while (this.#have > 0 && at < chunk.length) {
      const took = this.#complete(chunk, at);
      if (took === 0) return false;
      at += took;
    }
    const start = at;
    while (at + LENGTH_BYTES <= chunk.length) {
      const length = ((chunk[at] as number) << 8) | (chunk[at + 1] as number);
      if (length === 0) return false;
      if (at + LENGTH_BYTES + length > chunk.length) break;
      at += LENGTH_BYTES + length;
    }
    if (at > start) this.#emit(start === 0 && at === chunk.length ? chunk : chunk.subarray(start, at));
    if (at < chunk.length) this.#keep(chunk.subarray(at));
    return true;
  }

  #keep(head: Uint8Array): void {
    const whole = head.length < LENGTH_BYTES ? LENGTH_BYTES : lengthOf(head);
    this.#partial = new Uint8Array(whole);
    this.#partial.set(head);
    this.#have = head.length;
  }

  /** Adds to the frame that is cut; returns how many bytes it took; none when it is malformed. */
  #complete(chunk: Uint8Array, at: number): number {
    if (this.#have < LENGTH_BYTES) {
      this.#partial[this.#have++] = chunk[at] as number;
      if (this.#have === LENGTH_BYTES) {
        const whole = lengthOf(this.#partial);
        if (whole === LENGTH_BYTES) return 0;
        const head = this.#partial;
        this.#partial = new Uint8Array(whole);
        this.#partial.set(head);
      }
      return 1;
    }
    const piece = chunk.subarray(at, at + this.#partial.length - this.#have);
    this.#partial.set(piece, this.#have);
    this.#have += piece.length;
    if (this.#have === this.#partial.length) {
      this.#have = 0;
      this.#emit(this.#partial);
    }
    return piece.length;
  }
}

const lengthOf = (head: Uint8Array): number => LENGTH_BYTES + (((head[0] as number) << 8) | (head[1] as number));

/** Whether a batch is whole frames and nothing else. */
export function isWhole(batch: Uint8Array): boolean {
  let at = 0;
  while (at + LENGTH_BYTES <= batch.length) {
    const whole = lengthOf(batch.subarray(at, at + LENGTH_BYTES));
    if (whole === LENGTH_BYTES) return false;
    at += whole;
  }
  return at === batch.length;
}
