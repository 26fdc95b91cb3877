// Every page in both themes, at the sizes people have: nothing overflows, nothing complains. WEFT_PICTURES=1 also writes docs/screenshots.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildMock, launchBrowser, missingBrowser, root, serveMock, type MockSite } from './support/browser.ts';

const why = missingBrowser();
if (why) console.log(`skipped: pictures of the window: ${why}`);
const folder = join(root, 'docs/screenshots');
const write = process.env['WEFT_PICTURES'] === '1';

interface Shot {
  name: string;
  query: string;
  act?: (page: Page) => Promise<unknown>;
}
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const SHOTS: Shot[] = [
  { name: 'first-run-name', query: 'mock=first' },
  { name: 'first-run-start', query: 'mock=first', act: (page) => button(page, 'Continue') },
  { name: 'members', query: 'mock=home' },
  { name: 'member-details', query: 'mock=home', act: (page) => button(page, 'Details of ben') },
  { name: 'alone', query: 'mock=alone' },
  { name: 'problems', query: 'mock=degraded' },
  { name: 'off', query: 'mock=off' },
  { name: 'groups', query: 'mock=home', act: (page) => page.getByRole('tab', { name: /Groups/ }).click() },
  { name: 'channels', query: 'mock=home', act: (page) => page.getByRole('tab', { name: /Channels/ }).click() },
  { name: 'invites', query: 'mock=home', act: (page) => page.getByRole('tab', { name: /Invites/ }).click() },
  {
    name: 'invite',
    query: 'mock=home',
    act: async (page) => {
      await button(page, 'Invite');
      await button(page, 'Make link');
      await page.getByRole('img', { name: 'QR code of the invite link' }).waitFor();
    },
  },
  {
    name: 'join',
    query: 'mock=home',
    act: async (page) => {
      await button(page, 'Join with a link');
      await page.getByLabel('Invite link').fill(await page.evaluate(() => window.weftMock.link));
      await button(page, 'Check link');
      await page.getByRole('heading', { name: 'studio' }).waitFor();
    },
  },
  {
    name: 'connection',
    query: 'mock=home',
    act: async (page) => {
      await button(page, 'Connection');
      await button(page, 'Run check-up');
      await page.getByText('UDP sockets').waitFor();
    },
  },
  { name: 'settings', query: 'mock=home&shell=1', act: (page) => button(page, 'Settings') },
  {
    name: 'settings-reaching',
    query: 'mock=home&shell=1',
    act: async (page) => {
      await button(page, 'Settings');
      await page.getByRole('heading', { name: 'Reaching others' }).evaluate((node) => node.scrollIntoView());
    },
  },
  {
    name: 'settings-anywhere',
    query: 'mock=home&shell=1',
    act: async (page) => {
      await button(page, 'Settings');
      await page
        .getByRole('heading', { name: 'Programs that choose no network' })
        .evaluate((node) => node.scrollIntoView());
    },
  },
  {
    name: 'unreachable',
    query: 'mock=unreachable',
    act: (page) => page.getByText('Weft is not running').waitFor(),
  },
];

/** 200 % zoom of a 1280 × 800 window is a page of 640 × 400. */
const SIZES = [
  { name: '1280×800', width: 1280, height: 800 },
  { name: '900×600', width: 900, height: 600 },
  { name: '200 %', width: 640, height: 400 },
  { name: '200 % of 900×600', width: 450, height: 300 },
];

describe.skipIf(why)('every page', () => {
  let browser: Browser;
  let site: MockSite;
  beforeAll(async () => {
    buildMock();
    if (write) mkdirSync(folder, { recursive: true });
    [browser, site] = await Promise.all([launchBrowser(), serveMock()]);
  }, 120_000);
  afterAll(async () => {
    site?.close();
    await browser?.close();
  });

  for (const { name, query, act } of SHOTS)
    it(name, async () => {
      for (const theme of ['light', 'dark'] as const) {
        const { page, complaints } = await site.open(browser, `${query}&theme=${theme}&still=1`);
        if (query.includes('unreachable')) await page.emulateMedia({ colorScheme: theme });
        await act?.(page);
        await page.evaluate(() => document.fonts.ready);
        if (write) await page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
        if (theme === 'light')
          for (const size of SIZES) {
            await page.setViewportSize(size);
            expect(await overflow(page), `${size.name}: wider than the window`).toEqual([]);
            if (write && process.env['WEFT_PICTURES_ALL'])
              await page.screenshot({ path: join(process.env['WEFT_PICTURES_ALL'], `${name}-${size.width}.png`) });
          }
        expect(complaints).toEqual([]);
        await page.context().close();
      }
    });
});

/** Elements that stick out of the window sideways. */
const overflow = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll<HTMLElement>('body *')]
      .filter((element) => element.getBoundingClientRect().right > width + 1 && element.offsetParent !== null)
      .filter((element) => !element.closest('.hidden'))
      .map((element) => `${element.tagName} ${element.className} ${element.textContent?.slice(0, 30)}`)
      .slice(0, 4);
  });
