// What stands between this machine and the others, judged from where they see it.
import { withoutCarrier } from './contacts.ts';

/**
 * `open`: seen at an own address. `mapped`: the router forwards a port. `cone`: everybody sees the same place. `symmetric`: each sees
 * another one. `nat`: only one has seen it. `unknown`: nobody outside of the own network has.
 */
export type NatKind = 'unknown' | 'open' | 'mapped' | 'cone' | 'symmetric' | 'nat';

const PRIVATE =
  /^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[?(f[cd]|fe[89ab]))/i;

/** Whether an endpoint means nothing outside of one's own network. */
export const isPrivatePlace = (endpoint: string): boolean => PRIVATE.test(endpoint);

/** `local`: own endpoints; `mapped`: those at the router; `observed`: one for each observer. */
export function natKind(local: readonly string[], mapped: readonly string[], observed: readonly string[]): NatKind {
  const own = new Set(local.map(withoutCarrier));
  for (const endpoint of mapped) own.delete(withoutCarrier(endpoint));
  const outside = observed.filter((endpoint) => !own.has(endpoint));
  const usable = mapped.some((endpoint) => !isPrivatePlace(endpoint));
  if (outside.length === 0) {
    if (observed.some((endpoint) => !isPrivatePlace(endpoint))) return 'open';
    return usable ? 'mapped' : 'unknown';
  }
  if (usable) return 'mapped';
  if (outside.length === 1) return 'nat';
  return new Set(outside).size === 1 ? 'cone' : 'symmetric';
}
