// A way that loses datagrams.
import type { Host } from './host.ts';

/** Drops so many of a hundred datagrams that reach the host. */
export async function lose(host: Host, share: number): Promise<void> {
  await host.exec(['nft', 'delete', 'table', 'inet', 'loss']);
  if (share === 0) return;
  const rule = `iifname "eth0" meta l4proto udp numgen random mod 100 < ${share} drop`;
  await host.nft(`table inet loss {\n chain in {\n type filter hook input priority -10\n ${rule}\n }\n}\n`);
}
