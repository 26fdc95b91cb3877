// The runner between engine and data plane: what is asked of which, and until when.
import { describe, expect, it } from 'vitest';
import type { EngineApi } from '../../app/engine/api.ts';
import type { Log } from '../../app/engine/ports.ts';
import { EngineRunner } from '../../main/daemon/runner.ts';
import type { Dataplane } from '../../native/addon/index.d.ts';

describe('a runner', () => {
  it('asks a data plane nothing after its stop, though the data plane still calls', async () => {
    let polls = 0;
    let wake: () => void = () => undefined;
    const dataplane = { onWake: (called: () => void) => (wake = called), poll: () => (polls++, []) };
    const engine = { start: () => undefined, stop: () => undefined, nextDeadline: () => Infinity };
    const log = {} as Log;
    const runner = new EngineRunner(engine as unknown as EngineApi, dataplane as unknown as Dataplane, log);
    runner.start();
    expect(polls).toBe(1);
    runner.stop(true);
    wake();
    const turns = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length;
    const before = turns();
    for (let turn = 0; turn < 3; turn++) await new Promise((settle) => setImmediate(settle));
    expect(turns()).toBe(before);
    expect(before).toBe(0);
    expect(polls).toBe(1);
  });
});
