// Rotates through the peers, takes medians, writes the table. Usage: npm run bench -- [--rounds N] [--seconds N] [--quick]
import { cpus, totalmem, release } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lab } from '../netns/support/lab.ts';
import { projectRoot } from '../netns/support/shell.ts';
import { measure, type Figures } from './measure.ts';
import type { Peer } from './peer.ts';
import { weft } from './weft.ts';
import { wireguard } from './wireguard.ts';

const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const quick = process.argv.includes('--quick');
const rounds = option('rounds', quick ? 1 : 3);
const seconds = option('seconds', quick ? 4 : 6);

const rows: [keyof Figures, string, boolean][] = [
  ['tcpGbit', 'TCP, 1 stream, Gbit/s', true],
  ['tcpReverseGbit', 'TCP, 1 stream, reverse, Gbit/s', true],
  ['tcp4Gbit', 'TCP, 4 streams, Gbit/s', true],
  ['udpKpps', 'UDP 1300 B at < 1 % loss, k packets/s', true],
  ['cpuPerGb', 'CPU seconds per GB, both ends', false],
  ['pingIdleMs', 'ping p50 idle, ms', false],
  ['pingLoadedMs', 'ping p50 under load, ms', false],
  ['rssMb', 'resident memory after load, MB', false],
];

const median = (values: number[]) => [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? NaN;

async function offloadsOff(lab: Lab): Promise<void> {
  for (const host of lab.hosts.values())
    await host.must(['ethtool', '-K', 'eth0', 'gso', 'off', 'gro', 'off', 'tso', 'off', 'tx-udp-segmentation', 'off']);
}

async function round(peer: Peer, plainNic: boolean): Promise<Figures> {
  const lab = await Lab.create({ hosts: ['anna', 'ben'] });
  const [a, b] = [lab.host('anna'), lab.host('ben')];
  try {
    if (plainNic) await offloadsOff(lab);
    const { address, pids } = await peer.start(lab, a, b);
    const figures = await measure(a, b, address, pids(), seconds);
    await peer.stop(a, b);
    return figures;
  } finally {
    await lab.close();
  }
}

async function series(peers: Peer[], plainNic: boolean): Promise<Map<Peer, Figures>> {
  const all = new Map<Peer, Figures[]>(peers.map((peer) => [peer, []]));
  for (let turn = 0; turn < rounds; turn++)
    for (const peer of peers) {
      const figures = await round(peer, plainNic);
      all.get(peer)?.push(figures);
      console.log(
        `round ${turn + 1} ${peer.name}${plainNic ? ' (plain NIC)' : ''}: ${rows.map(([key]) => `${key} ${figures[key].toFixed(2)}`).join('  ')}`,
      );
    }
  return new Map(
    [...all].map(([peer, list]) => [
      peer,
      Object.fromEntries(rows.map(([key]) => [key, median(list.map((figures) => figures[key]))])) as unknown as Figures,
    ]),
  );
}

function table(results: Map<Peer, Figures>): string {
  const [own, ...others] = [...results];
  const head = `| measure | ${own?.[0].name} | ${others.map(([peer]) => `${peer.name} | ratio`).join(' | ')} |`;
  const line = `|---|${'---|'.repeat(1 + others.length * 2)}`;
  const body = rows.map(([key, label, more]) => {
    const mine = own?.[1][key] ?? NaN;
    const cells = others.map(([, figures]) => {
      if (!figures[key]) return 'none | –';
      const ratio = mine / figures[key];
      return `${figures[key].toFixed(2)} | ${ratio.toFixed(2)} × ${ratio >= 1 === more ? '(better)' : '(worse)'}`;
    });
    return `| ${label} | ${mine.toFixed(2)} | ${cells.join(' | ')} |`;
  });
  return [head, line, ...body].join('\n');
}

const peers: Peer[] = [weft()];
const notes: string[] = [];
for (const peer of [wireguard()]) {
  const why = await peer.absent();
  if (why) notes.push(`${peer.name}: absent (${why})`);
  else peers.push(peer);
}
const versions = await Promise.all(peers.map(async (peer) => `${peer.name} ${await peer.version()}`));
const results = await series(peers, false);
const plain = quick ? null : await series(peers, true);
const text = `# Benchmarks

Command: \`npm run bench -- --rounds ${rounds} --seconds ${seconds}\` · ${new Date().toISOString().slice(0, 10)} · ${cpus().length} × ${cpus()[0]?.model},
${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()} · ${versions.join(', ')} · two namespaces joined by veth and a bridge; medians of ${rounds} rounds in
rotation, ${seconds} s each. Both ends, iperf3's two processes and the kernel share the machine's cores. Ratios count; absolute figures are this machine's.
${notes.join('\n')}

## Underlay with offloads (veth as it is)

${table(results)}
${plain ? `\n## Underlay without GSO, GRO and TSO (ethtool -K), as on a plain NIC\n\n${table(plain)}\n` : ''}`;
console.log(text);
if (!quick) writeFileSync(join(projectRoot, 'docs/benchmarks.md'), text);
