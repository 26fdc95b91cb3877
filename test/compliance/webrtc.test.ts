// What a WebRTC side says of itself and what it believes of the other: bounded, and never an address that leads back here.
import { describe, expect, it } from 'vitest';
import { WEBRTC_CANDIDATES_MAX, WEBRTC_SIGNAL_BYTES_MAX } from '../../main/transports/limits.ts';
import { dialWebRtc } from '../../main/transports/webrtc.ts';
import { candidateFilter } from '../../main/transports/guard.ts';
import { openChannel } from '../../main/transports/webrtc-channel.ts';
import { decodeSignals, encodeSignals, filtered, signalOf, type Signal } from '../../main/transports/webrtc-signal.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const candidate = (address: string): Signal => ({
  type: 'candidate',
  candidate: { candidate: `candidate:1 1 UDP 2114977791 ${address} 51234 typ host`, sdpMid: '0', sdpMLineIndex: 0 },
});
const overlay = { address: '10.87.3.9', netmask: '255.255.0.0', mac: '', internal: false, cidr: '10.87.3.9/16' };
const overlay6 = { address: 'fd12::9', netmask: '', mac: '', internal: false, cidr: 'fd12::9/64', scopeid: 0 };
const allowed = candidateFilter({
  weft0: [
    { ...overlay, family: 'IPv4' },
    { ...overlay6, family: 'IPv6' },
  ],
  eth0: [{ ...overlay, address: '192.168.1.10', cidr: '192.168.1.10/24', family: 'IPv4' }],
});

describe('candidates', () => {
  it.each(['192.168.1.20', '203.0.113.7', '2001:db8::7', 'fd99::1'])('to %s are taken', (address) => {
    expect(filtered(candidate(address), allowed)).toEqual(candidate(address));
  });

  it.each([
    ['127.0.0.1'],
    ['0.0.0.0'],
    ['169.254.1.1'],
    ['239.1.1.1'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['fe80::1'],
    ['ff02::1'],
    ['10.87.200.1'],
    ['fd12::77'],
    ['4f2a.local'],
    ['example.org'],
    [''],
  ])('to %s are not, alone or in a description', (address) => {
    expect(filtered(candidate(address), allowed)).toBeNull();
    const lines = ['v=0', `a=candidate:1 1 UDP 1 ${address} 9 typ host`, 'a=mid:0'];
    expect(filtered({ type: 'offer', sdp: lines.join('\r\n') }, allowed)).toEqual({
      type: 'offer',
      sdp: 'v=0\r\na=mid:0',
    });
  });
});

describe('signals', () => {
  it('come back as they were, in texts of bounded size', () => {
    const sdp = 'x'.repeat(3_000);
    const signals: Signal[] = [
      { type: 'offer', sdp },
      ...Array.from({ length: 60 }, () => candidate('203.0.113.7')),
      { type: 'answer', sdp },
    ];
    const texts = encodeSignals(signals);
    expect(texts.length).toBeGreaterThan(1);
    for (const { length } of texts) expect(length).toBeLessThanOrEqual(WEBRTC_SIGNAL_BYTES_MAX);
    expect(texts.flatMap(decodeSignals)).toEqual(signals);
    expect(encodeSignals([{ type: 'offer', sdp: 'x'.repeat(WEBRTC_SIGNAL_BYTES_MAX) }])).toEqual([]);
  });

  it.each(['', 'null', '{}', '[', '[1,null,"x"]', '[{"type":"renegotiate","renegotiate":true}]'])(
    'of which %s is none are left out',
    (bad) => expect(decodeSignals(text(bad))).toEqual([]),
  );

  it('of strange shapes are none', () => {
    expect(decodeSignals(text(' '.repeat(WEBRTC_SIGNAL_BYTES_MAX + 1)))).toEqual([]);
    expect(signalOf({ type: 'offer', sdp: 7 })).toBeNull();
    expect(signalOf({ type: 'candidate', candidate: { candidate: 'x'.repeat(600) } })).toBeNull();
    expect(signalOf({ type: 'candidate', candidate: { candidate: 'x', sdpMLineIndex: 'y' } })).toBeNull();
    expect(signalOf({ type: 'transceiverRequest', transceiverRequest: { kind: 'video' } })).toBeNull();
  });
});

describe('a dial', () => {
  it('survives nonsense and is called off', async () => {
    const dial = dialWebRtc({ initiator: false, servers: [], onSignal: () => {} });
    for (const bad of ['', '[]', 'null', 'x'.repeat(9_000), '[{"type":"candidate","candidate":{"candidate":"x"}}]'])
      dial.signal(text(bad));
    dial.cancel();
    expect(await dial.result).toEqual({ ok: false, code: 'cancelled' });
  });

  it('fails at once on a description that is none', async () => {
    const dial = dialWebRtc({ initiator: false, servers: [], onSignal: () => {} });
    dial.signal(text('[{"type":"offer","sdp":"nonsense"}]'));
    expect(await dial.result).toEqual({ ok: false, code: 'unreachable' });
  });

  it('says of itself no more than the other side would take', async () => {
    const said: Uint8Array[] = [];
    const channel = openChannel(
      { initiator: true, servers: [] },
      {
        onSignal: (bytes) => said.push(bytes),
        onOpen: () => {},
        onMessage: () => {},
        onDrain: () => {},
        onClose: () => {},
      },
    );
    await expect.poll(() => said.flatMap(decodeSignals).some(({ type }) => type === 'offer')).toBe(true);
    channel.close();
    const signals = said.flatMap(decodeSignals);
    expect(signals.length).toBeLessThan(WEBRTC_CANDIDATES_MAX);
    for (const signal of signals) expect(filtered(signal, candidateFilter())).toEqual(signal);
  });
});
