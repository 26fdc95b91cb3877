// What the program can find out about this machine; the engine adds what it knows of the networks.
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { describe, ERRORS, type ErrorCode } from '../../app/contract/errors.ts';
import type { DoctorItem, State } from '../../app/contract/state.ts';
import type { AnywhereState } from '../anywhere/anywhere.ts';
import type { AdapterKeeper } from './adapters.ts';

/** Names that other VPNs give their adapters; several at once often fight over routes. */
const OTHER_VPNS = /^(tun|tap|wg|zt|tailscale|utun|ham|nebula|edge|easytier|ppp)\w*/;

export const otherVpns = (adapters: readonly string[]): string[] => adapters.filter((name) => OTHER_VPNS.test(name));

const problem = (code: ErrorCode, data?: Record<string, string>): DoctorItem => ({
  id: code,
  level: ERRORS[code].severity,
  code,
  text: describe(data ? { code, data } : { code }),
  remedy: ERRORS[code].remedy,
});

export function doctorItems(state: State, adapters: AdapterKeeper): DoctorItem[] {
  const items: DoctorItem[] = [];
  if (process.platform === 'linux' && !existsSync('/dev/net/tun')) items.push(problem('no-tun'));
  for (const { code, data } of adapters.problems()) items.push(problem(code as ErrorCode, data));
  items.push({
    id: 'listening',
    level: state.listening.length > 0 ? 'ok' : 'error',
    code: 'listening',
    text: state.listening.length > 0 ? `Listening on ${state.listening.join(', ')} (UDP).` : 'Not listening anywhere.',
  });
  const others = otherVpns(Object.keys(networkInterfaces()));
  if (others.length > 0)
    items.push({
      id: 'other-vpns',
      level: 'note',
      code: 'other-vpns',
      text: `Other VPN adapters are up: ${others.join(', ')}.`,
    });
  return items;
}

/** Programs that choose no interface: what is done for them. */
export function anywhereItems({ taking, held, noMirror }: AnywhereState): DoctorItem[] {
  if (!taking) return [];
  const groups = held.flatMap(({ adapter, groups }) => groups.map((group) => `${group} on ${adapter}`));
  const text = groups.length > 0 ? `also joined for them: ${groups.join(', ')}` : 'none joined a chosen group so far';
  const items: DoctorItem[] = [
    { id: 'anywhere', level: 'ok', code: 'anywhere', text: `Programs that choose no interface are served; ${text}.` },
  ];
  if (noMirror !== '')
    items.push({
      id: 'anywhere-mirror',
      level: 'note',
      code: 'anywhere-mirror',
      text: `Programs that take a group from one interface alone (Java’s do) do not hear it from Weft: ${noMirror}.`,
      remedy: 'Install iproute2 (the program tc), on a kernel with u32 and mirred.',
    });
  return items;
}
