// Names as people write them and as DNS takes them.

export const NAME_CHARS_MAX = 40;
const LABEL_CHARS_MAX = 50;
/** Letters that lose their marks; what is left over becomes a hyphen. */
const PLAIN: Record<string, string> = { ß: 'ss', æ: 'ae', ø: 'o', å: 'a', œ: 'oe', đ: 'd', ł: 'l', þ: 'th', ð: 'd' };

/** "Anna’s PC" → "annas-pc"; never empty. */
export function dnsLabel(name: string): string {
  const plain = [...name.toLowerCase().normalize('NFKD')]
    .map((char) => PLAIN[char] ?? char)
    .join('')
    .replace(/[\u0300-\u036f'’`]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, LABEL_CHARS_MAX)
    .replace(/-+$/, '');
  return plain === '' ? 'member' : plain;
}

/** What may be shown and stored: no control characters, single spaces, not too long; null when nothing is left. */
export function tidyName(name: string): string | null {
  const tidy = [...name.normalize('NFC').replace(/\p{C}/gu, '').replace(/\s+/g, ' ').trim()]
    .slice(0, NAME_CHARS_MAX)
    .join('')
    .trim();
  return tidy === '' ? null : tidy;
}
