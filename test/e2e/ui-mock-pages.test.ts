// The whole window over a fake engine in a real Chromium: what people do, and what they see when things go wrong.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildMock,
  launchBrowser,
  missingBrowser,
  serveMock,
  type MockPage,
  type MockSite,
} from './support/browser.ts';

const why = missingBrowser();
if (why) console.log(`skipped: the window in Chromium: ${why}`);

describe.skipIf(why)('the window', () => {
  let browser: Browser;
  let site: MockSite;
  const opened: MockPage[] = [];
  const open = async (query: string) => {
    const mock = await site.open(browser, `${query}&still=1`);
    opened.push(mock);
    const { page } = mock;
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
    const heading = (name: string | RegExp) => page.getByRole('heading', { name }).waitFor();
    const calls = (name: string) =>
      page.evaluate((wanted) => window.weftMock.engine.calls.filter((call) => call.name === wanted), name);
    return { page, press, heading, calls };
  };
  beforeAll(async () => {
    buildMock();
    [browser, site] = await Promise.all([launchBrowser(), serveMock()]);
  }, 120_000);
  afterAll(async () => {
    site?.close();
    await browser?.close();
    expect(opened.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  it('first run by creating: name, create, done, invite', async () => {
    const { page, press, heading, calls } = await open('mock=first');
    await page.getByLabel('Name of this device').fill('desk');
    await press('Continue');
    await page.getByRole('button', { name: /Create a network/ }).click();
    await page.getByLabel('Name of the network').fill('attic');
    await page.keyboard.press('Enter');
    await heading('You are in “attic”');
    expect(await calls('settings.set')).toEqual([{ name: 'settings.set', params: { deviceName: 'desk' } }]);
    expect(await calls('network.create')).toMatchObject([{ params: { name: 'attic', memberName: 'desk' } }]);
    await press('Invite someone');
    await heading('Invite to “attic”');
  });

  it('first run by joining: nothing is joined before Join', async () => {
    const { page, press, heading, calls } = await open('mock=first');
    await press('Continue');
    await page.getByRole('button', { name: /I have a link/ }).click();
    await page.getByLabel('Invite link').fill(await page.evaluate(() => window.weftMock.link));
    await press('Check link');
    await heading('studio');
    await page.getByText('lamp river seven oak').waitFor();
    expect(await calls('network.join')).toEqual([]);
    await press('Join');
    await heading('You are in “studio”');
    await press('Open the network');
    await page.getByRole('tab', { name: /Members/ }).waitFor();
  });

  it('a bad link is named in plain words with what to do', async () => {
    const { page, press } = await open('mock=home');
    await press('Join with a link');
    await page.getByLabel('Invite link').fill('hello');
    await press('Check link');
    await page.getByRole('alert').getByText('This is not a Weft invite link.').waitFor();
    await page.getByRole('alert').getByText('Paste the whole link; it starts with weft://join/.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('members: how they are reached, details, search, remove with confirmation', async () => {
    const { page, press, heading, calls } = await open('mock=home');
    const row = (name: string) => page.getByRole('listitem').filter({ hasText: name });
    await row('dora').getByText('Relayed', { exact: true }).waitFor();
    await row('old-laptop').getByText('Offline').waitFor();
    await row('ben').getByText('3.3 ms').waitFor();
    await press('Details of ben');
    await row('ben').getByText('ben.home.weft').waitFor();
    await page.getByLabel('Find a member').fill('cle');
    await row('ben').waitFor({ state: 'detached' });
    await press('Actions for cleo');
    await page.getByRole('menuitem', { name: 'Remove from network' }).click();
    await heading('Remove cleo?');
    expect(await calls('member.remove')).toEqual([]);
    await press('Remove');
    await page.getByText('No member matches “cle”.').waitFor();
    expect(await calls('member.remove')).toHaveLength(1);
  });

  it('invites: link, QR, copy, list, revoke', async () => {
    const { page, press, heading, calls } = await open('mock=home');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await press('Invite');
    await page.getByLabel('They join as').selectOption('guest');
    await page.getByLabel('For how many devices').fill('3');
    await page.getByLabel('Valid for').selectOption({ label: '1 week' });
    await press('Make link');
    await page.getByRole('img', { name: 'QR code of the invite link' }).waitFor();
    expect(await calls('invite.create')).toMatchObject([
      { params: { role: 'guest', uses: 3, expiresSeconds: 604_800 } },
    ]);
    await press('Copy link');
    await press('Copied');
    const link = await page.evaluate(() => window.weftMock.link);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
    await page.getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByRole('tab', { name: /Invites/ }).click();
    await press('Revoke');
    await heading('Revoke this invite?');
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('listitem').filter({ hasText: 'Revoked' }).waitFor();
  });

  it('channels: list, take part, create, close', async () => {
    const { page, press, calls } = await open('mock=home');
    await page.getByRole('tab', { name: /Channels/ }).click();
    const hint = page.getByTitle(/signed by its sender/);
    const signed = (name: string) => page.getByRole('listitem').filter({ hasText: name, has: hint });
    await signed('stage').waitFor();
    expect(await signed('walkie').count()).toBe(0);
    await page.getByRole('switch', { name: 'Receive walkie on this device' }).click();
    expect(await calls('channel.join')).toMatchObject([{ params: { network: 'home', channel: 'c2' } }]);
    await press('New channel');
    await page.getByLabel('Name', { exact: true }).fill('camera 1');
    await page.getByLabel('Who may send').selectOption('own');
    await press('Create');
    await page.getByText('camera 1').waitFor();
    await press('Actions for camera 1');
    await page.getByRole('menuitem', { name: 'Close channel' }).click();
    await press('Close channel');
    await page.getByText('camera 1').waitFor({ state: 'detached' });
  });

  it('groups: what they are and who is in them', async () => {
    const { page } = await open('mock=home');
    await page.getByRole('tab', { name: /Groups/ }).click();
    const row = page.getByRole('listitem').filter({ hasText: '224.0.0.251' }).first();
    await row.getByText('Bonjour and mDNS discovery').waitFor();
    await row.getByText('studio-nas').waitFor();
    await row.getByText('Sent straight to each of 4 members.').waitFor();
    await page.getByText('only from 10.87.3.23').waitFor();
  });

  it('toggles: one network, and all', async () => {
    const { page, press, heading, calls } = await open('mock=home');
    await page.getByRole('switch', { name: 'Switch home on or off' }).click();
    await heading('This network is switched off');
    await press('Switch on');
    await page.getByRole('tab', { name: /Members/ }).waitFor();
    await page.getByRole('switch', { name: 'All networks' }).click();
    await heading('This network is switched off');
    expect((await calls('network.down')).map(({ params }) => params)).toEqual([{ network: 'home' }, {}]);
  });

  it('says what is wrong and offers the remedy', async () => {
    const { page, press, calls } = await open('mock=degraded');
    await page.getByText('Limited').first().waitFor();
    await page.getByText('Weft cannot make a network adapter yet.').waitFor();
    await page.getByText('The local network 10.87.0.0/16 overlaps').waitFor();
    await press('Enable');
    await page.getByText('Weft cannot make a network adapter yet.').waitFor({ state: 'detached' });
    expect(await calls('helper.install')).toHaveLength(1);
  });

  it('shows a failed call where it was asked for', async () => {
    const { page, press, heading } = await open('mock=home');
    await page.evaluate(() =>
      window.weftMock.engine.failures.set('network.leave', { code: 'disk-full', data: { why: 'ENOSPC' } }),
    );
    await press('More about this network');
    await page.getByRole('menuitem', { name: 'Leave network' }).click();
    await heading('Leave “home”?');
    await press('Leave');
    await page.getByRole('alert').getByText('The state could not be saved: ENOSPC.').waitFor();
    await page.evaluate(() => window.weftMock.engine.failures.clear());
    await press('Leave');
    await heading('chess-club');
  });

  it('connection: check-up with the worst first', async () => {
    const { page, press } = await open('mock=home');
    await press('Connection');
    await press('Run check-up');
    const levels = page.getByRole('status').getByText(/^(Problem|Warning|Note|Fine)$/);
    await levels.first().waitFor();
    expect(await levels.allTextContents()).toEqual(['Warning', 'Note', 'Fine', 'Fine']);
  });

  it('connection: how this device is found, and how each member is reached', async () => {
    const { page, press } = await open('mock=home');
    await press('Connection');
    const finding = page.getByTestId('finding');
    await finding.getByText('A router that lets direct connections through').waitFor();
    await finding.getByText('203.0.113.40:41641').waitFor();
    await finding.getByText('2 beacons heard').waitFor();
    const reached = page.getByTestId('reached');
    expect(await reached.getByText(/^Direct$/).count()).toBeGreaterThan(0);
    await reached.getByText(/^Through others$/).waitFor();
    // What each transport came to at its last try, in words.
    await reached
      .getByText(
        'Last tries: udp is not answered; tcp took too long; tls by proxy is refused by the proxy; wss by proxy gets there.',
      )
      .waitFor();
    await reached.getByText('Last tries: udp is not answered; tcp is refused; webrtc took too long.').waitFor();
  });

  it('settings: only 443, on and off', async () => {
    const { page, press } = await open('mock=home');
    const only443 = (): Promise<unknown> => page.evaluate(() => window.weftMock.engine.state.settings.only443);
    await press('Settings');
    const toggle = page.getByRole('switch', { name: 'Look like the web' });
    expect(await toggle.getAttribute('aria-checked')).toBe('false');
    await toggle.click();
    await expect.poll(only443).toBe(true);
    await expect.poll(() => toggle.getAttribute('aria-checked')).toBe('true');
    await toggle.click();
    await expect.poll(only443).toBe(false);
  });

  it('settings: servers for WebRTC', async () => {
    const { page, press } = await open('mock=home');
    await press('Settings');
    await page.getByLabel('TURN servers').fill('weft:secret@turn.example:3478, ');
    await page.getByLabel('TURN servers').press('Enter');
    await expect
      .poll(() => page.evaluate(() => window.weftMock.engine.state.settings.turn))
      .toEqual(['weft:secret@turn.example:3478']);
  });

  it('settings: theme at once, desktop settings only in the desktop app', async () => {
    const { page, press } = await open('mock=home');
    await press('Settings');
    await page.getByLabel('Dark').check();
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    expect(await page.getByText('Start with the computer').count()).toBe(0);
    const shell = await open('mock=home&shell=1');
    await shell.press('Settings');
    await shell.page.getByRole('switch', { name: 'Start with the computer' }).click();
    expect(await shell.page.evaluate(() => window.weftMock.asked)).toEqual([{ type: 'shell.autostart', on: true }]);
  });

  it('covers itself while there is no engine, and comes back by itself', async () => {
    const { page, heading } = await open('mock=home');
    await heading('home');
    await page.evaluate(() => window.weftMock.lose({ code: 'engine-unreachable' }));
    await heading('Weft is not running');
    await page.evaluate(() => window.weftMock.regain());
    await page.getByRole('heading', { name: 'Weft is not running' }).waitFor({ state: 'detached' });
    await page.evaluate(() => window.weftMock.lose({ code: 'engine-outdated' }));
    await heading('Weft was updated');
  });

  it('a link from the shell opens its preview', async () => {
    const { page, heading, calls } = await open('mock=home&shell=1');
    await heading('home');
    await page.evaluate(() => window.weftMock.news({ type: 'shell.join', link: window.weftMock.link }));
    await heading('studio');
    expect(await calls('network.join')).toEqual([]);
  });

  it('by keyboard alone: skip link, tabs with arrows, dialog gives the focus back', async () => {
    const { page, heading } = await open('mock=home');
    await heading('home');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await page.getByRole('button', { name: 'Invite', exact: true }).focus();
    await page.keyboard.press('Enter');
    await heading('Invite to “home”');
    expect(await page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Invite');
    await page.getByRole('tab', { name: /Members/ }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('tab', { name: /Groups/, selected: true }).waitFor();
  });

  it('a member that floods is named at its row and by a problem with a remedy, until it stops', async () => {
    const { page, heading } = await open('mock=flood');
    await heading('home');
    const badge = page.getByText('Limited: sends too much');
    await badge.waitFor();
    expect(await badge.count()).toBe(1);
    const name = await page.evaluate(() => {
      const { networks } = window.weftMock.engine.state;
      const [flooder] = networks.flatMap(({ limited = [] }) => limited);
      return networks.flatMap(({ members }) => members).find(({ id }) => id === flooder?.member)?.name ?? '';
    });
    expect(name).not.toBe('');
    expect(await page.getByRole('listitem').filter({ has: badge }).textContent()).toContain(name);
    await page.getByText(`“${name}” sends more broadcast or multicast than its share`).first().waitFor();
    await page
      .getByText(/Stop the program that sends so much on that device/)
      .first()
      .waitFor();
    await page.evaluate(() =>
      window.weftMock.engine.change((state) => ({
        ...state,
        networks: state.networks.map(({ limited: _, ...network }) => ({ ...network, problems: [] })),
      })),
    );
    await badge.waitFor({ state: 'detached' });
  });

  it('500 members: a change draws within a frame or two', async () => {
    const { page, heading } = await open('mock=many');
    await heading('home');
    const ms = await page.evaluate(async () => {
      const spent: number[] = [];
      for (let i = 0; i < 30; i++) {
        const start = performance.now();
        window.weftMock.engine.change((state) => ({
          ...state,
          networks: state.networks.map((network) => ({
            ...network,
            members: network.members.map((member, at) => (at === i ? { ...member, rttMs: 100 + i } : member)),
          })),
        }));
        await new Promise((settle) => requestAnimationFrame(() => setTimeout(settle)));
        spent.push(performance.now() - start);
      }
      return spent.sort((a, b) => a - b)[15] ?? Infinity;
    });
    console.log(`500 members: median ${ms.toFixed(1)} ms from change to drawn`);
    expect(ms).toBeLessThan(100);
  });
});
