// How long it took until those who had lost a sender to a partition heard it again, and kept hearing it.
import type { Simulation, Stream } from './simulation.ts';

const MS = 1_000;
/** Heard again is who misses nothing for this long. */
const STEADY_MS = 3_000;

/** For each receiver and partition that healed while a stream ran, ms, sorted; Infinity where it never did. */
export function healings(sim: Simulation): number[] {
  const all = sim.streams.flatMap((stream) =>
    sim.hosts.filter(({ index }) => index !== stream.sender).flatMap(({ index }) => ofReceiver(sim, stream, index)),
  );
  return all.sort((a, b) => a - b);
}

function ofReceiver(sim: Simulation, stream: Stream, receiver: number): number[] {
  const { flow, sender, group, fromUs, toUs } = stream;
  const met = sim.model.met(sender, receiver).filter((at) => at > fromUs && at < toUs - STEADY_MS * MS);
  if (met.length === 0) return [];
  const hears = (at: number): boolean => sim.model.isAlive(at, receiver) && sim.model.isJoined(at, receiver, group);
  const sent = sim.world.sentTimes(flow);
  const came = sim.world.arrivals(flow, receiver);
  return met.filter(hears).map((at) => steadyFrom(sent, came, at / MS) - at / MS);
}

/** When the first packet was sent from which on none was missed for a while. */
function steadyFrom(sent: Float64Array, came: Uint8Array, fromMs: number): number {
  let begin = Infinity;
  for (const [number, at] of sent.entries()) {
    if (at < fromMs) continue;
    if (came[number] === 0) begin = Infinity;
    else if (begin === Infinity) begin = at;
    else if (at - begin >= STEADY_MS) return begin;
  }
  return begin;
}
