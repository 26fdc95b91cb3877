// The floor below everything: the namespaces' own veth and bridge.
import { release } from 'node:os';
import { netOf, type Peer } from '../peer.ts';

export const bare: Peer = {
  name: 'bare veth',
  kind: 'floor',
  transports: ['udp'],
  multicast: true,
  scenes: ['pair', 'plain', 'eight', 'idle'],
  install: async () => null,
  version: async () => `Linux ${release()}`,
  lay: async () => netOf({ address: ({ ipv4 }) => ipv4, device: () => 'eth0', launch: async () => undefined }),
};
