// What the engine says, mirrored: the whole state, and the rates of the last minutes.
import { create } from 'zustand';
import type { Failure } from '../../../app/contract/errors.ts';
import { RATE_HISTORY_POINTS } from '../../../app/contract/limits.ts';
import type { State, Traffic } from '../../../app/contract/state.ts';

/** `lost`: a state was seen before, and may be shown dimmed. `refused`: trying again by itself is no use. */
export type Phase = 'connecting' | 'ready' | 'lost' | 'refused';

/** Bytes per second. */
export interface RatePoint {
  rx: number;
  tx: number;
}

interface Mirror {
  phase: Phase;
  failure: Failure | null;
  state: State | null;
  traffic: Traffic | null;
  /** By network id, oldest first, one a second. */
  history: Record<string, RatePoint[]>;
}

export const useMirror = create<Mirror>(() => ({
  phase: 'connecting',
  failure: null,
  state: null,
  traffic: null,
  history: {},
}));

/** Adds one second's rates; several values of the same second count once. */
export function addTraffic(traffic: Traffic): void {
  useMirror.setState((mirror) => {
    if (mirror.traffic?.atMs === traffic.atMs) return { traffic };
    const history: Record<string, RatePoint[]> = {};
    for (const network of traffic.networks) {
      const point = { rx: network.rxBytesPerSecond, tx: network.txBytesPerSecond };
      history[network.id] = [...(mirror.history[network.id] ?? []), point].slice(-RATE_HISTORY_POINTS);
    }
    return { traffic, history };
  });
}
