// LAN beacons between listeners on this machine's loopback, and their codec against forgeries.
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  BEACON_BYTES,
  beaconIsSigned,
  beaconKeys,
  BeaconTags,
  encodeBeacon,
  openBeacon,
} from '../../app/mesh/discovery/beacon.ts';
import { DAY_MS, dayOf } from '../../app/mesh/discovery/seal.ts';
import { memberIdOf } from '../../app/mesh/identity/identity.ts';
import { hex } from '../../app/wire/text.ts';
import { LAN_GROUP_IPV4, LanBeacons, underlay, withSender } from '../../main/discovery/lan.ts';
import type { LanFound } from '../../main/discovery/ports.ts';
import { sealCrypto as crypto } from '../../main/discovery/seal-crypto.ts';

const PORT = 45_978;
const fill = (byte: number) => new Uint8Array(32).fill(byte);
const person = (byte: number) => {
  const signSeed = fill(byte);
  const key = crypto.signPublicKey(signSeed);
  return { signSeed, key, member: memberIdOf(crypto, key), endpoints: [`192.0.2.${byte}:4000`] };
};
const anna = person(1);
const ben = person(2);
const stranger = person(3);
const known = new Map([anna, ben].map((one) => [hex(one.member), one.key]));
const keyOf = (_net: number, member: Uint8Array) => known.get(hex(member)) ?? null;

const open: LanBeacons[] = [];
afterEach(() => open.splice(0).forEach((lan) => lan.stop()));
/** IPv4 loopback only: IPv6 is not everywhere. */
const look = () => ({ lo: (networkInterfaces()['lo'] ?? []).filter((one) => one.family === 'IPv4') });

function member(who: typeof anna, networkId: Uint8Array, isOnline = () => false) {
  const found: LanFound[] = [];
  const lan = new LanBeacons({ port: PORT, keyOf, isOnline, look, loopback: true });
  open.push(lan);
  lan.onFound((one) => found.push(one));
  lan.set([{ net: 1, networkId, ...who, seeking: true }]);
  return found;
}

/** An ask as it goes over the wire. */
function asked(who: typeof anna, networkId: Uint8Array, issuedMs: number): Uint8Array {
  const keys = beaconKeys(crypto, networkId, dayOf(Date.now()));
  const entry = { kind: 'ask' as const, member: who.member, issuedMs, endpoints: who.endpoints };
  return encodeBeacon(crypto, keys, who.signSeed, fill(7).subarray(0, 12), entry) as Uint8Array;
}

async function onLoopback(port: number) {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((bound) => socket.bind(port, bound));
  socket.setMulticastInterface('127.0.0.1');
  return socket;
}

