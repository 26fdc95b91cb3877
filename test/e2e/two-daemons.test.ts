// Must be shown 9: the UI in real Chromium against two real daemons: create on one, join on the other, members appear on both.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../netns/support/host.ts';
import { Lab } from '../netns/support/lab.ts';
import { projectRoot, until, whyNot } from '../netns/support/shell.ts';

const CHROMIUM = '/usr/bin/chromium';
const reason = whyNot() ?? (existsSync(CHROMIUM) ? null : 'chromium is missing');
if (reason) console.log(`skipped: two daemons in Chromium: ${reason}`);

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(reason)('the window in a browser, on two hosts', () => {
  let lab: Lab;
  const browsers: Browser[] = [];
  const pageErrors: string[] = [];

  /** A browser inside the host, at the address that its daemon printed. */
  async function open(host: Host): Promise<Page> {
    await host.startDaemon({ args: ['--ui', '127.0.0.1:0'] });
    const address = /http:\/\/127\.0\.0\.1:\d+\/#\S+/.exec(host.daemon?.stdout ?? '')?.[0];
    expect(address, host.daemon?.tail()).toBeDefined();
    // Playwright starts one executable; this one steps into the host's namespace first.
    const starter = join(lab.folder, `${host.name}-chromium`);
    writeFileSync(starter, `#!/bin/sh\nexec ip netns exec ${host.namespace} ${CHROMIUM} "$@"\n`);
    chmodSync(starter, 0o755);
    const browser = await chromium.launch({ executablePath: starter, args: FLAGS });
    browsers.push(browser);
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.on('pageerror', (error) => pageErrors.push(`${host.name}: ${error.message}`));
    await page.goto(address ?? '');
    return page;
  }

  /** The details of another member: its address, and a round trip that was measured. */
  async function showsMember(page: Page, name: string, address: string): Promise<void> {
    await page
      .getByRole('button', { name: `Details of ${name}` })
      .first()
      .click();
    await page.getByText(address).first().waitFor();
    await page
      .getByText(/\d+(\.\d+)? ms/)
      .first()
      .waitFor({ timeout: 10_000 });
    await page.keyboard.press('Escape');
  }

  beforeAll(async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben'] });
  });
  afterAll(async () => {
    for (const browser of browsers) await browser.close();
    await lab?.close();
  });

  it('creates on one, joins on the other, and both see both', { timeout: 120_000 }, async () => {
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    const first = await open(anna);
    await first.getByLabel('Name of this device').fill('anna');
    await first.getByRole('button', { name: 'Continue' }).click();
    await first.getByRole('button', { name: /Create a network/ }).click();
    await first.getByRole('textbox').first().fill('home');
    await first.keyboard.press('Enter');
    await first.getByRole('button', { name: 'Invite someone' }).first().click();
    await first.getByRole('button', { name: 'Make link' }).click();
    const link = await first.getByLabel('Invite link', { exact: true }).inputValue();
    expect(link).toMatch(/^weft:\/\/join\/#/);
    expect(
      await first.getByAltText('QR code of the invite link').or(first.getByLabel('QR code of the invite link')).count(),
    ).toBe(1);
    const token = new URL(first.url()).hash;
    expect(token, 'the token is taken out of the address').toBe('');

    const second = await open(ben);
    await second.getByLabel('Name of this device').fill('ben');
    await second.getByRole('button', { name: 'Continue' }).click();
    await second.getByRole('button', { name: /I have a link/ }).click();
    await second.getByLabel('Invite link').fill(link);
    await second.getByRole('button', { name: 'Check link' }).click();
    await second.getByText('Invited by').waitFor();
    await second.getByRole('button', { name: 'Join', exact: true }).click();
    await second.getByRole('button', { name: 'Open the network' }).click();
    await second.getByText('anna', { exact: false }).first().waitFor();

    await first.keyboard.press('Escape');
    await first.getByText('ben', { exact: false }).first().waitFor({ timeout: 10_000 });
    const { ipv4 } = await anna.overlay();
    await until('ping', 10_000, () => ben.ping(ipv4));
    await until(
      'both online by the CLI too',
      10_000,
      async () => (await anna.network()).members.filter((m) => m.online).length === 2,
    );
    await showsMember(second, 'anna', ipv4);
    await showsMember(first, 'ben', (await ben.overlay()).ipv4);
    expect(pageErrors).toEqual([]);
    const shots = join(projectRoot, '.build/screenshots');
    mkdirSync(shots, { recursive: true });
    await first.screenshot({ path: join(shots, 'two-daemons-anna.png') });
    await second.screenshot({ path: join(shots, 'two-daemons-ben.png') });
  });
});
