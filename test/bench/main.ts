// Rotates through peers and scenes, keeps every sample, writes the page. Usage: docs/benchmarks.md.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../netns/support/shell.ts';
import { buildNothing } from './cache.ts';
import { chosen, parseOptions, rotated, type Options } from './options.ts';
import { machineText } from './machine.ts';
import { simulated } from './members.ts';
import { judgements, page, shortfalls, targetLine, type Setup } from './page.ts';
import type { Peer } from './peer.ts';
import { peers as known, unavailable, WIREGUARD } from './peers/index.ts';
import { plot } from './plot.ts';
import { othersShare } from './probe.ts';
import { pictures } from './pictures.ts';
import { Results } from './results.ts';
import { rowsOf, scenes as all, type Scene } from './scenes.ts';
import { buildTool } from './traffic.ts';
import { turn } from './turn.ts';

/** A wrong word on the command line is told in a sentence. */
function orStop<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

const args = process.argv.slice(2);
const options = orStop(() => parseOptions(args));
const scenes = orStop(() => chosen(all, options));
const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

let interrupted = false;
process.once('SIGINT', () => {
  say('stopping after this turn');
  interrupted = true;
});

function wanted({ peers, quick }: Options): Peer[] {
  for (const name of peers)
    if (!known.some((peer) => peer.name.toLowerCase() === name)) throw new Error(`no peer is called ${name}`);
  return known.filter((peer) =>
    peers.length
      ? peer.kind === 'self' || peers.includes(peer.name.toLowerCase())
      : !quick || peer.kind === 'self' || peer.name === WIREGUARD,
  );
}

/** Those that can be used here; what cannot is told. */
async function install(candidates: Peer[], absent: Setup['absent']): Promise<Peer[]> {
  const ready: Peer[] = [];
  for (const peer of candidates) {
    say(`${peer.name} …`);
    const why = await peer.install();
    if (why) absent.push({ name: peer.name, why });
    else ready.push(peer);
  }
  return ready;
}

const transportsIn = (peer: Peer, { perTransport }: Scene) =>
  perTransport ? peer.transports.slice(1) : peer.transports.slice(0, 1);

async function take(peer: Peer, scene: Scene, round: number, results: Results): Promise<void> {
  if (peer.scenes && !peer.scenes.includes(scene.name)) return;
  if (scene.alone && peer.kind !== 'self') return;
  if (!scene.measures.some(({ multicast }) => !multicast || peer.multicast)) return;
  for (const transport of transportsIn(peer, scene)) {
    const place = { peer: peer.name, scene: scene.name, round, transport };
    if (interrupted || results.has(place)) continue;
    const { figures, failed } = await turn(peer, scene, transport, options.effort);
    results.add({ ...place, figures, ...(failed.length && { failed }) });
    const told = Object.entries(figures).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`);
    say(`round ${round}, ${peer.name}, ${scene.name}, ${transport}: ${[...told, ...failed].join(', ')}`);
  }
}

function drawn(setup: Setup): Setup['plots'] {
  mkdirSync(join(projectRoot, 'docs/plots'), { recursive: true });
  return pictures.flatMap(({ name, title, keys }) => {
    const rows = setup.scenes.flatMap(rowsOf).filter(({ key }) => keys.includes(key));
    const svg = plot(
      rows.map((row) => ({
        title: row.label,
        digits: row.digits,
        better: row.better,
        bars: setup.columns.map((column) => ({
          name: column.name,
          kind: column.kind,
          value: setup.results.median(column.name, row.key),
        })),
      })),
    );
    if (!svg) return [];
    writeFileSync(join(projectRoot, 'docs/plots', `${name}.svg`), svg);
    return [{ file: `plots/${name}.svg`, title }];
  });
}

const keptBySimulator = join(projectRoot, 'docs/plots/simulator.json');

if (options.ready) buildNothing();
await buildTool();
const absent: Setup['absent'] = options.quick || options.peers.length ? [] : [...unavailable];
const peers = await install(
  orStop(() => wanted(options)),
  absent,
);
const results = new Results(
  join(projectRoot, '.build/bench', options.quick ? 'quick.jsonl' : 'samples.jsonl'),
  options.more,
);
const setup: Setup = {
  results,
  scenes: options.more ? all : scenes,
  columns: await Promise.all(
    peers.map(async ({ name, kind, note, version }) => ({
      name,
      kind,
      version: await version(),
      ...(note && { note }),
    })),
  ),
  absent,
  busyBefore: await othersShare(),
  simulated: existsSync(keptBySimulator) ? simulated(readFileSync(keptBySimulator, 'utf8')) : [],
  machine: await machineText(),
  command: ['npm run bench', ...(args.length ? ['--', ...args] : [])].join(' '),
  day: new Date().toISOString().slice(0, 10),
  plots: [],
};
/** A part of the whole must not replace the page. */
const writes = !options.quick && (options.more || !(options.peers.length || options.only.length));

for (let round = 1; round <= options.rounds; round++)
  for (const scene of scenes.filter(({ once }) => !once || round === 1)) {
    for (const peer of rotated(peers, round)) await take(peer, scene, round, results);
    // After each scene: a run that is cut short leaves its page.
    if (writes) writeFileSync(join(projectRoot, 'docs/benchmarks.md'), page({ ...setup, plots: drawn(setup) }));
  }
if (options.quick)
  for (const one of judgements(setup).filter(({ verdict }) => verdict !== 'unknown'))
    console.log(targetLine(one, 'Weft').join(' | '));
else console.log(page(setup));
const short = shortfalls(setup);
if (short.length) say(`falls short:\n${short.join('\n')}`);
process.exitCode = short.length ? 1 : 0;
