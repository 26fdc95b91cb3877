// The helper hangs up, refuses or comes later: what fails once must not leave the engine without an adapter from then on.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Input } from '../../app/engine/input.ts';
import { AdapterKeeper } from '../../main/daemon/adapters.ts';
import type { Addon } from '../../main/host/addon.ts';
import { HelperClient } from '../../main/host/helper/client.ts';
import { patience } from '../../main/host/helper/patience.ts';
import { SYSTEM_SOCKET } from '../../main/host/helper/start.ts';

const OK = '{"ok":true,"value":{}}\n';
const FULL = '{"ok":false,"code":"helper-refused","why":"too many connections at once"}\n';
const helperCall = (): { answer: string; fds: number[] } => ({ answer: OK, fds: [7] });

let folder: string;
let server: Server | null;
const before = process.env['WEFT_HELPER'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-helper-again-'));
  process.env['WEFT_HELPER'] = join(folder, 'none');
});
afterEach(() => {
  server?.close();
  server = null;
  if (before === undefined) delete process.env['WEFT_HELPER'];
  else process.env['WEFT_HELPER'] = before;
  rmSync(folder, { recursive: true });
});

/** A helper that does this with each who comes, by their number. */
async function helper(does: (socket: Socket, count: number) => void): Promise<void> {
  let count = 0;
  server = createServer((socket) =>
    does(
      socket.on('error', () => undefined),
      count++,
    ),
  );
  server.listen(join(folder, 'helper.sock'));
  await once(server, 'listening');
}

const answers = (line: string) => (socket: Socket) => void socket.on('data', () => socket.write(line));

describe.skipIf(existsSync(SYSTEM_SOCKET))('a helper', () => {
  const client = () =>
    new HelperClient({ stateDir: folder, call: helperCall, closeFd: () => undefined, onLost: () => undefined });

  it('that hung up, as it does on who was held up before asking, is asked again', async () => {
    await helper((socket, count) => (count === 0 ? socket.destroy() : answers(OK)(socket)));
    const asking = client();
    expect(await asking.start(false)).toEqual({ ok: true, value: undefined });
    asking.release();
  });

  it('that always hangs up is not asked for ever', async () => {
    await helper((socket) => socket.destroy());
    expect(await client().start(false)).toMatchObject({ ok: false, error: { code: 'helper-refused' } });
  });

  it('that refuses is told of by its own reason: another could not listen beside it', async () => {
    await helper(answers(FULL));
    expect(await client().start(false)).toMatchObject({
      error: { code: 'helper-refused', data: { why: 'too many connections at once' } },
    });
  });

  it('that comes later gives an adapter to who asks again, and is missed but once', async () => {
    const inputs: Input[] = [];
    const said: unknown[] = [];
    let heard = (): void => undefined;
    const keeper = new AdapterKeeper({
      addon: { helperCall, closeFd: () => undefined } as unknown as Addon,
      stateDir: folder,
      enabled: true,
      log: { write: (_, event, data) => void (event === 'helper' && said.push(data?.['state'])) },
      onInput: (input) => {
        inputs.push(input);
        heard();
      },
      onHelper: () => undefined,
      onAdapters: () => undefined,
    });
    const open = async () => {
      const told = new Promise<void>((settle) => (heard = settle));
      keeper.open({ net: 1, name: 'weft0', mac: '02:01:02:03:04:05', mtu: 1380, ipv6: ['fd00:7::1/64'] });
      await told;
      return inputs.at(-1);
    };
    for (let tries = 0; tries < 2; tries++)
      expect(await open()).toMatchObject({ kind: 'adapterFailed', code: 'helper-missing' });
    await helper(answers(OK));
    expect(await open()).toMatchObject({ kind: 'adapterReady', name: 'weft0' });
    expect(keeper.problems()).toEqual([]);
    expect(said).toEqual(['missing', 'ready']);
    await keeper.stop(false);
  });
});

it('who was held up itself reads what came before it loses patience', async () => {
  await helper(() => undefined);
  const socket = connect(join(folder, 'helper.sock'));
  const [other] = (await Promise.all([once(server as Server, 'connection'), once(socket, 'connect')]))[0] as [Socket];
  const order: string[] = [];
  const done = new Promise<void>((settle) => {
    const stop = patience(1, () => settle(void order.push('late')));
    socket.on('data', () => {
      stop();
      settle(void order.push('answer'));
    });
  });
  other.write(OK);
  for (const from = performance.now(); performance.now() - from < 20;);
  await done;
  expect(order).toEqual(['answer']);
  socket.destroy();
});
