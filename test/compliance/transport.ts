// What every transport promises, the one in memory included (main/transports/transport.ts), and what the pump makes of it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakePort } from '../../main/transports/fakes.ts';
import { BUFFER_BYTES_MAX, TAKE_BYTES } from '../../main/transports/limits.ts';
import { Pump } from '../../main/transports/pump.ts';
import type { LinkIo, Listener, Transport } from '../../main/transports/transport.ts';
import { until } from '../contract/support/until.ts';
import { batchOf, framesOf, numbered, watch, type Seen } from './support/frames.ts';

/** Far below the 30 MB that are offered to a link that takes nothing. */
const HELD_BYTES_MAX = 8 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of buffers that something still holds. */
async function heldBytes(): Promise<number> {
  // Backing stores go a turn after what held them.
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}

/** A transport and the network between its two ends. */
export interface Harness {
  transport: Transport;
  /** What to listen on. */
  address: string;
  /** Puts itself between; returns the port to dial. */
  between(port: number): Promise<number>;
  /** Nothing that is sent arrives; what does not fit piles up at the sender. */
  stall(on: boolean): void;
  /** All connections break. */
  cut(): void;
  /** How long the transport may take to notice that; 15 s unless told. */
  noticeMs?: number;
  close(): Promise<void>;
}

