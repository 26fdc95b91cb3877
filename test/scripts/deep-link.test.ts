// `npm start` makes links open this clone's Weft, unless another Weft has them.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { finish, root } from './support.ts';

const isRoot = process.getuid?.() === 0;
const entry = 'applications/weft-development.desktop';
const linux = process.platform === 'linux';
if (!linux) console.log('skipped: links in development: only on Linux');

describe.skipIf(!linux)('links in development', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-links-'));
    chmodSync(folder, 0o777);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Who handles links, as xdg-mime says it here; what it was told is kept. */
  async function register(handler: string): Promise<boolean> {
    const stub = `#!/bin/sh\nif [ "$1" = query ]; then echo "${handler}"; else echo "$@" > "${folder}/told"; fi\n`;
    writeFileSync(join(folder, 'xdg-mime'), stub, { mode: 0o755 });
    const script = `import('${root}/scripts/lib/deep-link.mjs').then((m) => console.log(m.registerDeepLink('/opt/electron/electron')))`;
    const [command, ...args] = isRoot
      ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', script]
      : [process.execPath, '-e', script];
    const env = { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, XDG_DATA_HOME: folder };
    const { code, out } = await finish(command ?? '', args, { env });
    expect(code, out).toBe(0);
    return out.trim() === 'true';
  }

  it('are given to this clone when nobody has them, and again later', async () => {
    for (const handler of ['', 'weft-development.desktop']) {
      expect(await register(handler)).toBe(true);
      const text = readFileSync(join(folder, entry), 'utf8');
      expect(text).toContain(`Exec=/opt/electron/electron ${root} %u\n`);
      expect(text).toContain('MimeType=x-scheme-handler/weft;\n');
      expect(readFileSync(join(folder, 'told'), 'utf8').trim()).toBe(
        'default weft-development.desktop x-scheme-handler/weft',
      );
    }
  });

  it('stay with an installed Weft', async () => {
    expect(await register('weft-desktop.desktop')).toBe(false);
    expect(existsSync(join(folder, entry))).toBe(false);
    expect(existsSync(join(folder, 'told'))).toBe(false);
  });
});
