// Writes what the report's lines gave into docs/: sections of multicast.md, pictures beside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { MULTICAST_HEAD } from '../../pages/multicast.ts';
import { withSection } from '../../pages/sections.ts';
import { controlPicture, literaturePicture, memoryPicture } from './pictures.ts';
import { readResults, type Results } from './results.ts';
import { crowdTable, failuresTable, literatureTable, recordsTable, scaleTable } from './tables.ts';

const PAGE = 'docs/multicast.md';
const PLOTS = 'docs/plots';

interface Section {
  name: string;
  title: string;
  about: string;
  table(results: Results): string;
  pictures: readonly { file: string; title: string; draw(results: Results): string | null }[];
}

const SECTIONS: readonly Section[] = [
  {
    name: '1-simulator',
    title: 'Simulator: members fail and return',
    about: `As in Birrer & Bustamante (IEEE JSAC 2007): one member sends 10 packets/s to all others, which fail after exponential times and return after
20 min in the mean. The third run is twenty times as fast, among 256 on uplinks that bear it 1.8 times, so that one tree does not suffice and stripes share the load.`,
    table: literatureTable,
    pictures: [{ file: 'sim-literature.svg', title: 'Beside the literature', draw: literaturePicture }],
  },
  {
    name: '2-failures',
    title: 'Simulator: many fail, the network parts, the busiest relays die',
    about: `Figures over those that stay. *Heard again*: from the moment a partition healed until the first packet from which on a receiver from the other
side missed none for 3 s. From 30 s after the healing on everything is due.`,
    table: failuresTable,
    pictures: [],
  },
  {
    name: '2-scale',
    title: 'Simulator: cost against members',
    about: `All members run. Idle: 300 s in which nobody sends; then one sends for 60 s, half-way a third leaves the group. Memory is the whole process's less
100 MB, so that the simulator's own books and garbage not yet collected count against Weft.`,
    table: scaleTable,
    pictures: [
      { file: 'sim-control.svg', title: 'Control traffic against members', draw: controlPicture },
      { file: 'sim-memory.svg', title: 'Memory against members', draw: memoryPicture },
    ],
  },
  {
    name: '2-simulator-records',
    title: 'Simulator: what a record costs',
    about: `Most members by their records alone, a few awake: what grows from line to line is what records cost those that hold them. Memory is the
process's after its garbage was collected, without what V8 keeps for more; the simulator's own books are in it.`,
    table: recordsTable,
    pictures: [],
  },
  {
    name: '2-simulator-crowd',
    title: 'Simulator: a crowd',
    about: `Members by their records alone are in everybody's ledger, tables and names, but their hosts are off: what ten thousand engines with ten thousand
records each would hold does not fit this machine. Those awake are whole engines; joiners come by a link, hear the stream, and switch off.`,
    table: crowdTable,
    pictures: [],
  },
];

export function writePages(): void {
  const results = readResults();
  let page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
  mkdirSync(PLOTS, { recursive: true });
  for (const { name, title, about, table, pictures } of SECTIONS) {
    const images = pictures.flatMap(({ file, title: text, draw }) => {
      const svg = draw(results);
      if (svg === null) return [];
      writeFileSync(`${PLOTS}/${file}`, svg);
      return [`![${text}](plots/${file})`];
    });
    const text = [`## ${title}`, about, table(results), ...images].join('\n\n');
    page = withSection(page, MULTICAST_HEAD, name, text);
  }
  writeFileSync(PAGE, page);
}
