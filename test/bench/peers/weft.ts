// Weft itself, and its data plane with the encryption switched off as a floor.
import path from 'node:path';
import type { Host, StatusNetwork } from '../../netns/support/host.ts';
import { join, joinAll } from '../../netns/support/lan.ts';
import { projectRoot, run, until } from '../../netns/support/shell.ts';
import type { Lab } from '../../netns/support/lab.ts';
import type { Net, Peer, Transport } from '../peer.ts';
import { buildPlaintext, plaintextAddon } from '../plaintext.ts';
import { neighboursOf } from '../probe.ts';

const NETWORK = 'home';
interface Sending {
  address: string;
  sending?: { receivers: number };
}
const cli = path.join(projectRoot, 'dist/cli/weft.cjs');

/** Nothing leaves by UDP, so that a stream must carry. */
const BLOCKED = `table inet weft_bench {
  chain out {
    type filter hook output priority 0
    oifname "eth0" meta l4proto udp drop
  }
}
`;
/** Weft tries datagrams first, and streams as they are allowed. */
const CHOICE_MS_MAX = 30_000;

/** The host's part of its own trees for the group; without a tree it sends to each receiver itself. */
async function copiesOf(host: Host, group: string): Promise<number> {
  const { selfId, trees, groups } = (await host.network(NETWORK)) as Omit<StatusNetwork, 'groups'> & {
    groups: Sending[];
  };
  const own = (trees ?? []).filter((tree) => tree.origin === selfId && tree.groups.includes(group));
  if (own.length > 0) return Math.max(...own.map(({ children }) => children));
  return groups.find(({ address }) => address === group)?.sending?.receivers ?? NaN;
}

async function lay(lab: Lab, hosts: Host[], transport: Transport, given: NodeJS.ProcessEnv): Promise<Net> {
  const streams = transport !== 'udp';
  const env = { ...given, ...(streams && { WEFT_TRANSPORTS: transport }) };
  const names = hosts.map(({ name }) => name);
  // Not all at once: on two cores the last of eight would seem not to answer.
  for (const host of hosts) await host.startDaemon({ env });
  await joinAll(lab, names, NETWORK);
  const own = new Map<Host, { ipv4: string; adapter: string }>();
  for (const host of hosts) own.set(host, await host.overlay());
  for (const host of hosts) await host.stopDaemon();
  if (streams) for (const host of hosts) await host.nft(BLOCKED);
  return {
    address: (host) => own.get(host)?.ipv4 ?? '',
    device: (host) => own.get(host)?.adapter ?? '',
    async launch(host) {
      const program = [process.execPath, cli, 'daemon', '--state', host.state, '--ui', 'none'];
      host.daemon = host.start(program, { env: { WEFT_DEVICE_NAME: host.name, ...env } });
    },
    halt: (host) => host.stopDaemon(),
    pids: (host) =>
      (host ? [host] : [...own.keys()])
        .map(({ daemon }) => (daemon && !daemon.ended ? daemon.child.pid : undefined))
        .filter((pid) => pid !== undefined)
        // The helper is in a session of its own, and may have been started by an earlier daemon.
        .flatMap((pid) => [pid, ...neighboursOf(pid, 'weft-helper')]),
    degree: copiesOf,
    async stop() {
      for (const host of own.keys()) await host.stopDaemon();
    },
    settled: () =>
      until(`the path is ${transport}`, CHOICE_MS_MAX, async () => {
        const { members } = await (hosts[0] as Host).network(NETWORK);
        return members.every((member) => member.self || (member.path === 'direct' && member.transport === transport));
      }),
    async outsider(host) {
      await host.startDaemon({ env });
      const link = await (hosts[0] as Host).mustWeft('invite', NETWORK);
      return async () => {
        await join(host, link, NETWORK);
        own.set(host, await host.overlay());
      };
    },
  };
}

export const weft: Peer = {
  name: 'Weft',
  kind: 'self',
  transports: ['udp', 'tcp', 'tls', 'ws', 'wss'],
  multicast: true,
  install: async () => null,
  async version() {
    const git = (...args: string[]) => run('git', args, { cwd: projectRoot });
    const { code, stdout } = await git('rev-parse', '--short', 'HEAD');
    if (code !== 0) return 'not from a clone';
    // A run writes its own page.
    const changed = await git('status', '--porcelain', '--', '.', ':!docs');
    return `${stdout.trim()}${changed.stdout.trim() ? ', with changes that are not committed' : ''}`;
  },
  lay: (lab, hosts, transport) => lay(lab, hosts, transport, {}),
};

export const plaintext: Peer = {
  ...weft,
  name: 'Weft without encryption',
  kind: 'floor',
  transports: ['udp'],
  scenes: ['pair', 'plain'],
  note: 'a build for the benchmark only: no packet is sealed',
  install: buildPlaintext,
  lay: (lab, hosts, transport) => lay(lab, hosts, transport, { WEFT_ADDON: plaintextAddon }),
};
