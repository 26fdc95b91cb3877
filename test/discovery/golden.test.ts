// Formats on the wire stay as they are: vectors of version 1. WEFT_GOLDEN=write makes those that are missing.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beaconKeys, encodeBeacon, openBeacon } from '../../app/mesh/discovery/beacon.ts';
import { encodePcpMap, encodePmpMap } from '../../app/mesh/discovery/port-control.ts';
import { encodeRendezvous, openRendezvous, rendezvousKeys } from '../../app/mesh/discovery/rendezvous.ts';
import { memberIdOf } from '../../app/mesh/identity/identity.ts';
import { hex } from '../../app/wire/text.ts';
import { sealCrypto as crypto } from '../../main/discovery/seal-crypto.ts';

const file = join(import.meta.dirname, '../golden/discovery/v1.json');
const fill = (byte: number, length = 32) => new Uint8Array(length).fill(byte);
const key = crypto.signPublicKey(fill(1));
const entry = {
  member: memberIdOf(crypto, key),
  issuedMs: 1_800_000_000_000,
  endpoints: ['192.0.2.1:4000', '[2001:db8::1]:4000', '203.0.113.5:443/tcp'],
};
const day = 20_833;

function made() {
  const lan = beaconKeys(crypto, fill(9), day);
  const dht = rendezvousKeys(crypto, fill(9), fill(8), day);
  const map = { protocol: 'udp', internal: 4000, external: 4000, lifetimeS: 3600 } as const;
  return {
    beaconTag: hex(lan.tag),
    beacon: hex(encodeBeacon(crypto, lan, fill(1), fill(5, 12), { ...entry, kind: 'ask' }) as Uint8Array),
    rendezvousPublicKey: hex(dht.publicKey),
    rendezvousSalts: dht.salts.map(hex),
    rendezvous: hex(encodeRendezvous(crypto, dht, 2, fill(1), fill(5, 12), entry) as Uint8Array),
    pcpMap: hex(encodePcpMap(map, fill(7, 4), fill(6, 12))),
    pmpMap: hex(encodePmpMap(map)),
  };
}

describe('vectors of discovery', () => {
  if (!existsSync(file) && process.env['WEFT_GOLDEN'] === 'write')
    writeFileSync(file, `${JSON.stringify(made(), null, 2)}\n`);
  const golden = JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof made>;
  it('are what is written today', () => expect(made()).toEqual(golden));
  it('are understood', () => {
    const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
    const lan = beaconKeys(crypto, fill(9), day);
    expect(openBeacon(crypto, lan, bytes(golden.beacon), entry.issuedMs)).toMatchObject(entry);
    const dht = rendezvousKeys(crypto, fill(9), fill(8), day);
    expect(openRendezvous(crypto, dht, 2, bytes(golden.rendezvous), entry.issuedMs, () => key)).toEqual(entry);
    expect(openRendezvous(crypto, dht, 1, bytes(golden.rendezvous), entry.issuedMs, () => key)).toBeNull();
  });
});
