// `weft daemon`: the engine in the foreground, its Unix socket for the CLI and the desktop app, the UI for a browser.
import { join } from 'node:path';
import { describe, exitCode, isErrorCode, type Failure } from '../../app/contract/errors.ts';
import { packageRoot } from '../host/addon.ts';
import { createLog } from '../host/log.ts';
import { statePaths } from '../host/paths.ts';
import { newToken } from '../rpc/guard.ts';
import { serveUiAndRpc } from '../rpc/ui-server.ts';
import { listenUnix, type Listener } from '../rpc/unix-socket.ts';
import { startEngineHost, type EngineHost } from './engine-host.ts';
import type { DaemonOptions } from './options.ts';

/** Runs until a signal or `engine.stop` ends it; resolves with the exit code. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const log = createLog();
  let finish: (code: number) => void = () => {};
  const finished = new Promise<number>((settle) => (finish = settle));
  const started = await startEngineHost({ ...options, log, onStop: () => finish(0) });
  if (!started.ok) return complain(started.error);
  const host = started.value;
  const listeners: Listener[] = [];
  const opened = await openDoors(host, options, listeners);
  if (opened) {
    await host.stop(false);
    return complain(opened);
  }
  const onSignal = (): void => finish(0);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const calm = host.onChange(problemsOnTerminal(host));
  const code = await finished;
  calm();
  for (const listener of listeners) listener.close();
  await host.stop(false);
  return code;
}

async function openDoors(host: EngineHost, options: DaemonOptions, listeners: Listener[]): Promise<Failure | null> {
  if (options.ui) {
    const served = await serveUiAndRpc({
      ...options.ui,
      folder: join(packageRoot(), 'dist/renderer'),
      token: newToken(),
      onCarrier: (carrier, authorize) => host.rpc.accept(carrier, authorize),
    });
    if (!served.ok) return served.error;
    listeners.push(served.value);
    // On stdout and not in the log: the token is a secret for whoever started the daemon.
    process.stdout.write(`Weft is running. Open ${served.value.address}\n`);
  }
  const socket = await listenUnix(statePaths(options.stateDir).socket, (carrier) => host.rpc.accept(carrier, 'use'));
  if (!socket.ok) return socket.error;
  listeners.push(socket.value);
  return null;
}

/** What this machine lacks, each once and with its remedy: whoever started the daemon looks at the terminal, not at the UI. */
function problemsOnTerminal(host: EngineHost): () => void {
  const told = new Set<string>();
  const tell = (): void => {
    for (const { code, data } of host.problemsNow()) {
      if (told.has(code) || !isErrorCode(code)) continue;
      told.add(code);
      process.stderr.write(`weft: ${describe(data ? { code, data } : { code })}\n`);
    }
  };
  tell();
  return tell;
}

function complain(failure: Failure): number {
  process.stderr.write(`weft: ${describe(failure)}\n`);
  return exitCode(failure);
}
