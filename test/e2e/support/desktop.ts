// The real Electron app under Xvfb as an unprivileged user, driven by Playwright.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { root } from './browser.ts';

/** nobody: the app gets Chromium's real sandbox, which root cannot have. */
const UNPRIVILEGED = 65_534;
const isRoot = process.getuid?.() === 0;

/** Folder of an Electron that can be started here, or why there is none. */
export function findElectron(): { dist: string } | { missing: string } {
  const given = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  if (given) return existsSync(join(given, 'electron')) ? { dist: given } : { missing: `no Electron in ${given}` };
  const tool = join(root, '../shared/electron/get-electron');
  if (existsSync(tool)) {
    try {
      const env = { ...process.env, ELECTRON_TEST_DIST: '/var/tmp/weft-test-electron' };
      const out = execFileSync(tool, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 300_000 });
      const dist = out.trim().split('\n').at(-1) ?? '';
      // It was unpacked for the user who ran the tool alone.
      execFileSync('chmod', ['-R', 'a+rX', dist]);
      return { dist };
    } catch (error) {
      return { missing: `get-electron failed: ${String(error).slice(0, 200)}` };
    }
  }
  const installed = join(root, 'node_modules/electron/dist');
  return existsSync(join(installed, 'electron'))
    ? { dist: installed }
    : { missing: 'no Electron binary on this machine' };
}

export class Desktop {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-desktop-'));
  readonly stateDir = join(this.folder, 'state');
  readonly #dist: string;
  #xvfb: ChildProcess | null = null;
  #display = '';

  constructor(dist: string) {
    this.#dist = dist;
    chmodSync(this.folder, 0o755);
    if (isRoot) chownSync(this.folder, UNPRIVILEGED, UNPRIVILEGED);
  }

  async start(): Promise<void> {
    this.#xvfb = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const pipe = this.#xvfb.stdio[3] as NodeJS.ReadableStream;
    this.#display = await new Promise((settle, fail) => {
      pipe.once('data', (data: Buffer) => settle(`:${data.toString().trim()}`));
      this.#xvfb?.once('error', fail);
    });
  }

  get env(): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: this.folder,
      XDG_RUNTIME_DIR: this.folder,
      DISPLAY: this.#display,
      WEFT_STATE: this.stateDir,
      WEFT_DEVICE_NAME: 'desk',
      WEFT_LOG: 'warn',
      // No helper and no adapter: this is about the shell.
      WEFT_ADAPTER: 'none',
      // Nothing may leave for this machine's own network.
      WEFT_DISCOVERY: 'none',
    };
  }

  /** Runs a program as the unprivileged user with the app's environment. */
  spawn(command: string, args: string[]): ChildProcess {
    const id = isRoot ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {};
    return spawn(command, args, { env: this.env, cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...id });
  }

  /** What the operating system does with a link: it starts the app once more with the link as argument. */
  openLink(link: string): ChildProcess {
    return this.spawn(join(this.#dist, 'electron'), [root, '--disable-gpu', link]);
  }

  async launch(args: string[] = []): Promise<{ app: ElectronApplication; page: Page }> {
    const app = await _electron.launch({
      executablePath: isRoot ? this.#wrapper() : join(this.#dist, 'electron'),
      args: [this.#app(), '--disable-gpu', ...args],
      env: this.env,
      timeout: 60_000,
      chromiumSandbox: true,
    });
    const page = await app.firstWindow();
    page.setDefaultTimeout(20_000);
    return { app, page };
  }

  stop(): void {
    this.#xvfb?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The app itself, loaded so that what it gives its tray is seen: `globalThis.weftTray` {menu, tooltip, icon}. */
  #app(): string {
    const folder = join(this.folder, 'app');
    mkdirSync(folder, { recursive: true });
    const manifest = { name: 'weft', productName: 'Weft', version: '0.0.0', main: 'main.js' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const program = `
      const electron = require('electron');
      const Module = require('module');
      const kept = (globalThis.weftTray = {});
      function Tray(image) {
        const tray = new electron.Tray(image);
        for (const [method, name] of [['setContextMenu', 'menu'], ['setToolTip', 'tooltip'], ['setImage', 'icon']]) {
          const original = tray[method];
          tray[method] = (value) => original.call(tray, (kept[name] = value));
        }
        return tray;
      }
      const watched = new Proxy(electron, { get: (target, name) => (name === 'Tray' ? Tray : target[name]) });
      const load = Module._load;
      Module._load = (name, ...rest) => (name === 'electron' ? watched : load(name, ...rest));
      require(${JSON.stringify(join(root, 'dist/electron/main.cjs'))});`;
    writeFileSync(join(folder, 'main.js'), program);
    return folder;
  }

  /** Playwright cannot start a program as another user. */
  #wrapper(): string {
    const path = join(this.folder, 'electron.sh');
    const change = `setpriv --reuid=${UNPRIVILEGED} --regid=${UNPRIVILEGED} --clear-groups`;
    writeFileSync(path, `#!/bin/sh\nexec ${change} "${join(this.#dist, 'electron')}" "$@"\n`, { mode: 0o755 });
    return path;
  }
}
