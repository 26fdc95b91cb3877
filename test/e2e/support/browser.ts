// A real Chromium, and the mock build of the window served as the daemon serves the real one (same code, same CSP).
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import './mock-window.ts';
import { readUi, serveUi } from '../../../main/rpc/static-ui.ts';

export const root = resolve(import.meta.dirname, '../../..');
const CHROMIUM = process.env['WEFT_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why browser tests cannot run here, or null. */
export const missingBrowser = (): string | null => (existsSync(CHROMIUM) ? null : `${CHROMIUM} is not installed`);

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** Builds the window over the fake engine into dist/renderer-mock. */
export function buildMock(): void {
  const vite = join(root, 'node_modules/.bin/vite');
  execFileSync(vite, ['build', '--config', 'renderer/vite.config.ts', '--mode', 'mock', '--logLevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

export interface MockSite {
  /** Opens `mock.html?query`; errors of the page and breaches of its CSP are collected in `complaints`. */
  open(browser: Browser, query: string, size?: { width: number; height: number }): Promise<MockPage>;
  close(): void;
}
export interface MockPage {
  page: Page;
  complaints: string[];
}

export async function serveMock(): Promise<MockSite> {
  const files = readUi(join(root, 'dist/renderer-mock'));
  const server = createServer((request, response) => serveUi(files, request, response));
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const { port } = server.address() as AddressInfo;
  return {
    close: () => server.close(),
    async open(browser, query, size = { width: 1280, height: 800 }) {
      const context = await browser.newContext({ viewport: size, colorScheme: 'light', reducedMotion: 'reduce' });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      await page.goto(`http://127.0.0.1:${port}/mock.html?${query}`);
      return { page, complaints };
    },
  };
}
