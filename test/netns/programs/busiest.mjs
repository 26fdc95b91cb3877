// What an interface sends in its busiest second, IP bytes: busiest.mjs INTERFACE SECONDS → {"busiest":n,"all":n}. Every window of a second
// counts, wherever it begins.
import { readFileSync } from 'node:fs';
import { clearInterval, setInterval } from 'node:timers';

const [name, seconds] = process.argv.slice(2);
const SAMPLE_MS = 10;
const WINDOW_MS = 1_000;
const ETHERNET = 14;
const counter = (what) => Number(readFileSync(`/sys/class/net/${name}/statistics/tx_${what}`, 'utf8'));
const look = () => ({ at: performance.now(), bytes: counter('bytes') - ETHERNET * counter('packets') });
const first = look();
const looks = [first];
let busiest = 0;
let from = 0;
process.stdout.write('ready\n');
const timer = setInterval(() => {
  const now = look();
  looks.push(now);
  while (now.at - looks[from].at > WINDOW_MS) from++;
  busiest = Math.max(busiest, now.bytes - looks[from].bytes);
  if (now.at - first.at < Number(seconds) * 1_000) return;
  clearInterval(timer);
  process.stdout.write(`${JSON.stringify({ busiest, all: now.bytes - first.bytes })}\n`);
}, SAMPLE_MS);
