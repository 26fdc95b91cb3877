// Short binary names as text keys of maps.
export { hex } from '../text.ts';

/** Inverse of `hex`; the caller knows that the text is lower-case hex of even length. */
export function unhex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
