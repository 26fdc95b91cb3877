// What a network's paths need, from the data plane, the files and the callers.
import type { PathsIo } from '../mesh/paths/paths.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { NetworkFiles } from './files.ts';
import type { Peers } from './peers.ts';
import type { Now, PeerStats, Ports } from './ports.ts';
import type { Reaching } from './reaching.ts';
import type { Roll } from './roll.ts';

export interface PathsIoParts {
  net: number;
  ports: Ports;
  roll: Roll;
  peers: Peers;
  files: NetworkFiles;
  /** Made after the paths. */
  reaching(): Reaching;
  now(): Now;
  stats(handle: number): PeerStats | undefined;
  groupsChanged(): void;
  membersChanged(): void;
  changed(): void;
}

export function pathsIo(parts: PathsIoParts): PathsIo {
  const { net, ports, roll, peers, files, reaching, now } = parts;
  const { dataplane, random, crypto } = ports;
  const handle = (origin: Origin): number | undefined => peers.of(origin)?.handle;
  return {
    random,
    share: (bytes) => ports.share?.(bytes) ?? bytes,
    sign: (message) => crypto.sign(roll.keys.signSeed, message),
    verify: (key, message, signature) => crypto.verify(key, message, signature),
    send: (origin, bytes) => {
      const peer = handle(origin);
      return peer !== undefined && dataplane.sendControl(net, peer, bytes);
    },
    connect: (origin) => reaching().call(now(), origin),
    moved: (origin) => reaching().moved(now(), origin),
    disconnect: (origin) => {
      const peer = handle(origin);
      if (peer === undefined) return;
      reaching().down(now().mono, peer, 'closed');
      dataplane.disconnect(net, peer);
    },
    reserveSeq: (until) => void files.writeSeq(until),
    packets: (origin) => {
      const stats = parts.stats(handle(origin) ?? -1);
      return stats ? stats.rxPackets + stats.txPackets : 0;
    },
    changed: (what) => {
      if (what === 'routes') return reaching().graphChanged(now().mono);
      if (what === 'groups') parts.groupsChanged();
      else parts.membersChanged();
      parts.changed();
    },
  };
}
