import { rmSync } from 'node:fs';
import { joinAll } from '../netns/support/lan.ts';
import { must, until } from '../netns/support/shell.ts';
import type { Peer } from './peer.ts';

export function weft(): Peer {
  return {
    name: 'Weft',
    async version() {
      return (await must('git', ['rev-parse', '--short', 'HEAD'])).trim();
    },
    absent: async () => null,
    async start(lab, a, b) {
      for (const host of [a, b]) {
        rmSync(host.state, { recursive: true, force: true });
        await host.startDaemon();
      }
      await joinAll(lab, [a.name, b.name]);
      const { ipv4 } = await b.overlay();
      await until('Weft answers', 10_000, () => a.ping(ipv4));
      return { address: ipv4, pids: () => [a, b].map((host) => host.daemon?.child.pid ?? 0) };
    },
    async stop(a, b) {
      for (const host of [a, b]) await host.stopDaemon();
    },
  };
}