describe('LAN discovery', () => {
  it('members of one network find each other; others hear nothing', async () => {
    const bens = member(ben, fill(40));
    const others = member(person(4), fill(41));
    const annas = member(anna, fill(40));
    await expect.poll(() => annas[0]?.member, { timeout: 5000 }).toEqual(ben.member);
    await expect.poll(() => bens[0]?.member, { timeout: 5000 }).toEqual(anna.member);
    expect(annas[0]?.endpoints).toEqual(['127.0.0.1:4000', '192.0.2.2:4000']);
    expect(others).toEqual([]);
  });

  it('does not speak more often the more often members come and go', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const lan = new LanBeacons({ port: PORT, keyOf, isOnline: () => false, look: () => ({}) });
      open.push(lan);
      for (let n = 0; n < 20; n++) lan.set([{ net: 1, networkId: fill(43), ...anna, seeking: n % 2 === 0 }]);
      // Four of the burst and the next one.
      expect(vi.getTimerCount()).toBe(5);
      lan.stop();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('answers who is not online, and nobody else', async () => {
    let online = true;
    const bens = member(ben, fill(44), () => online);
    const annas = await onLoopback(0);
    let answers = 0;
    annas.on('message', () => answers++);
    const ask = () => annas.send(asked(anna, fill(44), Date.now()), PORT, LAN_GROUP_IPV4);
    await expect.poll(() => (ask(), bens.length), { timeout: 5000 }).toBeGreaterThan(2);
    expect(answers).toBe(0);
    online = false;
    ask();
    await expect.poll(() => answers, { timeout: 5000 }).toBeGreaterThan(0);
    annas.close();
  });

  it.each([
    ['says nothing where an online member asked', 0, true, 4],
    ['speaks where that was a replay', 60_000, true, 5],
    ['speaks where who asked is not online', 0, false, 5],
  ])('%s', async (_, ageMs, online, count) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let asks = 0;
    const ear = await onLoopback(PORT);
    ear.on('message', () => asks++);
    ear.addMembership(LAN_GROUP_IPV4, '127.0.0.1');
    try {
      const bens = member(ben, fill(45), () => online);
      ear.send(asked(anna, fill(45), Date.now() - ageMs), PORT, LAN_GROUP_IPV4);
      await expect.poll(() => bens.length, { timeout: 5000 }).toBe(1);
      // That one; then four of the burst and one of the period. The last is a mark: what was sent before it has come.
      expect(asks).toBe(1);
      await vi.advanceTimersByTimeAsync(40_000);
      ear.send(asked(anna, fill(45), Date.now() - ageMs), PORT, LAN_GROUP_IPV4);
      await expect.poll(() => bens.length, { timeout: 5000 }).toBe(2);
      await expect.poll(() => asks, { timeout: 5000 }).toBe(count + 2);
    } finally {
      vi.useRealTimers();
      ear.close();
    }
  });

  it('a beacon of somebody who is no member, and noise, change nothing', async () => {
    const bens = member(ben, fill(42));
    const strangers = member(stranger, fill(42));
    const noise = createSocket('udp4');
    for (const length of [0, 1, BEACON_BYTES, 1400]) noise.send(new Uint8Array(length).fill(1), PORT, LAN_GROUP_IPV4);
    // The stranger, who knows the network id, hears the member: that is what the id allows.
    await expect.poll(() => strangers.length, { timeout: 5000 }).toBeGreaterThan(0);
    noise.close();
    expect(bens).toEqual([]);
  });

  it('leaves the own adapters alone and takes one entry a family', () => {
    const info = (address: string, family: 'IPv4' | 'IPv6') =>
      ({ address, family, internal: false, mac: '', netmask: '', cidr: null }) as never;
    const found = underlay(
      { weft0: [info('10.1.0.1', 'IPv4')], eth0: [info('192.0.2.1', 'IPv4'), info('fe80::1', 'IPv6')] },
      false,
    );
    expect(found.map((one) => one.name)).toEqual(['eth0/IPv4', 'eth0/IPv6']);
  });

  it('puts the sender before the list, but no link-local one', () => {
    expect(withSender(['192.0.2.1:4000/udp'], '198.51.100.7')).toEqual(['198.51.100.7:4000/udp', '192.0.2.1:4000/udp']);
    expect(withSender(['192.0.2.1:4000'], 'fe80::1%eth0')).toEqual(['192.0.2.1:4000']);
  });
});

describe('the beacon', () => {
  const now = 1_800_000_000_000;
  const keys = beaconKeys(crypto, fill(9), dayOf(now));
  const nonce = new Uint8Array(12).fill(5);
  const entry = { kind: 'ask' as const, member: anna.member, issuedMs: now, endpoints: anna.endpoints };
  const bytes = encodeBeacon(crypto, keys, anna.signSeed, nonce, entry) as Uint8Array;

  it('is recognised on the day before and after, not later, and not by other networks', () => {
    for (const skew of [-DAY_MS, 0, DAY_MS])
      expect(new BeaconTags(crypto, [fill(8), fill(9)], now + skew).find(bytes)?.day).toBe(dayOf(now));
    expect(new BeaconTags(crypto, [fill(9)], now + 2 * DAY_MS).find(bytes)).toBeNull();
    expect(new BeaconTags(crypto, [fill(8)], now).find(bytes)).toBeNull();
  });

  it('opens only as it was sealed, and only near its time', () => {
    expect(openBeacon(crypto, keys, bytes, now)).toMatchObject(entry);
    expect(openBeacon(crypto, keys, bytes, now + 27 * 3_600_000)).toBeNull();
    for (const at of [0, 1, 20, 40, BEACON_BYTES - 1]) {
      const bent = Uint8Array.from(bytes);
      bent[at] = (bent[at] as number) ^ 1;
      expect(openBeacon(crypto, keys, bent, now)).toBeNull();
    }
  });

  it('is signed by its member', () => {
    const good = openBeacon(crypto, keys, bytes, now);
    expect(good && beaconIsSigned(crypto, keys, anna.key, good)).toBe(true);
    const forged = encodeBeacon(crypto, keys, ben.signSeed, nonce, entry) as Uint8Array;
    const opened = openBeacon(crypto, keys, forged, now);
    expect(opened && beaconIsSigned(crypto, keys, anna.key, opened)).toBe(false);
  });

  it('has one size, however many endpoints', () => {
    const endpoints = Array.from(
      { length: 9 },
      (_, at) => `[2001:db8:1111:2222:3333:4444:5555:${at + 1000}]:65535/udp`,
    );
    const full = encodeBeacon(crypto, keys, anna.signSeed, nonce, { ...entry, endpoints }) as Uint8Array;
    expect([bytes.length, full.length]).toEqual([BEACON_BYTES, BEACON_BYTES]);
    expect(openBeacon(crypto, keys, full, now)?.endpoints).toEqual(endpoints.slice(0, 6));
  });
});
