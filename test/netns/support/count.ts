// Counts large UDP datagrams that reach or leave a host on its underlay, by an nft counter: a capture would see coalesced ones.
import type { Host } from './host.ts';

const TABLE = 'weft_test';

/** Starts (or restarts from 0) counting underlay datagrams of at least `bytes` into and out of the host. */
export async function countUnderlay(host: Host, bytes: number): Promise<void> {
  await host.exec(['nft', 'delete', 'table', 'inet', TABLE]);
  const rules = `table inet ${TABLE} {
    counter arrived {
    }
    counter left {
    }
    chain in {
      type filter hook input priority 0
      iifname "eth0" meta l4proto udp meta length >= ${bytes} counter name arrived
    }
    chain out {
      type filter hook output priority 0
      oifname "eth0" meta l4proto udp meta length >= ${bytes} counter name left
    }
  }
  `;
  const loaded = await host.exec(['nft', '-f', '-'], { input: rules });
  if (loaded.code !== 0) throw new Error(loaded.stderr);
}

export async function underlayCounts(
  host: Host,
): Promise<{ arrived: number; left: number; arrivedBytes: number; leftBytes: number }> {
  const listing = JSON.parse(await host.must(['nft', '-j', 'list', 'counters', 'table', 'inet', TABLE])) as {
    nftables: { counter?: { name: string; packets: number; bytes: number } }[];
  };
  const find = (name: string) => listing.nftables.find((item) => item.counter?.name === name)?.counter;
  const [arrived, left] = [find('arrived'), find('left')];
  return {
    arrived: arrived?.packets ?? -1,
    left: left?.packets ?? -1,
    arrivedBytes: arrived?.bytes ?? -1,
    leftBytes: left?.bytes ?? -1,
  };
}
