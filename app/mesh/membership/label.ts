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

/** Code points that are not seen or turn the writing round: ranges, first and last. */
const UNSEEN: readonly (readonly [number, number])[] = [
  [0, 0x1f],
  [0x7f, 0xa0],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x180e, 0x180e],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x206f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
  [0xfff0, 0xfffb],
  [0xe0000, 0xe007f],
];

const isUnseen = (point: number): boolean => UNSEEN.some(([first, last]) => point >= first && point <= last);

/** What may be shown and stored: no control characters, single spaces, not too long; null when nothing is left. */
export function tidyName(name: string): string | null {
  const tidy = [...name.normalize('NFC').replace(/\s+/g, ' ').replace(/\p{C}/gu, '')]
    .filter((char) => !isUnseen(char.codePointAt(0) as number))
    .join('')
    .replace(/ +/g, ' ')
    .trim();
  const cut = [...tidy].slice(0, NAME_CHARS_MAX).join('').trim();
  return cut === '' ? null : cut;
}

/** What records may carry. Goes by fixed tables, not by the machine's Unicode version: all replicas must judge alike. */
export function isPlainName(name: string): boolean {
  const points = Array.from(name, (char) => char.codePointAt(0) as number);
  if (points.length < 1 || points.length > NAME_CHARS_MAX || name.startsWith(' ') || name.endsWith(' ')) return false;
  return !points.some(isUnseen);
}