export const transportSuite = (name: string, make: () => Promise<Harness>): void => {
  describe(name, () => {
    let harness: Harness;
    let listener: Listener;
    let port: number;
    let accept: (io: LinkIo) => void = () => {};

    beforeEach(async () => {
      harness = await make();
      const result = await harness.transport.listen({ address: harness.address, onLink: (io) => accept(io) });
      if (!result.ok) throw new Error(result.code);
      listener = result.listener;
      port = await harness.between(listener.port);
    });
    afterEach(async () => {
      await listener.close();
      await harness.close();
    });

    const dial = async (): Promise<LinkIo> => {
      const { result } = harness.transport.dial({ host: '127.0.0.1', port, proxy: null });
      const dialled = await result;
      if (!dialled.ok) throw new Error(dialled.code);
      return dialled.io;
    };
    /** Raw listeners know of a link with its first bytes: near sends one frame first. */
    const pair = async (): Promise<[Seen, Seen]> => {
      const accepted = new Promise<Seen>((resolve) => (accept = (io) => resolve(watch(io))));
      const near = watch(await dial());
      near.io.send(batchOf(numbered(0, 8)));
      const far = await accepted;
      await until(() => far.frames.length === 1);
      far.frames.length = 0;
      return [near, far];
    };

    it('carries batches whole and in order, both ways', async () => {
      const [near, far] = await pair();
      const lengths = [1, 2, 3, 60, 1_400, 1_401, 9_000, 65_535, 1, 65_535];
      const sent = lengths.map((length, number) => numbered(number, length));
      for (const frame of sent) {
        near.io.send(batchOf(frame));
        far.io.send(batchOf(frame));
      }
      await until(() => near.frames.length === sent.length && far.frames.length === sent.length, 15_000);
      expect(far.frames.map((frame) => Buffer.compare(frame, sent.shift() as Uint8Array))).toEqual(
        lengths.map(() => 0),
      );
      expect(near.frames.map(({ length }) => length)).toEqual(lengths);
      expect(near.io.endpoint).toMatch(/:\d+$/);
      near.io.close();
    });

    it('carries many frames in one batch', async () => {
      const [near, far] = await pair();
      const frames = Array.from({ length: 46 }, (_, number) => numbered(number, 1_400));
      near.io.send(batchOf(...frames));
      far.io.send(batchOf(...frames));
      await until(() => near.frames.length === frames.length && far.frames.length === frames.length);
      expect(Buffer.concat(far.frames).equals(Buffer.concat(frames))).toBe(true);
      near.io.close();
    });

    it('carries 10,000 tiny frames', async () => {
      const [near, far] = await pair();
      for (let at = 0; at < 10_000; at += 100) {
        near.io.send(batchOf(...Array.from({ length: 100 }, (_, more) => numbered(at + more, 5))));
      }
      await until(() => far.frames.length === 10_000, 15_000);
      const numbers = far.frames.map((frame) => new DataView(frame.buffer, frame.byteOffset).getUint32(0));
      expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, number) => number));
      near.io.close();
    });

    it('says when all is sent', async () => {
      const [near] = await pair();
      await until(() => near.io.buffered() === 0);
      const before = near.drains;
      near.io.send(batchOf(numbered(1, 20_000)));
      near.io.send(batchOf(numbered(2, 20_000)));
      await until(() => near.drains > before && near.io.buffered() === 0);
      near.io.close();
    });

    it('tells its end once, at both ends, whoever closes', async () => {
      for (const closer of [0, 1] as const) {
        const ends = await pair();
        ends[closer].io.close();
        ends[closer].io.close();
        await until(() => ends.every(({ closes }) => closes.length > 0));
        ends[closer].io.send(batchOf(numbered(1, 10)));
        expect(ends[closer].closes).toEqual(['closed']);
        expect(ends[1 - closer]?.closes).toHaveLength(1);
      }
    });

    it('notices that the connection broke', async () => {
      const [near, far] = await pair();
      harness.cut();
      // Polling's listener cannot see that nobody will come: it has its pings for that.
      await until(() => near.closes.length === 1, harness.noticeMs ?? 15_000);
      near.io.send(batchOf(numbered(1, 10)));
      far.io.close();
    });

    it.each([
      ['an empty frame', Uint8Array.of(0, 0, 0, 1, 7)],
      ['garbage', new Uint8Array(3_000).map((_, at) => (at < 2 ? 0 : at * 31))],
    ])('ends on what is no batch: %s', async (_, bytes) => {
      const [near, far] = await pair();
      near.io.send(bytes);
      await until(() => far.closes.length === 1 && near.closes.length === 1);
      expect(far.closes).toEqual(['malformed']);
      expect(far.frames).toEqual([]);
    });

    it('says so when nobody listens', async () => {
      await listener.close();
      await harness.close();
      const { result } = harness.transport.dial({ host: '127.0.0.1', port, proxy: null });
      expect(await result).toEqual({ ok: false, code: 'refused' });
    });

    it('can be called off', async () => {
      const dialling = harness.transport.dial({ host: '127.0.0.1', port, proxy: null });
      dialling.cancel();
      expect(await dialling.result).toEqual({ ok: false, code: 'cancelled' });
    });

    describe('with the pump', () => {
      let nearPort: FakePort;
      let farPort: FakePort;
      let pumps: Pump[];
      let closed: string[];
      beforeEach(() => {
        [nearPort, farPort] = [new FakePort(), new FakePort()];
        closed = [];
        pumps = [nearPort, farPort].map((port) => new Pump({ port, onClosed: (_, code) => closed.push(code) }));
        accept = (io) => pumps[1]?.add(io, true);
      });
      afterEach(() => pumps.forEach((pump) => pump.stop()));

      it('drops instead of storing when nothing is read, and goes on afterwards', async () => {
        const [stuckIo, freeHarness] = [await dial(), await make()];
        const stuck = pumps[0]?.add(stuckIo, false) as number;
        let arrived = 0;
        farPort.onReceive = (_, batch) => (arrived += framesOf(batch).length);
        nearPort.offer(stuck, numbered(0, 100));
        await until(() => arrived === 1);
        harness.stall(true);
        const before = await heldBytes();
        let mostBuffered = 0;
        // 30 MB, in turns that let the link send.
        for (let turn = 0; turn < 200; turn++) {
          for (let at = 0; at < 100; at++) nearPort.offer(stuck, numbered(at, 1_500));
          await new Promise((resolve) => setImmediate(resolve));
          mostBuffered = Math.max(mostBuffered, stuckIo.buffered());
        }
        expect(mostBuffered).toBeLessThanOrEqual(BUFFER_BYTES_MAX + TAKE_BYTES);
        expect(nearPort.queued(stuck)).toBeLessThanOrEqual(nearPort.queueBytes);
        expect(nearPort.dropped).toBeGreaterThan(5_000);
        expect((await heldBytes()) - before).toBeLessThan(HELD_BYTES_MAX);
        // Another link of the same pump is not held up.
        let others = 0;
        const other = await freeHarness.transport.listen({
          address: freeHarness.address,
          onLink: (io) => io.start({ onBatch: () => others++, onDrain: () => {}, onClose: () => {} }),
        });
        if (!other.ok) throw new Error(other.code);
        const dialled = await freeHarness.transport.dial({ host: '127.0.0.1', port: other.listener.port, proxy: null })
          .result;
        const free = dialled.ok ? (pumps[0]?.add(dialled.io, false) ?? -1) : -1;
        nearPort.offer(free, numbered(1, 1_400));
        await until(() => others === 1);
        // And this one works again when it is read.
        const was = arrived;
        harness.stall(false);
        await until(() => nearPort.queued(stuck) === 0 && stuckIo.buffered() === 0 && arrived > was, 15_000);
        nearPort.offer(stuck, numbered(2, 1_000));
        const soon = arrived;
        await until(() => arrived > soon);
        if (dialled.ok) dialled.io.close();
        await other.listener.close();
        await freeHarness.close();
      });

      it('closes a link whose other end sends garbage, and counts it', async () => {
        const io = await dial();
        pumps[0]?.add(io, false);
        io.send(batchOf(numbered(1, 50)));
        io.send(Uint8Array.of(0, 0));
        await until(() => pumps[1]?.counters().malformed === 1 && closed.includes('malformed'));
        expect(farPort.closed).toHaveLength(1);
      });
    });
  });
};
