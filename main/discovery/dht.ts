// Rendezvous by the BitTorrent Mainline DHT: a node is made to publish or to look up and is destroyed right after. IPv4 only, as the
// library is. DHT nodes see the asking address and a random key, nothing else.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'bittorrent-dht';
import type { Entry } from '../../app/mesh/discovery/entry.ts';
import {
  chooseSlot,
  encodeRendezvous,
  mergeEntries,
  openRendezvous,
  rendezvousKeys,
  slotOrder,
  type RendezvousKeys,
} from '../../app/mesh/discovery/rendezvous.ts';
import { daysAround, dayOf, NONCE_BYTES } from '../../app/mesh/discovery/seal.ts';
import { sameBytes } from '../../app/wire/text.ts';
import { nodeRandom } from '../host/crypto.ts';
import type {
  MemberKeyOf,
  Rendezvous,
  RendezvousFound,
  RendezvousNetwork,
  RendezvousPublished,
  RendezvousResult,
  RendezvousSelf,
} from './ports.ts';
import { sealCrypto as crypto } from './seal-crypto.ts';

/** For one publish or look-up, all steps together. */
export const DHT_TIMEOUT_MS = 45_000;
/** Members that took one slot at the same time: the losers take others. */
const PUBLISH_TRIES = 6;
/** Long enough for what others wrote at the same time to be there: only who is read back after it holds the slot. */
const SETTLE_MS = 1_000;

/** Queries under way. Above what twelve look-ups at once want: the library's searches stall each other when they meet its limit. */
const QUERIES_MAX = 256;

/** Nodes that left are common: waiting for them is most of a look-up. */
const QUERY_TIMEOUT_MS = 1500;

export interface DhtOptions {
  /** "host:port"; absent: the library's public ones. */
  bootstrap?: string[];
  /** Address to listen on; labs use 127.0.0.1. */
  host?: string;
  queryTimeoutMs?: number;
  now?: () => number;
}

/** WEFT_DHT_BOOTSTRAP: hosts and ports separated by commas. */
export function bootstrapOf(text: string | undefined): string[] | undefined {
  const list = (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => /^[^\s:]+:\d{1,5}$/.test(item));
  return list.length > 0 ? list : undefined;
}

class Unreachable extends Error {}
class Stopped extends Error {}

type Work<T> = (node: Client) => Promise<T>;

export class DhtRendezvous implements Rendezvous {
  readonly #under = new Set<(error: Error) => void>();
  readonly #now: () => number;

  constructor(private readonly options: DhtOptions = {}) {
    this.#now = options.now ?? Date.now;
  }

  publish(network: RendezvousNetwork, self: RendezvousSelf, keyOf: MemberKeyOf) {
    const keys = rendezvousKeys(crypto, network.networkId, network.secret, dayOf(this.#now()));
    return this.#run(async (node): Promise<RendezvousPublished> => {
      const order = slotOrder(crypto, keys, self.member);
      let slots = await this.#slots(node, keys, keyOf);
      for (let tries = 0; tries < PUBLISH_TRIES; tries++) {
        const slot = chooseSlot(order, slots, self.member);
        if (slot === null) return { word: 'not-needed', found: othersIn(slots, self) };
        await this.#put(node, keys, slot, self);
        await sleep(SETTLE_MS);
        // All of them: members that look for each other publish at the same time, and are found here first.
        slots = await this.#slots(node, keys, keyOf);
        const now = slots[slot];
        if (now && sameBytes(now.member, self.member)) return { word: 'published', found: othersIn(slots, self) };
      }
      throw new Error('every slot was taken over');
    });
  }

