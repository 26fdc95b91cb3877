// Two WebRTC peers in this process, over loopback and this machine's own addresses.
import { afterEach, describe, expect, it } from 'vitest';
import { openWebRtc, WEBRTC_BATCH_BYTES_MAX, type WebRtcPeer } from '../../main/discovery/webrtc.ts';

const open: WebRtcPeer[] = [];
afterEach(() => open.splice(0).forEach((peer) => peer.close()));

async function pair() {
  const heard: [Uint8Array[], Uint8Array[]] = [[], []];
  const closed: [Promise<string>, Promise<string>] = [Promise.resolve(''), Promise.resolve('')];
  const peers: WebRtcPeer[] = [];
  const opened = [0, 1].map(
    (side) =>
      new Promise<void>((resolve) => {
        closed[side] = new Promise((end) => {
          const peer = openWebRtc(
            { initiator: side === 0, servers: [] },
            {
              onSignal: (bytes) => peers[1 - side]?.signal(bytes),
              onOpen: resolve,
              onBatch: (bytes) => heard[side]?.push(bytes),
              onClose: end,
            },
          );
          peers.push(peer);
          open.push(peer);
        });
      }),
  );
  await Promise.all(opened);
  return { peers: peers as [WebRtcPeer, WebRtcPeer], heard, closed };
}

describe('a WebRTC channel', () => {
  it('carries batches both ways up to its limit, and says when the other side is gone', async () => {
    const { peers, heard, closed } = await pair();
    const large = new Uint8Array(WEBRTC_BATCH_BYTES_MAX).fill(7);
    expect(peers[0].send(large)).toBe(true);
    expect(peers[1].send(Uint8Array.of(1, 2, 3))).toBe(true);
    expect(peers[0].send(new Uint8Array(WEBRTC_BATCH_BYTES_MAX + 1))).toBe(false);
    await expect.poll(() => heard[1][0]).toEqual(large);
    await expect.poll(() => heard[0][0]).toEqual(Uint8Array.of(1, 2, 3));
    expect(peers[0].remote() === null || /:\d+$/.test(peers[0].remote() as string)).toBe(true);
    peers[1].close();
    expect(['closed', 'failed']).toContain(await closed[0]);
    expect(peers[0].send(large)).toBe(false);
  });

  it('refuses batches beyond its buffer instead of storing them', async () => {
    const { peers } = await pair();
    const batch = new Uint8Array(WEBRTC_BATCH_BYTES_MAX);
    let refused = 0;
    for (let at = 0; at < 400; at++) if (!peers[0].send(batch)) refused++;
    expect(refused).toBeGreaterThan(0);
  });

  it('ignores signals that are none', () => {
    const peer = openWebRtc(
      { initiator: false, servers: [] },
      { onSignal: () => undefined, onOpen: () => undefined, onBatch: () => undefined, onClose: () => undefined },
    );
    open.push(peer);
    for (const text of ['', '[]', 'null', '{', 'x'.repeat(9000)]) peer.signal(new TextEncoder().encode(text));
    expect(peer.send(Uint8Array.of(1))).toBe(false);
  });
});
