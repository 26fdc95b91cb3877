// mDNS for the own name on one adapter.
import type { Answer, Packet, Question } from 'dns-packet';
import mdns, { type MulticastDNS } from 'multicast-dns';
import { createSocket } from 'node:dgram';
import { BlockList } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

export const MDNS_PORT = 5353;
const GROUP_IPV6 = 'ff02::fb';
const TTL_SECONDS = 120;
/** What simple resolvers may keep (RFC 6762, 6.7). */
const SIMPLE_TTL_SECONDS = 10;
/** Questions of one packet that are looked at. */
const QUESTIONS_MAX = 32;

export interface Asker {
  address: string;
  port: number;
}

/** What to send; `to` null: to everybody on the adapter. */
export interface Response {
  packet: Packet;
  to: Asker | null;
}

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

export class MdnsResponder {
  private readonly instance: MulticastDNS;
  private readonly family: 'ipv4' | 'ipv6';
  private name = '';
  private addresses: string[] = [];

  /** `address`: the own one on the adapter `device`; its family is the one that is spoken. `look`: the interfaces, for tests. */
  constructor(
    private readonly address: string,
    private readonly device: string,
    onError: (error: Error) => void,
    private readonly look: () => Interfaces = networkInterfaces,
  ) {
    this.family = address.includes(':') ? 'ipv6' : 'ipv4';
    const common = { reuseAddr: true, loopback: false, ttl: 255 };
    this.instance =
      this.family === 'ipv4'
        ? mdns({ ...common, interface: address, bind: '0.0.0.0' })
        : mdns({
            ...common,
            ip: GROUP_IPV6,
            interface: `::%${device}`,
            bind: '::',
            // Left to itself it would take IPv4's questions too.
            socket: createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true }),
            type: 'udp6',
          });
    this.instance.on('error', onError);
    this.instance.on('warning', () => {});
    this.instance.on('query', (query, from) => {
      const response = this.respond(query, from);
      if (!response) return;
      if (response.to) this.instance.respond(response.packet as never, response.to as never);
      else this.instance.respond(response.packet as never);
    });
  }

  /** null: not asked, or not by somebody on the adapter's network. */
  respond(query: Packet, from: Asker): Response | null {
    // Nothing can be sent to port 0, which any member can send from.
    if (this.name === '' || from.port === 0) return null;
    const asked = query.questions?.slice(0, QUESTIONS_MAX).find((question) => this.isOurs(question));
    // The socket hears every interface: the machine's other networks have no business with this name.
    if (!asked || !this.isNear(from.address)) return null;
    // Who asked from another port is a simple resolver: its answer goes there, repeats the question, and is not kept for long.
    const simple = from.port !== MDNS_PORT;
    const answers = this.addresses.map((data): Answer => {
      const ttl = simple ? SIMPLE_TTL_SECONDS : TTL_SECONDS;
      return { name: this.name, type: data.includes(':') ? 'AAAA' : 'A', ttl, flush: !simple, data };
    });
    if (!simple) return { packet: { answers }, to: null };
    const questions: Question[] = [{ name: asked.name, type: asked.type, class: 'IN' }];
    return { packet: { id: query.id ?? 0, questions, answers }, to: from };
  }

  private isOurs({ name, type }: Question): boolean {
    return name.toLowerCase() === this.name && ['A', 'AAAA', 'ANY'].includes(type);
  }

  private isNear(asker: string): boolean {
    const [address = '', zone] = asker.split('%');
    // A link-local address means nothing without its interface.
    if (zone !== undefined) return zone === this.device;
    for (const { address: own, cidr } of this.look()[this.device] ?? []) {
      if (own !== this.address || !cidr) continue;
      const near = new BlockList();
      near.addSubnet(own, Number(cidr.split('/')[1]), this.family);
      return near.check(address, this.family);
    }
    return false;
  }

  /** "anna-home.local"; an empty name answers nothing. */
  set(name: string, addresses: string[]): void {
    this.name = name.toLowerCase();
    this.addresses = addresses;
  }

  close(): void {
    this.instance.destroy();
  }
}
