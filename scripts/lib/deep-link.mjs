// Links `weft://…` open the Weft of this clone, as long as no other Weft on this desktop wants them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { has, root, run } from './run.mjs';

const SCHEME = 'x-scheme-handler/weft';
const ENTRY = 'weft-development.desktop';
/** What may stand unquoted in an Exec line. */
const PLAIN = /^[\w@%+./:,-]+$/;

/** Answers whether it did; never a reason to stop. `binary`: Electron. */
export function registerDeepLink(binary) {
  if (process.platform !== 'linux' || process.getuid?.() === 0 || !has('xdg-mime')) return false;
  if (![binary, root].every((path) => PLAIN.test(path))) return false;
  const known = run('xdg-mime', ['query', 'default', SCHEME], { quiet: true });
  // An installed Weft keeps them; an older clone's are taken over.
  if (known.code !== 0 || !['', ENTRY].includes(known.out.trim())) return false;
  const folder = join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share'), 'applications');
  const lines = [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Weft (development)',
    `Exec=${binary} ${root} %u`,
    // With the clone goes the entry: desktops leave out what is not there.
    `TryExec=${binary}`,
    'NoDisplay=true',
    `MimeType=${SCHEME};`,
  ];
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, ENTRY), `${lines.join('\n')}\n`);
  } catch {
    return false;
  }
  return run('xdg-mime', ['default', ENTRY, SCHEME], { quiet: true }).code === 0;
}
