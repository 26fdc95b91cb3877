// Small JSON documents in the store: ASCII bytes, with a version. Damage is found by the store's checksums; a version that is too
// new by this.
import { fail, ok, type Outcome } from '../contract/errors.ts';

type Fields = Record<string, unknown>;

const ascii = (text: string): string =>
  text.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

export function encodeJson(version: number, fields: Fields): Uint8Array {
  const text = ascii(JSON.stringify({ version, ...fields }));
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Fields of a document of at most this version; `state-newer` or `state-corrupt` otherwise. */
export function decodeJson(file: string, bytes: Uint8Array, version: number): Outcome<Fields> {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('state-corrupt', { file, kept: file });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail('state-corrupt', { file, kept: file });
  }
  const fields = value as Fields;
  if (typeof fields['version'] !== 'number') return fail('state-corrupt', { file, kept: file });
  if (fields['version'] > version) return fail('state-newer', { file });
  return ok(fields);
}
