// The documents of the state folder: what version 1 wrote is read for ever, and means the same. WEFT_GOLDEN=write makes the file anew:
// only for a new version.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeDevice, readDevice } from '../../app/engine/device.ts';
import { NetworkFiles, type LocalState } from '../../app/engine/files.ts';
import { defaultSettings, readSettings, writeSettings, type FullSettings } from '../../app/engine/settings.ts';
import { MemoryStore } from './support/store.ts';

const FOLDER = join(import.meta.dirname, '../golden/store');
const FILE = join(FOLDER, 'documents.v1.json');
/** Written before settings said whether traffic classes are copied. */
const EARLIER = join(FOLDER, 'documents.v1.without-class.json');
/** Before they bounded what a member may send to a group. */
const WITHOUT_SHARE = join(FOLDER, 'documents.v1.without-share.json');
const ID = 'abcdefghijklmnop';
const NOW = 1_800_000_000_000;
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const ports = (store: MemoryStore) => ({ store, random: { bytes: (length: number) => fill(length, 7) } }) as never;

const local: LocalState = {
  on: false,
  adapter: 'weft3',
  adapterFixed: true,
  mtu: 1280,
  ways: [{ origin: '0011223344556677', endpoints: ['192.0.2.1:4000', '[2001:db8::1]:443/tcp'] }],
  generation: 2,
  channels: ['a1b2c3'],
};
const settings: FullSettings = {
  ...defaultSettings('Änna’s desk'),
  listen: ['0.0.0.0:4000'],
  quit: 'stay',
  relay: 'metered',
  relayKBps: 500,
  uplinkKBps: 2_000,
  stun: ['stun.example.org:3478'],
  turn: ['user:word@[2001:db8::5]:3478'],
  anywhere: ['games'],
};
const statements = [
  { ageSeconds: 3, bytes: fill(5, 1) },
  { ageSeconds: 0xffff, bytes: fill(2, 2) },
];

function written(): MemoryStore {
  const store = new MemoryStore();
  const files = new NetworkFiles(store, ID);
  makeDevice(ports(store));
  writeSettings(store, settings);
  files.writeLocal(local);
  files.writeRoot(fill(32, 9));
  files.writeSeq(NOW);
  files.writePresences(NOW, statements);
  return store;
}
const hexOf = (store: MemoryStore): Record<string, string> =>
  Object.fromEntries([...store.files].map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')]));

if (process.env['WEFT_GOLDEN'] === 'write') writeFileSync(FILE, `${JSON.stringify(hexOf(written()), null, 2)}\n`);
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
const golden = read(FILE);

function kept(change: (name: string, bytes: Buffer) => Uint8Array = (_, bytes) => bytes, from = golden): MemoryStore {
  const store = new MemoryStore();
  for (const [name, text] of Object.entries(from))
    store.files.set(name, Uint8Array.from(change(name, Buffer.from(text, 'hex'))));
  return store;
}

describe('documents of version 1', () => {
  it('are what is written today', () => {
    expect(Object.keys(golden).sort()).toEqual(
      ['device', ...['local', 'presences', 'root', 'seq'].map((name) => `networks/${ID}/${name}`), 'settings'].sort(),
    );
    expect(hexOf(written())).toEqual(golden);
  });

  it.each([
    ['now', FILE],
    ['earlier', EARLIER],
    ['before shares', WITHOUT_SHARE],
  ])('are understood, as written %s', (_, file) => {
    const store = kept(undefined, read(file));
    const files = new NetworkFiles(store, ID);
    expect(readDevice(ports(store))).toEqual({ ok: true, value: { seed: fill(32, 7) } });
    expect(readSettings(store, 'other')).toEqual({ ok: true, value: settings });
    expect(files.readLocal()).toEqual({ ok: true, value: local });
    expect(files.readRoot()).toEqual({ ok: true, value: fill(32, 9) });
    expect(files.readSeq()).toBe(NOW);
    const aged = statements.map(({ ageSeconds, bytes }) => ({ ageSeconds: Math.min(0xffff, ageSeconds + 2), bytes }));
    expect(files.readPresences(NOW + 2_000)).toEqual(aged);
  });

  it('of a later version are not guessed at: what must not be lost is refused, the rest left out', () => {
    const store = kept((name, bytes) =>
      name.endsWith('presences')
        ? Buffer.concat([Buffer.of(2), bytes.subarray(1)])
        : Buffer.from(bytes.toString().replace('"version":1', '"version":2')),
    );
    const files = new NetworkFiles(store, ID);
    for (const outcome of [readDevice(ports(store)), readSettings(store, 'x'), files.readLocal(), files.readRoot()])
      expect(outcome).toMatchObject({ ok: false, error: { code: 'state-newer' } });
    expect(files.readSeq()).toBe(0);
    expect(files.readPresences(NOW)).toEqual([]);
  });
});
