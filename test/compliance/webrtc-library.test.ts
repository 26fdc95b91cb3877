// The WebRTC library's threads wake a hundred times a second: they are there while somebody uses it, and no longer.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import SimplePeer from 'simple-peer';
import { afterEach, expect, it, vi } from 'vitest';
import { WEBRTC_REST_MS, WEBRTC_SIGNAL_COALESCE_MS } from '../../main/transports/limits.ts';
import { borrowLibrary, type Borrowed } from '../../main/transports/webrtc-library.ts';

const onLinux = it.runIf(process.platform === 'linux');

afterEach(() => void vi.useRealTimers());

function nameOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();
  } catch {
    return 'ended just now';
  }
}
const works = (): boolean => readdirSync('/proc/self/task').map(nameOf).includes('SCTP timer');
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Two ends in this process find each other, and close again. Time passes by itself meanwhile, afterwards by `pass` alone. */
async function use({ wrtc }: Borrowed): Promise<void> {
  vi.useRealTimers();
  const make = (initiator: boolean) => new SimplePeer({ initiator, wrtc, trickle: true });
  const [one, other] = [make(true), make(false)];
  // As the channels do. Without it one answer in some forty met a library that was not prepared for it, and closed.
  const tell = (peer: SimplePeer.Instance) => (data: SimplePeer.SignalData) =>
    setTimeout(() => peer.destroyed || peer.signal(data), WEBRTC_SIGNAL_COALESCE_MS);
  one.on('signal', tell(other));
  other.on('signal', tell(one));
  await Promise.all([one, other].map((peer) => once(peer, 'connect')));
  const heard = new Promise<Uint8Array>((settle) => other.once('data', settle));
  one.send('hello');
  expect(new TextDecoder().decode(await heard)).toBe('hello');
  const closed = [one, other].map((peer) => new Promise((settle) => peer.once('close', settle)));
  one.destroy();
  other.destroy();
  await Promise.all(closed);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
}

onLinux('its threads end when nobody used it for a while, and come back with the next user', async () => {
  for (const _ of [1, 2]) {
    const borrowed = await borrowLibrary();
    await use(borrowed);
    await pass(2 * WEBRTC_REST_MS);
    borrowed.giveBack();
    await pass(WEBRTC_REST_MS - 1);
    expect(works()).toBe(true);
    await pass(1);
    await vi.waitUntil(() => !works(), { timeout: 10_000 });
  }
});

onLinux('they stay as long as there is another user, who may have come meanwhile', async () => {
  const first = await borrowLibrary();
  await use(first);
  const second = await borrowLibrary();
  first.giveBack();
  first.giveBack();
  await pass(2 * WEBRTC_REST_MS);
  expect(works()).toBe(true);
  second.giveBack();
  const third = await borrowLibrary();
  await pass(2 * WEBRTC_REST_MS);
  expect(works()).toBe(true);
  await use(third);
  third.giveBack();
  await pass(WEBRTC_REST_MS);
  await vi.waitUntil(() => !works(), { timeout: 10_000 });
});
