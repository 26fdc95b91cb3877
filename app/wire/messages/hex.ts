// Short binary names as text keys of maps.
export { hex } from '../text.ts';

/** Inverse of `hex`; the caller knows that the text is lower-case hex of even length. */
export function unhex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(text, 2 * i) << 4) | digit(text, 2 * i + 1);
  return bytes;
}

const ZERO = 0x30;
/** 'a' stands for 10. */
const A_LESS_TEN = 0x61 - 10;

function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < A_LESS_TEN ? code - ZERO : code - A_LESS_TEN;
}
