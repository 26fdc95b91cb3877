// DNS for one network over a UDP socket that the caller opened.
import { createSocket, type Socket } from 'node:dgram';
import * as packet from 'dns-packet';

export interface DnsName {
  /** "anna.home.weft" */
  name: string;
  addresses: string[];
}

const TTL_SECONDS = 10;
const QUESTION_BYTES_MAX = 512;
const NXDOMAIN = 3;
const NOT_IMPLEMENTED = 4;
const REFUSED = 5;
const OPCODE_MASK = 0x7800;

export class DnsServer {
  private readonly socket: Socket;
  private names = new Map<string, string[]>();
  /** Names that only have names below them: there, but empty (RFC 8020), because resolvers may ask label by label. */
  private parents = new Set<string>();
  private addresses = new Map<string, string>();

  /** `bound`: a bound UDP socket or its descriptor, which this closes in the end. */
  constructor(
    bound: number | Socket,
    ipv6: boolean,
    private readonly onError: (error: Error) => void,
  ) {
    this.socket = typeof bound === 'number' ? createSocket(ipv6 ? 'udp6' : 'udp4') : bound;
    this.socket.on('error', (error) => this.onError(error));
    this.socket.on('message', (message, from) => {
      // Any member can send from port 0, where nothing can be sent to.
      const answer = from.port === 0 ? null : this.answer(message);
      if (answer) this.socket.send(answer, from.port, from.address, (error) => error && this.onError(error));
    });
    if (typeof bound === 'number') this.socket.bind({ fd: bound });
    this.socket.unref();
  }

  set(names: DnsName[]): void {
    this.names = new Map(names.map(({ name, addresses }) => [name.toLowerCase(), addresses]));
    this.parents = new Set([...this.names.keys()].flatMap(parentsOf));
    this.addresses = new Map(
      names.flatMap(({ name, addresses }) => addresses.map((address) => [reverseName(address), name] as const)),
    );
  }

  close(): void {
    this.socket.close();
  }

  /** null: not a question worth an answer. */
  answer(message: Buffer): Buffer | null {
    if (message.length > QUESTION_BYTES_MAX) return null;
    try {
      const query = packet.decode(message);
      const question = query.questions?.[0];
      if (query.type !== 'query' || !question || query.questions?.length !== 1) return null;
      const flags = query.flags ?? 0;
      const { code, answers } = flags & OPCODE_MASK ? { code: NOT_IMPLEMENTED, answers: [] } : this.find(question);
      return packet.encode({
        type: 'response',
        id: query.id ?? 0,
        flags: packet.AUTHORITATIVE_ANSWER | (flags & (packet.RECURSION_DESIRED | OPCODE_MASK)) | code,
        questions: [question],
        answers,
      });
    } catch {
      // Malformed, or a question that cannot be repeated.
      return null;
    }
  }

  private find(question: packet.Question): { code: number; answers: packet.Answer[] } {
    if (question.class !== 'IN' && question.class !== 'ANY') return { code: REFUSED, answers: [] };
    const name = question.name.toLowerCase().replace(/\.$/, '');
    const pointer = this.addresses.get(name);
    if (pointer !== undefined)
      return {
        code: 0,
        answers: question.type === 'PTR' ? [{ type: 'PTR', name: question.name, ttl: TTL_SECONDS, data: pointer }] : [],
      };
    if (name !== 'weft' && !name.endsWith('.weft')) return { code: REFUSED, answers: [] };
    const addresses = this.names.get(name);
    if (!addresses) return { code: this.parents.has(name) ? 0 : NXDOMAIN, answers: [] };
    const answers = addresses
      .filter((address) => question.type === (address.includes(':') ? 'AAAA' : 'A'))
      .map((address): packet.Answer => ({
        type: address.includes(':') ? 'AAAA' : 'A',
        name: question.name,
        ttl: TTL_SECONDS,
        data: address,
      }));
    return { code: 0, answers };
  }
}

/** "anna.home.weft" → "home.weft", "weft" */
function parentsOf(name: string): string[] {
  const labels = name.split('.');
  return labels.slice(1).map((_, at) => labels.slice(at + 1).join('.'));
}

/** "10.1.2.3" → "3.2.1.10.in-addr.arpa" */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail = ''] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const middle = address.includes('::') ? Array<string>(8 - front.length - back.length).fill('0') : [];
  const nibbles = [...front, ...middle, ...back].map((group) => group.padStart(4, '0')).join('');
  return `${[...nibbles.toLowerCase()].reverse().join('.')}.ip6.arpa`;
}
