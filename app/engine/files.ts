// The files of one network in the state folder. `local` is written last when a network is made or joined: without it the folder is
// an unfinished attempt.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import { normalEndpoint } from '../wire/messages/address.ts';
import { Reader, Writer } from '../wire/messages/buffer.ts';
import { hex, unhex } from '../wire/messages/hex.ts';
import type { Aged } from '../wire/messages/message.ts';
import { PRESENCE_BYTES_MAX, type Origin } from '../wire/messages/presence.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { Store } from './ports.ts';
import type { KeptSecret } from './rendezvous-secret.ts';

export const NETWORKS_FOLDER = 'networks';
const LOCAL_VERSION = 1;
const SEQ_VERSION = 1;
const ROOT_VERSION = 1;
const PRESENCES_VERSION = 1;
const SECRET_VERSION = 1;
const SEED_HEX = /^[0-9a-f]{64}$/;

export interface KnownWay {
  origin: Origin;
  endpoints: string[];
}

/** What this device decided about a network. */
export interface LocalState {
  on: boolean;
  /** Adapter name; null: none. */
  adapter: string | null;
  /** The user chose the name. */
  adapterFixed: boolean;
  /** Bytes. */
  mtu: number;
  /** Where the members that the link named could be reached: the last resort of a device that knows nothing newer. */
  ways: KnownWay[];
  /** Which of the device's keys for this network is used: grows when a removed device is invited again. */
  generation: number;
  /** Ids of channels that this device receives whether or not an application joined. */
  channels: string[];
}

function isWay(value: unknown): value is KnownWay {
  const way = value as Partial<KnownWay> | null;
  if (typeof way !== 'object' || typeof way?.origin !== 'string' || !Array.isArray(way.endpoints)) return false;
  return way.endpoints.every((endpoint) => typeof endpoint === 'string' && normalEndpoint(endpoint) === endpoint);
}

export class NetworkFiles {
  readonly id: string;
  readonly #store: Store;
  readonly #folder: string;

  constructor(store: Store, id: string) {
    this.id = id;
    this.#store = store;
    this.#folder = `${NETWORKS_FOLDER}/${id}`;
  }

  #file(name: string): string {
    return `${this.#folder}/${name}`;
  }

  #json(name: string, version: number): Outcome<Record<string, unknown> | null> {
    const bytes = this.#store.read(this.#file(name));
    if (!bytes.ok) return bytes;
    return bytes.value === null ? ok(null) : decodeJson(this.#file(name), bytes.value, version);
  }

  /** null: an unfinished attempt. */
  readLocal(): Outcome<LocalState | null> {
    const fields = this.#json('local', LOCAL_VERSION);
    if (!fields.ok || fields.value === null) return fields as Outcome<null>;
    const { on, adapter, adapterFixed, mtu, ways, generation, channels } = fields.value;
    return ok({
      on: on !== false,
      adapter: typeof adapter === 'string' ? adapter : null,
      adapterFixed: adapterFixed === true,
      mtu: typeof mtu === 'number' ? mtu : 1380,
      ways: Array.isArray(ways) ? ways.filter(isWay) : [],
      generation: typeof generation === 'number' ? generation : 0,
      channels: Array.isArray(channels) ? channels.filter((id) => typeof id === 'string') : [],
    });
  }

  writeLocal(local: LocalState): Outcome<void> {
    return this.#store.write(this.#file('local'), encodeJson(LOCAL_VERSION, { ...local }));
  }

  readRecords(): Outcome<Uint8Array[]> {
    return this.#store.readLog(this.#file('records'));
  }

  appendRecords(records: readonly Uint8Array[]): Outcome<void> {
    return records.length === 0 ? ok(undefined) : this.#store.append(this.#file('records'), [...records]);
  }

  /** The root key's seed, only where the network was made. */
  readRoot(): Outcome<Uint8Array | null> {
    const fields = this.#json('root', ROOT_VERSION);
    if (!fields.ok || fields.value === null) return fields as Outcome<null>;
    const { seed } = fields.value;
    if (typeof seed !== 'string' || !SEED_HEX.test(seed))
      return fail('state-corrupt', { file: this.#file('root'), kept: '-' });
    return ok(unhex(seed));
  }

  writeRoot(seed: Uint8Array): Outcome<void> {
    return this.#store.write(this.#file('root'), encodeJson(ROOT_VERSION, { seed: hex(seed) }));
  }

  /** Sequence numbers of presence up to this one may have been used. Damage costs nothing: they follow the clock. */
  readSeq(): number {
    const fields = this.#json('seq', SEQ_VERSION);
    const reserved = fields.ok ? fields.value?.['reserved'] : undefined;
    return typeof reserved === 'number' ? reserved : 0;
  }

  writeSeq(reserved: number): Outcome<void> {
    return this.#store.write(this.#file('seq'), encodeJson(SEQ_VERSION, { reserved }));
  }

  /** The rendezvous secret; damage costs only that another member has to tell it. */
  readSecret(): KeptSecret | null {
    const fields = this.#json('rendezvous', SECRET_VERSION);
    const { epoch, secret, previous } = (fields.ok ? fields.value : null) ?? {};
    if (typeof epoch !== 'number' || typeof secret !== 'string' || !SEED_HEX.test(secret)) return null;
    const before = (Array.isArray(previous) ? previous : []) as { secret?: unknown; untilMs?: unknown }[];
    const kept = before.flatMap(({ secret, untilMs }) =>
      typeof secret === 'string' && SEED_HEX.test(secret) && typeof untilMs === 'number'
        ? [{ secret: unhex(secret), untilMs }]
        : [],
    );
    return { epoch, secret: unhex(secret), previous: kept };
  }

  writeSecret({ epoch, secret, previous }: KeptSecret): Outcome<void> {
    const before = previous.map(({ secret, untilMs }) => ({ secret: hex(secret), untilMs }));
    const fields = { epoch, secret: hex(secret), previous: before };
    return this.#store.write(this.#file('rendezvous'), encodeJson(SECRET_VERSION, fields));
  }

  /** Statements of presence from the last run, with their age now; what is damaged or from a later version is left out. */
  readPresences(wallMs: number): Aged[] {
    const bytes = this.#store.read(this.#file('presences'));
    if (!bytes.ok || bytes.value === null) return [];
    const reader = new Reader(bytes.value);
    if (reader.u8() !== PRESENCES_VERSION) return [];
    const passed = Math.max(0, Math.round((wallMs - reader.u48()) / 1000));
    const kept: Aged[] = [];
    while (reader.good && reader.left > 0) {
      const ageSeconds = Math.min(0xffff, reader.u16() + passed);
      const statement = reader.blob(PRESENCE_BYTES_MAX);
      if (reader.good) kept.push({ ageSeconds, bytes: statement });
    }
    return kept;
  }

  writePresences(wallMs: number, statements: readonly Aged[]): Outcome<void> {
    const writer = new Writer().u8(PRESENCES_VERSION).u48(wallMs);
    for (const { ageSeconds, bytes } of statements) writer.u16(ageSeconds).blob(bytes);
    return this.#store.write(this.#file('presences'), writer.done());
  }

  remove(): Outcome<void> {
    return this.#store.remove(this.#folder);
  }
}
