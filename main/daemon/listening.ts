// Which addresses the engine listens on. The port is remembered, so that members find it again after a restart.
import { fail, ok, type ErrorCode, type Outcome } from '../../app/contract/errors.ts';
import type { Store } from '../../app/engine/ports.ts';
import type { Dataplane } from '../../native/addon/index.d.ts';

const PORT_FILE = 'port';

/** Binds what was asked for, else the remembered port, else any. Fails with `port-taken`, `address-unavailable`, `bad-argument`. */
export function listen(dataplane: Dataplane, store: Store, asked: string[]): Outcome<string[]> {
  if (asked.length > 0) return bind(dataplane, asked);
  const remembered = store.read(PORT_FILE);
  const port = remembered.ok && remembered.value ? Number(new TextDecoder().decode(remembered.value)) : 0;
  if (port > 0 && port < 65_536) {
    const again = bind(dataplane, [`0.0.0.0:${port}`]);
    if (again.ok) return withIpv6(dataplane, again.value, String(port));
  }
  const four = bind(dataplane, ['0.0.0.0:0']);
  if (!four.ok) return four;
  const chosen = four.value[0]?.split(':').at(-1) ?? '0';
  store.write(PORT_FILE, new TextEncoder().encode(chosen));
  return withIpv6(dataplane, four.value, chosen);
}

/** A machine without IPv6, or with that port taken there, goes on with IPv4. */
function withIpv6(dataplane: Dataplane, bound: string[], port: string): Outcome<string[]> {
  const six = bind(dataplane, [`[::]:${port}`]);
  return ok(six.ok ? [...bound, ...six.value] : bound);
}

function bind(dataplane: Dataplane, addresses: string[]): Outcome<string[]> {
  try {
    return ok(dataplane.listen(addresses));
  } catch (error) {
    const code = (error as { code?: string }).code;
    const known: ErrorCode = code === 'port-taken' || code === 'address-unavailable' ? code : 'bad-argument';
    return fail(known, known === 'bad-argument' ? { what: addresses.join(' ') } : { address: addresses.join(', ') });
  }
}

/**
 * Endpoints at which others may reach this machine: its addresses with the ports that are bound for their family. `streams`: the
 * addresses of `bound` where streams are taken as well; elsewhere only datagrams are. `web`: where streams alone are taken.
 */
export function endpointsOf(
  bound: readonly string[],
  addresses: readonly string[],
  streams: ReadonlySet<string>,
  web: readonly string[] = [],
): string[] {
  const endpoints = new Set<string>();
  for (const one of new Set([...bound, ...web])) {
    const { host, port } = split(one);
    const six = host.includes(':');
    const carrier = !bound.includes(one) ? '/tcp' : streams.has(one) ? '' : '/udp';
    const add = (address: string): void => void endpoints.add(`${join(address, port)}${carrier}`);
    if (host !== '0.0.0.0' && host !== '::') add(host);
    else for (const address of addresses) if (address.includes(':') === six) add(address);
  }
  return [...endpoints];
}

/** Endpoints as of a machine that takes no datagrams: what takes streams, said to take nothing else. */
export const streamsOnly = (endpoints: readonly string[]): string[] =>
  endpoints.filter((one) => !one.endsWith('/udp')).map((one) => (one.endsWith('/tcp') ? one : `${one}/tcp`));

export function split(endpoint: string): { host: string; port: string } {
  const at = endpoint.lastIndexOf(':');
  return { host: endpoint.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: endpoint.slice(at + 1) };
}

const join = (host: string, port: string): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
