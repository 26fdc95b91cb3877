// What two ends of a WebRTC channel tell each other: a description and candidates, as one text of bounded size. The other side is a
// member, but what it says is bounded all the same: of what simple-peer understands only the two kinds that a data channel needs, and no
// candidate leads to this machine itself or back into the overlay.
import type { SignalData } from 'simple-peer';
import { WEBRTC_SIGNAL_BYTES_MAX } from './limits.ts';

const MID_CHARS_MAX = 32;
const CANDIDATE_CHARS_MAX = 512;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export type Signal =
  | { type: 'offer' | 'answer'; sdp: string }
  | { type: 'candidate'; candidate: { candidate: string; sdpMid: string; sdpMLineIndex: number } };

type Candidate = Extract<Signal, { type: 'candidate' }>['candidate'];

/** One text or several, none longer than WEBRTC_SIGNAL_BYTES_MAX; a signal that is longer by itself is left out. */
export function encodeSignals(signals: readonly Signal[]): Uint8Array[] {
  const texts: Uint8Array[] = [];
  let some: Signal[] = [];
  for (const signal of signals) {
    if (size([...some, signal]) > WEBRTC_SIGNAL_BYTES_MAX) {
      if (some.length > 0) texts.push(encoder.encode(JSON.stringify(some)));
      some = [];
    }
    if (size([signal]) <= WEBRTC_SIGNAL_BYTES_MAX) some.push(signal);
  }
  if (some.length > 0) texts.push(encoder.encode(JSON.stringify(some)));
  return texts;
}

const size = (signals: readonly Signal[]): number => encoder.encode(JSON.stringify(signals)).length;

/** What is none is left out. */
export function decodeSignals(bytes: Uint8Array): Signal[] {
  if (bytes.length > WEBRTC_SIGNAL_BYTES_MAX) return [];
  try {
    const all: unknown = JSON.parse(decoder.decode(bytes));
    return Array.isArray(all) ? all.flatMap((one) => signalOf(one) ?? []) : [];
  } catch {
    return [];
  }
}

/** Of what simple-peer says, or what came, what a data channel needs; null: nothing. */
export function signalOf(value: unknown): Signal | null {
  if (typeof value !== 'object' || value === null) return null;
  const { type, sdp, candidate } = value as Record<string, unknown>;
  if ((type === 'offer' || type === 'answer') && typeof sdp === 'string') return { type, sdp };
  if (type !== 'candidate' || typeof candidate !== 'object' || candidate === null) return null;
  const { candidate: text, sdpMid, sdpMLineIndex } = candidate as Record<string, unknown>;
  if (typeof text !== 'string' || text.length > CANDIDATE_CHARS_MAX) return null;
  const parts: Candidate = {
    candidate: text,
    sdpMid: typeof sdpMid === 'string' ? sdpMid.slice(0, MID_CHARS_MAX) : '0',
    sdpMLineIndex: sdpMLineIndex === undefined || sdpMLineIndex === null ? 0 : Number(sdpMLineIndex),
  };
  return Number.isInteger(parts.sdpMLineIndex) ? { type, candidate: parts } : null;
}

/** The signal with those candidates alone that `allowed` lets through; null: nothing is left. */
export function filtered(signal: Signal, allowed: (address: string) => boolean): Signal | null {
  if (signal.type === 'candidate') return allowed(addressOf(signal.candidate.candidate)) ? signal : null;
  const lines = signal.sdp.split('\r\n');
  const kept = lines.filter((line) => !line.startsWith('a=candidate:') || allowed(addressOf(line.slice(2))));
  return { ...signal, sdp: kept.join('\r\n') };
}

/** "candidate:1 1 UDP 2114977791 192.0.2.1 51234 typ host" → "192.0.2.1" */
const addressOf = (candidate: string): string => candidate.split(' ')[4] ?? '';

/** How many candidates a signal holds. */
export function candidatesIn(signal: Signal): number {
  if (signal.type === 'candidate') return 1;
  return signal.sdp.split('\r\n').filter((line) => line.startsWith('a=candidate:')).length;
}

export const forSimplePeer = (signal: Signal): SignalData => signal as SignalData;
