import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addonPath, CodedError, loadAddon, packageRoot } from '../../main/host/addon.ts';
import { defaultStateDir, SOCKET_PATH_BYTES_MAX, statePaths } from '../../main/host/paths.ts';
import { programVersion } from '../../main/host/version.ts';

describe.skipIf(process.platform !== 'linux')('the state folder', () => {
  it('is where XDG says, for root in /var/lib, or where WEFT_STATE says', () => {
    expect(defaultStateDir({}, 0)).toBe('/var/lib/weft');
    expect(defaultStateDir({ XDG_STATE_HOME: '/x' }, 1000)).toBe('/x/weft');
    expect(defaultStateDir({ XDG_STATE_HOME: 'relative' }, 1000)).toBe(join(homedir(), '.local/state/weft'));
    expect(defaultStateDir({}, 1000)).toBe(join(homedir(), '.local/state/weft'));
    expect(defaultStateDir({ WEFT_STATE: '/y' }, 0)).toBe('/y');
  });

  it('has a socket whose path always fits', () => {
    expect(statePaths('/a/b/').socket).toBe('/a/b/engine.sock');
    const long = `/a/${'ä'.repeat(60)}`;
    const { socket } = statePaths(long);
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(SOCKET_PATH_BYTES_MAX);
    expect(statePaths(long).socket).toBe(socket);
    expect(statePaths(`${long}2`).socket).not.toBe(socket);
  });
});

describe('the addon’s loader', () => {
  const failure = (): unknown => {
    try {
      loadAddon();
    } catch (error) {
      if (error instanceof CodedError) return error.failure;
      throw error;
    }
    return null;
  };

  it('looks in the package, or where WEFT_ADDON says', () => {
    expect(addonPath({})).toBe(join(packageRoot(), 'native/addon/weft.node'));
    expect(addonPath({ WEFT_ADDON: '/x.node' })).toBe('/x.node');
    expect(programVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('says with a code that it is missing or unfit', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-addon-'));
    const before = process.env['WEFT_ADDON'];
    try {
      process.env['WEFT_ADDON'] = join(folder, 'none.node');
      expect(failure()).toMatchObject({ code: 'native-missing', data: { why: expect.stringContaining('none.node') } });
      process.env['WEFT_ADDON'] = join(folder, 'bad.node');
      writeFileSync(join(folder, 'bad.node'), 'not a library');
      expect(failure()).toMatchObject({ code: 'native-missing' });
    } finally {
      if (before === undefined) delete process.env['WEFT_ADDON'];
      else process.env['WEFT_ADDON'] = before;
      rmSync(folder, { recursive: true });
    }
  });
});
