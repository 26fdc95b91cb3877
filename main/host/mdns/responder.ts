// mDNS for the own name on one adapter.
import mdns, { type MulticastDNS } from 'multicast-dns';

const TTL_SECONDS = 120;

export class MdnsResponder {
  private readonly instance: MulticastDNS;
  private name = '';
  private addresses: string[] = [];

  /** `address`: the own IPv4 address on the adapter. */
  constructor(address: string, onError: (error: Error) => void) {
    this.instance = mdns({ interface: address, bind: '0.0.0.0', reuseAddr: true, loopback: false, ttl: 255 });
    this.instance.on('error', onError);
    this.instance.on('warning', () => {});
    this.instance.on('query', (query, from) => {
      const asked = query.questions.some(
        ({ name, type }) => name.toLowerCase() === this.name && ['A', 'AAAA', 'ANY'].includes(type),
      );
      if (!asked || this.name === '') return;
      const answers = this.addresses.map((data) => ({
        name: this.name,
        type: data.includes(':') ? ('AAAA' as const) : ('A' as const),
        ttl: TTL_SECONDS,
        flush: true,
        data,
      }));
      // Who asked from another port is a simple resolver and wants its answer there.
      if (from.port === 5353) this.instance.respond({ answers });
      else this.instance.respond({ id: query.id ?? 0, questions: query.questions, answers } as never, from as never);
    });
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
