// What discovery (LAN, DHT) needs to know of a running network, to find its members and to be found.
import { hex } from '../wire/text.ts';
import type { Network } from './network.ts';

export interface Findable {
  net: number;
  networkId: Uint8Array;
  /** Own member id, 32 bytes. */
  member: Uint8Array;
  /** Ed25519 seed of the own member key. */
  signSeed: Uint8Array;
  /** Own endpoints, best first. */
  endpoints: string[];
  /** Rendezvous secret; null: not known yet. */
  secret: Uint8Array | null;
  /** Those of before under which members may still look for the network. */
  previous: Uint8Array[];
  /** Some member is not online. */
  seeking: boolean;
  /** There are others, and no session with any. */
  lost: boolean;
  /** Ids of members that are online, the own one left out. */
  online: Uint8Array[];
  /** Ed25519 key of a member that counts now. */
  keyOf(member: Uint8Array): Uint8Array | null;
}

export function findableOf(network: Network, wallMs: number): Findable {
  const { net, roll, paths } = network;
  const others = roll.members().filter(({ origin }) => origin !== roll.selfOrigin);
  const online = others.filter(({ origin }) => paths.isOnline(origin));
  return {
    net,
    networkId: roll.networkId,
    member: roll.keys.id,
    signSeed: roll.keys.signSeed,
    endpoints: paths.ownEndpoints(),
    secret: network.secret.current,
    previous: network.secret.previous(wallMs),
    seeking: online.length < others.length,
    lost: others.length > 0 && paths.contacts.upCount === 0,
    online: online.map(({ idBytes }) => idBytes),
    keyOf: (member) => {
      const id = hex(member);
      return roll.members().find(({ idHex }) => idHex === id)?.signKey ?? null;
    },
  };
}
