// Counts large UDP datagrams (and segments of TCP) that reach or leave a host on its underlay, by an nft counter: a capture would see coalesced ones.
import type { Host } from './host.ts';

const TABLE = 'weft_test';

/** Starts (or restarts from 0) counting underlay packets of at least `bytes` into and out of the host. */
export async function countUnderlay(host: Host, bytes: number): Promise<void> {
  await host.exec(['nft', 'delete', 'table', 'inet', TABLE]);
  const rules = `table inet ${TABLE} {
    counter arrived {
    }
    counter left {
    }
    chain in {
      type filter hook input priority 0
      iifname "eth0" meta l4proto { tcp, udp } meta length >= ${bytes} counter name arrived
    }
    chain out {
      type filter hook output priority 0
      oifname "eth0" meta l4proto { tcp, udp } meta length >= ${bytes} counter name left
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

/** First byte of a multicast frame; see docs/frames.md. */
const CAST = '0xf5';
const CAST_TABLE = 'weft_casts';

/** Starts counting multicast frames that reach the host on its underlay, of whatever size. */
export async function countCasts(host: Host): Promise<void> {
  await host.exec(['nft', 'delete', 'table', 'inet', CAST_TABLE]);
  const rule = `iifname "eth0" meta l4proto udp @th,64,8 ${CAST} counter name casts`;
  await host.nft(
    `table inet ${CAST_TABLE} {\n counter casts {\n }\n chain in {\n type filter hook input priority 0\n ${rule}\n }\n}\n`,
  );
}

export async function castsArrived(host: Host): Promise<number> {
  const text = await host.must(['nft', 'list', 'counter', 'inet', CAST_TABLE, 'casts']);
  return Number(/packets (\d+)/.exec(text)?.[1] ?? NaN);
}
