// mDNS for the own name on one adapter.
import type { Answer, Packet, Question } from 'dns-packet';
import mdns, { type MulticastDNS } from 'multicast-dns';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { BlockList } from 'node:net';

export const MDNS_PORT = 5353;
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
  private name = '';
  private addresses: string[] = [];

  /** `address`: the own IPv4 address on the adapter. `look`: the interfaces, for tests. */
  constructor(
    private readonly address: string,
    onError: (error: Error) => void,
    private readonly look: () => Interfaces = networkInterfaces,
  ) {
    this.instance = mdns({ interface: address, bind: '0.0.0.0', reuseAddr: true, loopback: false, ttl: 255 });
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
    for (const list of Object.values(this.look()))
      for (const { address, cidr } of list ?? []) {
        if (address !== this.address || !cidr) continue;
        const near = new BlockList();
        near.addSubnet(address, Number(cidr.split('/')[1]), 'ipv4');
        return near.check(asker, 'ipv4');
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
