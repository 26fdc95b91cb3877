// The engine that the window shows: one that runs already for this state folder, else one in this process.
import { fail, ok, type Failure, type Outcome } from '../../app/contract/errors.ts';
import { memoryPair, type Carrier } from '../../app/contract/protocol/index.ts';
import { startEngineHost, type EngineHost } from '../daemon/engine-host.ts';
import { createLog } from '../host/log.ts';
import { statePaths } from '../host/paths.ts';
import { connectUnix, listenUnix, type Listener } from '../rpc/unix-socket.ts';

export interface EngineLink {
  /** Whether the engine is another process's, and stays when this one ends. */
  readonly attached: boolean;
  /** One more connection, to say hello on. */
  connect(): Promise<Outcome<Carrier>>;
  /** Ends an own engine; `disconnect` removes its adapters at once. An attached one is left alone. */
  stop(disconnect: boolean): Promise<void>;
}

export interface EngineLinkOptions {
  stateDir: string;
  /** A client asked the own engine to end. */
  onStop: () => void;
}

/** Another program that is just starting holds the lock before it opens its socket. */
const ATTACH_TRIES = 10;
const ATTACH_WAIT_MS = 300;

/** Fails with what keeps an engine from starting, e.g. `native-missing`, `port-taken`. */
export async function openEngine(options: EngineLinkOptions): Promise<Outcome<EngineLink>> {
  let failure: Failure = { code: 'engine-unreachable' };
  for (let attempt = 0; attempt < ATTACH_TRIES; attempt++) {
    const attached = await attach(options.stateDir);
    if (attached) return ok(attached);
    const own = await run(options);
    if (own.ok) return own;
    failure = own.error;
    if (failure.code !== 'engine-busy') break;
    await new Promise((later) => setTimeout(later, ATTACH_WAIT_MS));
  }
  return fail(failure.code, failure.data);
}

async function attach(stateDir: string): Promise<EngineLink | null> {
  const { socket } = statePaths(stateDir);
  const probe = await connectUnix(socket);
  if (!probe.ok) return null;
  probe.value.close();
  return { attached: true, connect: () => connectUnix(socket), stop: () => Promise.resolve() };
}

async function run({ stateDir, onStop }: EngineLinkOptions): Promise<Outcome<EngineLink>> {
  const log = createLog();
  const adapterless = process.env['WEFT_ADAPTER'] === 'none' ? { adapter: null } : {};
  const started = await startEngineHost({ stateDir, listen: [], log, onStop, ...adapterless });
  if (!started.ok) return started;
  const host = started.value;
  // So that the command line finds this engine as it finds a daemon's.
  const door = await listenUnix(statePaths(stateDir).socket, (carrier) => host.rpc.accept(carrier, 'use'));
  if (!door.ok) {
    await host.stop(true);
    return door;
  }
  return ok(own(host, door.value));
}

const own = (host: EngineHost, door: Listener): EngineLink => ({
  attached: false,
  connect: () => {
    const [client, server] = memoryPair();
    host.rpc.accept(server, 'use');
    return Promise.resolve(ok(client));
  },
  stop: async (disconnect) => {
    door.close();
    await host.stop(disconnect);
  },
});
