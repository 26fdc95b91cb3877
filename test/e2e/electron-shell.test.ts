// The real Electron with the real engine: window, isolation, deep link → join, attaching to a running engine, quitting.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ElectronApplication, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { root } from './support/browser.ts';
import { Desktop, findElectron } from './support/desktop.ts';

const cli = join(root, 'dist/cli/weft.cjs');
const found = process.platform === 'linux' ? findElectron() : { missing: 'only tried on Linux' };
const built = ['dist/electron/main.cjs', 'dist/renderer/index.html', 'dist/cli/weft.cjs'].every((path) =>
  existsSync(join(root, path)),
);
const why = 'missing' in found ? found.missing : built ? null : 'not built (npm run build)';
if (why) console.log(`skipped: the desktop app in a real Electron: ${why}`);

/** What support/desktop.ts keeps of the tray. */
interface KeptTray {
  menu: Electron.Menu;
  tooltip: string;
  icon: Electron.NativeImage;
}

/** Not there: reading it throws. */
declare const missing: { property: unknown };

/** Another computer: a daemon with a state of its own. */
class Other {
  readonly state = mkdtempSync(join(tmpdir(), 'weft-other-'));
  readonly #daemon: ChildProcess = spawn(
    process.execPath,
    [cli, 'daemon', '--state', this.state, '--adapter', 'none', '--ui', 'none'],
    { stdio: 'ignore', env: { ...process.env, WEFT_DEVICE_NAME: 'other', WEFT_LOG: 'warn' } },
  );
  run(...args: string[]): string {
    return execFileSync(process.execPath, [cli, ...args, '--state', this.state], { encoding: 'utf8' }).trim();
  }
  async ready(): Promise<void> {
    await vi.waitUntil(() => existsSync(join(this.state, 'engine.sock')), { timeout: 15_000 });
  }
  async stop(): Promise<void> {
    const gone = new Promise((settle) => this.#daemon.once('exit', settle));
    if (this.#daemon.exitCode === null && this.#daemon.kill('SIGTERM')) await gone;
    rmSync(this.state, { recursive: true, force: true });
  }
}

describe.skipIf(why)('the desktop app', () => {
  const desktop = new Desktop('dist' in found ? found.dist : '');
  let app: ElectronApplication;
  let page: Page;
  let other: Other;
  let link = '';

  beforeAll(async () => {
    other = new Other();
    await Promise.all([desktop.start(), other.ready()]);
    other.run('create', 'attic');
    link = other.run('invite');
    ({ app, page } = await desktop.launch());
  }, 120_000);
  afterAll(async () => {
    await app?.close().catch(() => {});
    await other?.stop();
    desktop.stop();
  });

  it('opens with the first run, over an engine in its own process', async () => {
    await page.getByRole('heading', { name: 'Welcome to Weft' }).waitFor();
    expect(await page.getByLabel('Name of this device').inputValue()).toBe('desk');
    expect(await page.title()).toBe('Weft');
  });

  it('keeps the page apart: sandbox, no Node, no bridge, no other origin', async () => {
    const inside = await page.evaluate(() => ({
      origin: location.origin,
      node: [typeof (globalThis as never)['require'], typeof (globalThis as never)['process']],
      extra: Object.keys(globalThis).filter((key) => /electron|ipc|weft|bridge/i.test(key)),
    }));
    expect(inside).toEqual({ origin: 'app://weft', node: ['undefined', 'undefined'], extra: [] });
    const settings = await app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents as unknown as {
        getLastWebPreferences(): Record<string, unknown>;
      };
      const { contextIsolation, sandbox, nodeIntegration, webviewTag } = contents.getLastWebPreferences();
      return { contextIsolation, sandbox, nodeIntegration, webviewTag };
    });
    expect(settings).toEqual({ contextIsolation: true, sandbox: true, nodeIntegration: false, webviewTag: false });
  });

  it('denies windows, inline scripts, requests and permissions', async () => {
    expect(await page.evaluate(() => window.open('https://example.org/'))).toBeNull();
    expect(await page.evaluate(() => fetch('app://weft/index.html').then(String, () => 'refused'))).toBe('refused');
    // As a page's script would: what Playwright evaluates itself is exempt from the policy.
    const evaluated = await page.evaluate(
      () =>
        new Promise((settle) => {
          document.addEventListener('securitypolicyviolation', (event) => settle(event.effectiveDirective), {
            once: true,
          });
          const script = document.createElement('script');
          script.textContent = 'window.inlineRan = true';
          document.head.append(script);
        }),
    );
    expect(evaluated).toMatch(/^script-src/);
    expect(await page.evaluate(() => Notification.requestPermission())).toBe('denied');
    expect(page.url()).toBe('app://weft/index.html');
    expect(app.windows()).toHaveLength(1);
  });

  it('shows a link that the system opens as a preview, and joins by it', async () => {
    desktop.openLink(link);
    await page.getByRole('heading', { name: 'attic' }).waitFor();
    expect(other.run('members')).not.toContain('desk');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await page.getByRole('heading', { name: 'attic', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Details of other' }).waitFor();
    expect(other.run('members')).toContain('desk');
  });

  it('takes no link that is not one', async () => {
    const opened = desktop.openLink("weft://join/#'$(touch /tmp/weft-was-here)");
    await new Promise((settle) => opened.once('exit', settle));
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(existsSync('/tmp/weft-was-here')).toBe(false);
  });

  it('switches the network off and on', async () => {
    await page.getByRole('switch', { name: 'Switch attic on or off' }).click();
    await page.getByRole('heading', { name: 'This network is switched off' }).waitFor();
    await page.getByRole('button', { name: 'Switch on', exact: true }).click();
    await page.getByRole('tab', { name: /Members/ }).waitFor();
  });

  it('shows the network in the tray, and the tray switches it off and on', async () => {
    const tray = () =>
      app.evaluate(() => {
        const { menu, tooltip, icon } = (globalThis as unknown as { weftTray: KeptTray }).weftTray;
        const items = menu.items.map(({ label, checked }) => ({ label, checked }));
        return { items, tooltip, icon: icon.toDataURL() };
      });
    const picture = (name: string) =>
      app.evaluate(
        ({ nativeImage }, path) => nativeImage.createFromPath(path).toDataURL(),
        join(root, `assets/tray/${name}.png`),
      );
    const press = () =>
      app.evaluate(() => {
        const { menu } = (globalThis as unknown as { weftTray: KeptTray }).weftTray;
        menu.items.find(({ label }) => label.startsWith('attic'))?.click();
      });
    const shows = (word: string) =>
      vi.waitUntil(async () => (await tray()).items.some(({ label }) => label === `attic: ${word}`), {
        timeout: 15_000,
      });

    const shown = await tray();
    expect(shown.items.find(({ label }) => label.startsWith('attic'))?.checked).toBe(true);
    expect(shown.tooltip).toMatch(/^Weft: attic (joining|connecting|connected|limited)$/);
    expect(shown.icon).not.toBe(await picture('off'));
    await press();
    await page.getByRole('heading', { name: 'This network is switched off' }).waitFor();
    await shows('off');
    expect(await tray()).toMatchObject({ tooltip: 'Weft: off', icon: await picture('off') });
    await press();
    await page.getByRole('tab', { name: /Members/ }).waitFor();
    expect((await tray()).tooltip).toMatch(/^Weft: attic /);
  });

  it('goes on after an error that nobody caught', async () => {
    await app.evaluate(
      () => new Promise<void>((settle) => setImmediate(() => (setImmediate(settle), missing.property))),
    );
    await page.getByRole('tab', { name: /Members/ }).waitFor();
    expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
  });

  it('can be used from the command line while it runs, and ends when told', async () => {
    const status = desktop.spawn(process.execPath, [cli, 'status', '--json', '--state', desktop.stateDir]);
    let out = '';
    status.stdout?.on('data', (data: Buffer) => (out += data.toString()));
    await new Promise((settle) => status.once('close', settle));
    expect(JSON.parse(out).networks[0].name).toBe('attic');
    const gone = new Promise((settle) => app.process().once('exit', settle));
    await app.evaluate(({ app: electron }) => electron.quit());
    await gone;
  });

  it('attaches to an engine that runs already, says when it is gone, and then runs its own', async () => {
    const args = [cli, 'daemon', '--state', desktop.stateDir, '--adapter', 'none', '--ui', 'none'];
    const daemon = desktop.spawn(process.execPath, args);
    const socket = join(desktop.stateDir, 'engine.sock');
    await vi.waitUntil(() => existsSync(socket), { timeout: 15_000 });
    ({ app, page } = await desktop.launch());
    await page.getByRole('heading', { name: 'attic', level: 1 }).waitFor();
    daemon.kill('SIGSTOP');
    daemon.kill('SIGKILL');
    await page.getByRole('heading', { name: 'Weft is not running' }).waitFor();
    await page.getByRole('heading', { name: 'Weft is not running' }).waitFor({ state: 'hidden' });
    await page.getByRole('heading', { name: 'attic', level: 1 }).waitFor();
  });

  it('started by a link, shows its preview', async () => {
    other.run('create', 'cellar');
    await app.close();
    ({ app, page } = await desktop.launch([other.run('invite', 'cellar')]));
    await page.getByRole('heading', { name: 'cellar' }).waitFor();
    expect(other.run('members', 'cellar')).not.toContain('desk');
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'cellar' }).waitFor({ state: 'hidden' });
  });

  // The last one: Playwright waits for the navigation that never happens.
  it('does not leave its own page', async () => {
    const where = await app.evaluate(async ({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents;
      const refused = new Promise((settle) =>
        contents?.once('will-navigate', (event) => setImmediate(() => settle(event.defaultPrevented))),
      );
      await contents?.executeJavaScript("void (location.href = 'https://example.org/')");
      return { refused: await refused, url: contents?.getURL() };
    });
    expect(where).toEqual({ refused: true, url: 'app://weft/index.html' });
  });
});
