// Finds the engine of a state folder and connects to it.
import { fail, ok, type Outcome } from '../../app/contract/errors.ts';
import { Client } from '../../app/contract/protocol/index.ts';
import { isOwnSocket, statePaths } from '../host/paths.ts';
import { connectUnix } from './unix-socket.ts';

/** A welcomed client. Fails with `engine-unreachable` when no engine runs there, `engine-outdated` when it is another protocol's. */
export async function connectEngine(stateDir: string, program: string): Promise<Outcome<Client>> {
  const paths = statePaths(stateDir);
  if (!isOwnSocket(paths)) return fail('engine-unreachable');
  const carrier = await connectUnix(paths.socket);
  if (!carrier.ok) return carrier;
  const client = new Client(carrier.value, { client: program });
  const welcome = await client.ready;
  return welcome.ok ? ok(client) : welcome;
}