  lookup(network: RendezvousNetwork, keyOf: MemberKeyOf): Promise<RendezvousResult<RendezvousFound[]>> {
    return this.#run(async (node) => {
      const days = daysAround(this.#now()).map((day) => rendezvousKeys(crypto, network.networkId, network.secret, day));
      const found = await Promise.all(days.map((keys) => this.#slots(node, keys, keyOf)));
      return mergeEntries(found.flat().flatMap((entry) => entry ?? []));
    });
  }

  stop(): Promise<void> {
    for (const end of [...this.#under]) end(new Stopped());
    return Promise.resolve();
  }

  /** What lies in the slots now; null where there is nothing that counts. */
  #slots(node: Client, keys: RendezvousKeys, keyOf: MemberKeyOf) {
    return Promise.all(
      keys.salts.map(
        (bytesOfSalt, slot) =>
          new Promise<Entry | null>((resolve) => {
            const salt = Buffer.from(bytesOfSalt);
            const target = createHash('sha1').update(keys.publicKey).update(salt).digest();
            // Every holder of the secret can write here: what is there is judged by its seal and its signature alone.
            node.get(target, { salt, cache: false }, (error, item) => {
              const bytes = error || !item || !(item.v instanceof Uint8Array) ? null : new Uint8Array(item.v);
              resolve(bytes && openRendezvous(crypto, keys, slot, bytes, this.#now(), keyOf));
            });
          }),
      ),
    );
  }

  #put(node: Client, keys: RendezvousKeys, slot: number, self: RendezvousSelf): Promise<void> {
    const issuedMs = this.#now();
    const entry: Entry = { member: self.member, issuedMs, endpoints: self.endpoints };
    const value = encodeRendezvous(crypto, keys, slot, self.signSeed, nodeRandom.bytes(NONCE_BYTES), entry);
    if (!value) throw new RangeError('too-large');
    return new Promise((resolve, reject) => {
      const item = {
        k: Buffer.from(keys.publicKey),
        salt: Buffer.from(keys.salts[slot] as Uint8Array),
        // Of two writers in one second the later one counts, at every node alike.
        seq: issuedMs,
        v: Buffer.from(value),
        sign: (message: Buffer) => Buffer.from(crypto.sign(keys.seed, message)),
      };
      node.put(item, (error, _hash, nodes) => (error || nodes === 0 ? reject(error ?? new Unreachable()) : resolve()));
    });
  }

  /** A node for the time of the work, and a code for what went wrong. */
  async #run<T>(work: Work<T>): Promise<RendezvousResult<T>> {
    let node: Client | null = null;
    let end: (error: Error) => void = () => undefined;
    const ended = new Promise<never>((_, reject) => (end = reject));
    ended.catch(() => undefined);
    this.#under.add(end);
    const timer = setTimeout(() => end(new Unreachable()), DHT_TIMEOUT_MS);
    try {
      const library = await Promise.race([import('bittorrent-dht'), ended]);
      node = makeNode(library.Client, this.options, end);
      return { ok: true, value: await Promise.race([ready(node).then(() => work(node as Client)), ended]) };
    } catch (error) {
      if (error instanceof Stopped) return { ok: false, code: 'off' };
      if (error instanceof Unreachable) return { ok: false, code: 'dht-unreachable' };
      return { ok: false, code: error instanceof RangeError ? 'too-large' : 'dht-failed' };
    } finally {
      clearTimeout(timer);
      this.#under.delete(end);
      node?.destroy();
    }
  }
}

const othersIn = (slots: readonly (Entry | null)[], self: RendezvousSelf): RendezvousFound[] =>
  mergeEntries(slots.flatMap((entry) => entry ?? [])).filter(({ member }) => !sameBytes(member, self.member));

function makeNode(DhtClient: typeof Client, options: DhtOptions, fail: (error: Error) => void): Client {
  const node = new DhtClient({
    ...(options.bootstrap && { bootstrap: options.bootstrap }),
    verify: (signature, message, key) => crypto.verify(key, message, signature),
    concurrency: QUERIES_MAX,
    timeout: options.queryTimeoutMs ?? QUERY_TIMEOUT_MS,
    maxTables: 32,
    maxValues: 32,
    maxPeers: 32,
  });
  node.on('error', fail);
  node.on('warning', () => undefined);
  node.listen(0, options.host ?? '0.0.0.0');
  return node;
}

/** After the first round of bootstrapping; without any node there is nothing to ask. */
function ready(node: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    node.once('ready', () => (node.nodes.toArray().length > 0 ? resolve() : reject(new Unreachable())));
  });
}
