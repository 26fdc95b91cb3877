// The WebRTC library, loaded when it is first needed. Its threads wake a hundred times a second, so they end when nobody has used it for a
// while; the next user gets new ones.
import type SimplePeer from 'simple-peer';
import { WEBRTC_REST_MS, WEBRTC_STACK_BYTES } from './limits.ts';

type Description = { type: string; sdp: string };
type RTCDescriptionLike = { type: string; sdp?: string };
type Wrtc = NonNullable<SimplePeer.Options['wrtc']>;

let users = 0;
let rest: NodeJS.Timeout | undefined;
/** Its threads run, with Weft's settings. */
let running = false;

/** simple-peer writes into descriptions, which the polyfill's do not allow: they become plain objects. */
async function load(): Promise<Wrtc> {
  // Global from node 18 on; the polyfill takes them as given.
  globalThis.Blob ??= (await import('node:buffer')).Blob as typeof Blob;
  const { setSctpSettings } = await import('node-datachannel');
  if (!running) setSctpSettings({ sendBufferSize: WEBRTC_STACK_BYTES });
  running = true;
  const { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate } = await import('node-datachannel/polyfill');
  const plain = ({ type, sdp }: { type: string; sdp?: string }): Description => ({ type, sdp: sdp ?? '' });
  class PlainPeerConnection extends RTCPeerConnection {
    override async createOffer(...args: unknown[]) {
      return plain(await (super.createOffer as (...all: unknown[]) => Promise<RTCDescriptionLike>)(...args)) as never;
    }
    override async createAnswer(...args: unknown[]) {
      return plain(await (super.createAnswer as (...all: unknown[]) => Promise<RTCDescriptionLike>)(...args)) as never;
    }
  }
  return { RTCPeerConnection: PlainPeerConnection, RTCSessionDescription, RTCIceCandidate } as unknown as Wrtc;
}

async function unload(): Promise<void> {
  const { cleanup } = await import('node-datachannel');
  if (users > 0 || !running) return;
  running = false;
  cleanup();
}

export interface Borrowed {
  wrtc: Wrtc;
  /** Once all its connections are closed. Further calls do nothing. */
  giveBack(): void;
}

/** Rejects where the library does not run; then there is nothing to give back. */
export async function borrowLibrary(): Promise<Borrowed> {
  clearTimeout(rest);
  users++;
  let isBorrowed = true;
  const giveBack = () => {
    if (!isBorrowed) return;
    isBorrowed = false;
    if (--users > 0) return;
    clearTimeout(rest);
    rest = setTimeout(() => void unload(), WEBRTC_REST_MS);
    rest.unref();
  };
  try {
    return { wrtc: await load(), giveBack };
  } catch (error) {
    giveBack();
    throw error;
  }
}
