// Writes to a store for ever and says on stdout what was acknowledged. Killed by the crash test at any moment.
import { writeSync } from 'node:fs';
import { openStore } from '../../../main/host/store.ts';

const [dir = '', from = '1'] = process.argv.slice(2);
const opened = openStore(dir);
if (!opened.ok) throw new Error(opened.error.code);
const store = opened.value;
for (let n = Number(from); ; n++) {
  const text = Buffer.from(`${n}:${'x'.repeat(n % 3000)}`);
  if (!store.write('net/state', text).ok) throw new Error('write');
  writeSync(1, `w${n}\n`);
  // Two entries at once: all or none.
  if (!store.append('net/log', [Buffer.from(`${n}a`), Buffer.concat([Buffer.from(`${n}b`), text])]).ok)
    throw new Error('append');
  writeSync(1, `a${n}\n`);
}
