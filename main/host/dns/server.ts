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
const REFUSED = 5;
const NXDOMAIN = 3;

export class DnsServer {
  private readonly socket: Socket;
  private names = new Map<string, string[]>();
  private addresses = new Map<string, string>();

  /** `fd`: a bound UDP socket, which this closes in the end. */
  constructor(
    fd: number,
    ipv6: boolean,
    private readonly onError: (error: Error) => void,
  ) {
    this.socket = createSocket(ipv6 ? 'udp6' : 'udp4');
    this.socket.on('error', (error) => this.onError(error));
    this.socket.on('message', (message, from) => {
      const answer = this.answer(message);
      if (answer) this.socket.send(answer, from.port, from.address);
    });
    this.socket.bind({ fd });
    this.socket.unref();
  }

  set(names: DnsName[]): void {
    this.names = new Map(names.map(({ name, addresses }) => [name.toLowerCase(), addresses]));
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
    let query: packet.DecodedPacket;
    try {
      query = packet.decode(message);
    } catch {
      return null;
    }
    const question = query.questions?.[0];
    if (query.type !== 'query' || !question || query.questions?.length !== 1) return null;
    const { code, answers } = this.find(question);
    return packet.encode({
      type: 'response',
      id: query.id ?? 0,
      flags: packet.AUTHORITATIVE_ANSWER | ((query.flags ?? 0) & packet.RECURSION_DESIRED) | code,
      questions: [question],
      answers,
    });
  }

  private find(question: packet.Question): { code: number; answers: packet.Answer[] } {
    const name = question.name.toLowerCase().replace(/\.$/, '');
    const pointer = this.addresses.get(name);
    if (pointer !== undefined)
      return {
        code: 0,
        answers: question.type === 'PTR' ? [{ type: 'PTR', name: question.name, ttl: TTL_SECONDS, data: pointer }] : [],
      };
    if (name !== 'weft' && !name.endsWith('.weft')) return { code: REFUSED, answers: [] };
    const addresses = this.names.get(name);
    if (!addresses) return { code: NXDOMAIN, answers: [] };
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

/** "10.1.2.3" → "3.2.1.10.in-addr.arpa" */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail = ''] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const middle = address.includes('::') ? Array<string>(8 - front.length - back.length).fill('0') : [];
  const nibbles = [...front, ...middle, ...back].map((group) => group.padStart(4, '0')).join('');
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`;
}
