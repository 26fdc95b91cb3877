// Text forms of bytes, without Buffer or atob: app/ runs anywhere.

const B64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const B32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Longer texts are put together from parts of this many characters. */
const CHARS_AT_ONCE = 4_096;

/** A flat string: one grown by `+=` is a chain of pieces, which costs twenty times the memory for as long as it is kept. */
function ofCodes(codes: readonly number[]): string {
  if (codes.length <= CHARS_AT_ONCE) return String.fromCharCode(...codes);
  const parts: string[] = [];
  for (let at = 0; at < codes.length; at += CHARS_AT_ONCE)
    parts.push(String.fromCharCode(...codes.slice(at, at + CHARS_AT_ONCE)));
  return parts.join('');
}

function toBase(bytes: Uint8Array, alphabet: string, bitsPerChar: number): string {
  const codes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= bitsPerChar) {
      bits -= bitsPerChar;
      codes.push(alphabet.charCodeAt((held >>> bits) & ((1 << bitsPerChar) - 1)));
      held &= (1 << bits) - 1;
    }
  }
  if (bits > 0) codes.push(alphabet.charCodeAt((held << (bitsPerChar - bits)) & ((1 << bitsPerChar) - 1)));
  return ofCodes(codes);
}

/** null for foreign characters or a last character with bits that mean nothing. */
function fromBase(text: string, alphabet: string, bitsPerChar: number): Uint8Array | null {
  const bytes = new Uint8Array(Math.floor((text.length * bitsPerChar) / 8));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const value = alphabet.indexOf(char);
    if (value < 0) return null;
    held = (held << bitsPerChar) | value;
    bits += bitsPerChar;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 0xff;
      held &= (1 << bits) - 1;
    }
  }
  return bits >= bitsPerChar || held !== 0 ? null : bytes;
}

export const base64url = (bytes: Uint8Array): string => toBase(bytes, B64, 6);
export const fromBase64url = (text: string): Uint8Array | null => fromBase(text, B64, 6);
export const base32 = (bytes: Uint8Array): string => toBase(bytes, B32, 5);
export const fromBase32 = (text: string): Uint8Array | null => fromBase(text, B32, 5);
const HEX = Array.from('0123456789abcdef', (char) => char.charCodeAt(0));

/** Names of maps everywhere: quick. */
export function hex(bytes: Uint8Array): string {
  const codes: number[] = [];
  for (const byte of bytes) codes.push(HEX[byte >> 4] as number, HEX[byte & 15] as number);
  return ofCodes(codes);
}

export function utf8Encode(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  }
  return Uint8Array.from(bytes);
}

/** Strict: null for anything that is not the shortest form of valid characters. */
export function utf8Decode(bytes: Uint8Array): string | null {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at++] as number;
    const extra = first < 0x80 ? 0 : first > 0xf4 ? -1 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : -1;
    if (extra < 0) return null;
    let code = extra === 0 ? first : first & (0x3f >> extra);
    for (let i = 0; i < extra; i++) {
      const next = bytes[at++];
      if (next === undefined || (next & 0xc0) !== 0x80) return null;
      code = code * 64 + (next & 0x3f);
    }
    const least = [0, 0x80, 0x800, 0x10000][extra] as number;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
