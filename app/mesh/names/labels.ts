// From what people call members and networks to names that resolve: "Anna's Büro-PC" in "Home" is anna-s-buro-pc.home.weft.
export const DOMAIN = 'weft';
const LABEL_CHARS_MAX = 63;

/** A DNS label of [a-z0-9-]; `fallback` where nothing of the text is left. */
export function label(text: string, fallback: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/ß/g, 'ss')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LABEL_CHARS_MAX)
    .replace(/^-+|-+$/g, '');
  return plain || fallback;
}

export interface Named {
  /** Member id: breaks ties, and names those whose name has no letter of the alphabet. */
  id: string;
  name: string;
}

const ID_CHARS = 6;

/**
 * A label for each, in the order of seniority that the caller gives: the first keeps the plain one, later ones with the same get a
 * number. Everybody who has the same list gives the same names.
 */
export function labels(members: Iterable<Named>): Map<string, string> {
  const taken = new Set<string>();
  const result = new Map<string, string>();
  for (const { id, name } of members) {
    const plain = label(name, `member-${id.slice(0, ID_CHARS)}`);
    let unique = plain;
    for (let n = 2; taken.has(unique); n++) unique = `${plain.slice(0, LABEL_CHARS_MAX - 4)}-${n}`;
    taken.add(unique);
    result.set(id, unique);
  }
  return result;
}

export const dnsName = (member: string, network: string): string => `${member}.${network}.${DOMAIN}`;
/** For mDNS, where everything shares one level: "anna-home" (.local). */
export const mdnsName = (member: string, network: string): string =>
  `${member}-${network}`.slice(0, LABEL_CHARS_MAX).replace(/-+$/, '');
