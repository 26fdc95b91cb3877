// What is used of libraries that bring no types.
declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events';

  export interface DhtOptions {
    bootstrap?: string[] | false;
    host?: string;
    verify?: (signature: Buffer, message: Buffer, publicKey: Buffer) => boolean;
    concurrency?: number;
    timeout?: number;
    maxTables?: number;
    maxValues?: number;
    maxPeers?: number;
    timeBucketOutdated?: number;
  }
  export interface MutablePut {
    k: Buffer;
    salt: Buffer;
    seq: number;
    v: Buffer;
    sign: (message: Buffer) => Buffer;
  }
  export class Client extends EventEmitter {
    constructor(options?: DhtOptions);
    nodes: { toArray(): unknown[] };
    listen(port: number, address: string, done?: () => void): void;
    address(): { port: number; address: string };
    put(item: MutablePut, done: (error: Error | null, hash: Buffer, nodes: number) => void): void;
    get(
      target: Buffer,
      options: { salt: Buffer; cache: boolean },
      done: (error: Error | null, found: { v?: unknown; seq?: number } | null) => void,
    ): void;
    destroy(done?: () => void): void;
  }
}

declare module '@silentbot1/nat-api' {
  export interface NatOptions {
    enablePMP: boolean;
    enableUPNP: boolean;
    autoUpdate: boolean;
    upnpPermanentFallback: boolean;
    description: string;
    ttl: number;
  }
  export interface NatPort {
    publicPort: number;
    privatePort: number;
    protocol: 'UDP' | 'TCP';
    ttl?: number;
  }
  export default class NatAPI {
    constructor(options: NatOptions);
    map(port: NatPort): Promise<boolean>;
    unmap(port: NatPort): Promise<boolean>;
    externalIp(): Promise<string>;
    destroy(): Promise<boolean>;
  }
}
