// The three protocols by which a gateway is asked for a mapping, as one interface: PCP and NAT-PMP by own codecs, UPnP by a library.
import { createSocket, type Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import type NatAPI from '@silentbot1/nat-api';
import {
  decodePcpMap,
  decodePmpExternal,
  decodePmpMap,
  encodePcpMap,
  encodePmpExternal,
  encodePmpMap,
  PCP_NONCE_BYTES,
  PORT_CONTROL_PORT,
} from '../../app/mesh/discovery/port-control.ts';
import { parseIp } from '../../app/wire/messages/address.ts';
import { nodeRandom } from '../host/crypto.ts';
import type { MappedBy, MappingWish } from './ports.ts';

export interface Granted {
  address: string;
  external: number;
  lifetimeS: number;
}

export interface MappingClient {
  readonly by: MappedBy;
  /** `silent`: nothing speaks this protocol here. */
  map(wish: MappingWish, lifetimeS: number): Promise<Granted | 'silent' | 'refused'>;
  unmap(wish: MappingWish, external: number): Promise<void>;
  close(): Promise<void>;
}

/** RFC 6886 begins at 250 ms and doubles. */
const RESEND_AT_MS = [0, 250, 750];
const ANSWER_TIMEOUT_MS = 1500;

/** One question to the gateway; null when nothing fitting came back. */
async function ask<T>(
  gateway: string,
  port: number,
  encode: (own: Uint8Array) => Uint8Array,
  read: (bytes: Uint8Array) => T | null,
): Promise<T | null> {
  const socket = createSocket('udp4');
  const timers: NodeJS.Timeout[] = [];
  try {
    return await new Promise<T | null>((done) => {
      socket.on('error', () => done(null));
      socket.on('message', (bytes) => {
        const answer = read(new Uint8Array(bytes));
        if (answer !== null) done(answer);
      });
      // Connected: others' datagrams do not count, and the own address towards the gateway is known.
      socket.connect(port, gateway, () => {
        const own = parseIp(socket.address().address) ?? new Uint8Array(4);
        for (const delay of RESEND_AT_MS) timers.push(setTimeout(() => sendQuietly(socket, encode(own)), delay));
        timers.push(setTimeout(() => done(null), ANSWER_TIMEOUT_MS));
      });
    });
  } finally {
    timers.forEach(clearTimeout);
    socket.close();
  }
}

function sendQuietly(socket: Socket, bytes: Uint8Array): void {
  socket.send(bytes, () => undefined);
}

const requestOf = (wish: MappingWish, external: number, lifetimeS: number) => ({
  protocol: wish.protocol,
  internal: wish.local,
  external,
  lifetimeS,
});

export class PcpClient implements MappingClient {
  readonly by = 'pcp';
  /** A gateway changes a mapping only for who knows its nonce. */
  readonly #nonces = new Map<string, Uint8Array>();

  constructor(
    private readonly gateway: string,
    private readonly port = PORT_CONTROL_PORT,
  ) {}

  async map(wish: MappingWish, lifetimeS: number): Promise<Granted | 'silent' | 'refused'> {
    const answer = await this.#ask(wish, wish.external, lifetimeS);
    if (!answer || answer.result === 1) return 'silent';
    if (answer.result !== 0 || answer.address === null) return 'refused';
    return { address: answer.address, external: answer.external, lifetimeS: answer.lifetimeS };
  }

  async unmap(wish: MappingWish, external: number): Promise<void> {
    await this.#ask(wish, external, 0);
  }

  #ask(wish: MappingWish, external: number, lifetimeS: number) {
    const name = `${wish.protocol}/${wish.local}`;
    const nonce = this.#nonces.get(name) ?? nodeRandom.bytes(PCP_NONCE_BYTES);
    this.#nonces.set(name, nonce);
    const request = requestOf(wish, external, lifetimeS);
    return ask(
      this.gateway,
      this.port,
      (own) => encodePcpMap(request, own, nonce),
      (bytes) => decodePcpMap(bytes, request, nonce),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class PmpClient implements MappingClient {
  readonly by = 'nat-pmp';

  constructor(
    private readonly gateway: string,
    private readonly port = PORT_CONTROL_PORT,
  ) {}

  async map(wish: MappingWish, lifetimeS: number): Promise<Granted | 'silent' | 'refused'> {
    const address = await ask(this.gateway, this.port, encodePmpExternal, decodePmpExternal);
    if (address === null) return 'silent';
    if (typeof address === 'number') return 'refused';
    const answer = await this.#ask(wish, wish.external, lifetimeS);
    if (!answer || answer.result !== 0) return 'refused';
    return { address, external: answer.external, lifetimeS: answer.lifetimeS };
  }

  async unmap(wish: MappingWish): Promise<void> {
    await this.#ask(wish, 0, 0);
  }

  #ask(wish: MappingWish, external: number, lifetimeS: number) {
    const request = requestOf(wish, external, lifetimeS);
    return ask(
      this.gateway,
      this.port,
      () => encodePmpMap(request),
      (bytes) => decodePmpMap(bytes, request),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const LIBRARY_SETTLES_MS = 200;
/** External ports tried when the wanted one is somebody else's. */
const UPNP_TRIES = 3;

export class UpnpClient implements MappingClient {
  readonly by = 'upnp';
  #library: NatAPI | null = null;

  async #load(lifetimeS: number): Promise<NatAPI> {
    const { default: Library } = await import('@silentbot1/nat-api');
    // Its NAT-PMP never renews (decision 004): that part stays off, and renewing is our business.
    if (this.#library) return this.#library;
    this.#library = new Library({
      enablePMP: false,
      enableUPNP: true,
      autoUpdate: false,
      upnpPermanentFallback: true,
      description: 'Weft',
      ttl: lifetimeS,
    });
    // It opens sockets as it is made, and asked before they are bound it may wait for an event that is over.
    await new Promise((done) => setTimeout(done, LIBRARY_SETTLES_MS));
    return this.#library;
  }

  async map(wish: MappingWish, lifetimeS: number): Promise<Granted | 'silent' | 'refused'> {
    const library = await this.#load(lifetimeS);
    // Its search is one datagram, and interfaces may have come up just now: a second one finds what the first missed.
    const address = (await library.externalIp()) || (await library.externalIp());
    if (!address) return 'silent';
    let external = wish.external;
    for (let tries = 0; tries < UPNP_TRIES; tries++) {
      if (await library.map(natPort(wish, external, lifetimeS))) return { address, external, lifetimeS };
      const bytes = nodeRandom.bytes(2);
      external = 20_000 + ((((bytes[0] as number) << 8) | (bytes[1] as number)) % 40_000);
    }
    return 'refused';
  }

  async unmap(wish: MappingWish, external: number): Promise<void> {
    await this.#library?.unmap(natPort(wish, external));
  }

  async close(): Promise<void> {
    const library = this.#library;
    this.#library = null;
    await library?.destroy();
  }
}

const natPort = (wish: MappingWish, external: number, ttl?: number) => ({
  publicPort: external,
  privatePort: wish.local,
  protocol: wish.protocol === 'udp' ? ('UDP' as const) : ('TCP' as const),
  ...(ttl && { ttl }),
});

/** IPv4 default gateway from the kernel's table; null where there is none, or no such table. */
export async function defaultGateway(path = '/proc/net/route'): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [name, target, gateway, flags] = line.trim().split(/\s+/);
    const up = (parseInt(flags ?? '0', 16) & 3) === 3;
    if (!name || name.startsWith('weft') || target !== '00000000' || !up || !gateway) continue;
    return [6, 4, 2, 0].map((at) => parseInt(gateway.slice(at, at + 2), 16)).join('.');
  }
  return null;
}
