// Takes secrets out of what is logged or shown in diagnostics: links, tokens, keys and seeds, whatever field they are in.

const DEPTH_MAX = 6;
const TEXT_CHARS_MAX = 2_000;
const TEXT_CHARS_READ_MAX = 64 * 1024;
const REDACTED = '[redacted]';
/** Fields whose name says that the value is nobody's business. */
const SECRET_FIELD = /(secret|seed|token|password|passphrase|recovery|private|^link$|^key$)/i;

const PATTERNS: [RegExp, string][] = [
  // Invite links, also percent-encoded ones; everything up to white space or a quote.
  [/\bweft(?::|%3a)[^\s"'<>]*/gi, `weft:${REDACTED}`],
  // The UI's address holds its token in the fragment.
  [/(https?:\/\/[^\s"'<>#]*)#[^\s"'<>]+/gi, `$1#${REDACTED}`],
  [/(?<![0-9a-z])[0-9a-f]{64,}(?![0-9a-z])/gi, REDACTED],
];
/** 32 bytes or more in base64url or base64; ids are lower-case base32 and stay readable. */
const BASE64 = /[A-Za-z0-9_-]{42,}|[A-Za-z0-9+/]{43}=/g;

/** The text without secrets, cut at 2,000 characters. */
export function redactText(text: string): string {
  // Cut twice: before, to bound the work; to the final length only after, so that half a secret is not left at the end.
  let result = text.slice(0, TEXT_CHARS_READ_MAX);
  for (const [pattern, replacement] of PATTERNS) result = result.replace(pattern, replacement);
  result = result.replace(BASE64, (match) => (/[A-Z]/.test(match) && /[a-z]/.test(match) ? REDACTED : match));
  return result.length > TEXT_CHARS_MAX ? `${result.slice(0, TEXT_CHARS_MAX)}…` : result;
}

/** Any value as something harmless to print: bytes become their length, errors their code and message. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? '[function]' : value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH_MAX) return '[deep]';
  if (value instanceof Error) {
    const { code } = value as NodeJS.ErrnoException;
    return redact({ ...(code ? { code } : {}), message: value.message, stack: value.stack }, depth + 1);
  }
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET_FIELD.test(key) ? REDACTED : redact(item, depth + 1)]),
  );
}
