// Frames and batches for the transports' suite.
import type { CloseCode, LinkIo } from '../../../main/transports/transport.ts';

/** `u16 length | frame` for each. */
export function batchOf(...frames: Uint8Array[]): Uint8Array {
  const batch = new Uint8Array(frames.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const frame of frames) {
    new DataView(batch.buffer).setUint16(at, frame.length);
    batch.set(frame, at + 2);
    at += 2 + frame.length;
  }
  return batch;
}

export function framesOf(batch: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  for (let at = 0; at < batch.length;) {
    const length = view.getUint16(at);
    // A copy: the bytes are ours only until we return.
    frames.push(batch.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return frames;
}

/** A frame that names itself: its number, then bytes that follow from it. */
export function numbered(number: number, length: number): Uint8Array {
  const frame = new Uint8Array(length).fill(number * 7 + length);
  if (length >= 4) new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

/** One end of a link, started, with all that it saw. */
export interface Seen {
  io: LinkIo;
  frames: Uint8Array[];
  drains: number;
  closes: CloseCode[];
}

export function watch(io: LinkIo): Seen {
  const seen: Seen = { io, frames: [], drains: 0, closes: [] };
  io.start({
    onBatch: (batch) => seen.frames.push(...framesOf(batch)),
    onDrain: () => seen.drains++,
    onClose: (code) => seen.closes.push(code),
  });
  return seen;
}
