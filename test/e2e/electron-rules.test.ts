// The shell's pure halves: which links and pages it accepts, what the tray says, and that frames find the right engine.
import { describe, expect, it } from 'vitest';
import { memoryPair, type Carrier } from '../../app/contract/protocol/index.ts';
import { decodeShell, encodeShell, ShellNews, ShellRequest } from '../../app/contract/shell.ts';
import { Bridge } from '../../main/electron/bridge.ts';
import { linkFromArguments, validLink } from '../../main/electron/deep-link.ts';
import { CONTENT_SECURITY_POLICY, mayNavigate, mayUse } from '../../main/electron/policy.ts';
import { trayIcon, trayMenu, trayTooltip } from '../../main/electron/tray-menu.ts';
import { network, state } from '../contract/support/samples.ts';
import { until } from '../contract/support/until.ts';

const LINK = 'weft://join/#AbC-123_x';

describe('links from outside', () => {
  it('are taken as they are when they are links', () => expect(validLink(LINK)).toBe(LINK));
  const bad: [string, unknown][] = [
    ['another scheme', 'https://join/#x'],
    ['another place', 'weft://leave/#x'],
    ['a space', 'weft://join/# x'],
    ['a line end', 'weft://join/#x\n--flag'],
    ['a control character', 'weft://join/#\u0000'],
    ['quotes and backticks', 'weft://join/#\'`"'],
    ['letters outside ASCII', 'weft://join/#é'],
    ['too long', `weft://join/#${'x'.repeat(5_000)}`],
    ['no text', 7],
  ];
  for (const [name, link] of bad) it(`refused: ${name}`, () => expect(validLink(link)).toBeNull());
  it('are found among arguments, flags are not', () => {
    expect(linkFromArguments(['electron', '/app', '--flag=weft://join/#x', LINK])).toBe(LINK);
    expect(linkFromArguments([LINK])).toBeNull();
  });
});

describe('what a page may do', () => {
  it('stays on the app’s page', () => {
    expect(mayNavigate('app://weft/index.html#x')).toBe(true);
    for (const url of [
      'https://example.org',
      'file:///etc/passwd',
      'app://weft/other.html',
      'app://weft.evil/index.html',
    ])
      expect(mayNavigate(url)).toBe(false);
  });
  it('copies, and nothing else', () => {
    expect(mayUse('clipboard-sanitized-write')).toBe(true);
    for (const name of ['clipboard-read', 'media', 'geolocation', 'notifications', 'openExternal', 'hid'])
      expect(mayUse(name)).toBe(false);
  });
  it('has a policy without eval, inline scripts or connections', () => {
    expect(CONTENT_SECURITY_POLICY).not.toMatch(/unsafe-eval|https?:|\*/);
    expect(CONTENT_SECURITY_POLICY).toContain("script-src 'self';");
    expect(CONTENT_SECURITY_POLICY).toContain("connect-src 'none'");
  });
});

describe('the tray', () => {
  it('says how things are', () => {
    expect(trayIcon(null)).toBe('off');
    expect(trayIcon(state([]))).toBe('off');
    expect(trayIcon(state([network('home')]))).toBe('on');
    expect(trayIcon(state([network('home', { state: 'connecting' })]))).toBe('busy');
    expect(trayIcon(state([network('home', { state: 'degraded' })]))).toBe('warn');
    expect(trayIcon(state([network('home', { on: false, state: 'off' })]))).toBe('off');
    expect(trayTooltip(state([network('home')]))).toBe('Weft: home connected');
  });
  it('switches each network, and all when there are several', () => {
    const toggles = (names: string[]) =>
      trayMenu(state(names.map((name) => network(name)))).flatMap(({ action }) =>
        action?.do === 'toggle' ? [action] : [],
      );
    expect(toggles(['home'])).toEqual([{ do: 'toggle', networkId: 'home', on: false }]);
    expect(toggles(['home', 'club'])).toHaveLength(3);
    expect(toggles(['home', 'club'])[2]).toEqual({ do: 'toggle', networkId: null, on: false });
  });
  it('copies the address without its prefix length', () =>
    expect(trayMenu(state([network('home')])).find(({ action }) => action?.do === 'copy')?.action).toEqual({
      do: 'copy',
      text: '10.87.3.8',
    }));
  it('can always open and quit', () => {
    for (const given of [null, state([])])
      expect(trayMenu(given).map(({ action }) => action?.do)).toEqual(expect.arrayContaining(['open', 'quit']));
  });
});

describe('the bridge', () => {
  const collect = (carrier: Carrier): string[] => {
    const texts: string[] = [];
    carrier.onMessage((text) => texts.push(text));
    return texts;
  };
  const HELLO = '{"type":"hello","version":1,"client":"ui"}';

  it('carries frames both ways, and keeps the shell’s own to itself', async () => {
    const [page, shell] = memoryPair();
    const [engine, inner] = memoryPair();
    const requests: unknown[] = [];
    const bridge = new Bridge(shell, (request) => requests.push(request));
    const [atPage, atEngine] = [collect(page), collect(inner)];
    bridge.use(engine);
    page.send(encodeShell({ type: 'shell.retry' }));
    page.send('{"type":"shell.autostart","on":"yes"}');
    page.send(HELLO);
    inner.send('{"type":"welcome"}');
    await until(() => atEngine.length === 1 && atPage.length === 2 && requests.length === 1);
    expect(atEngine).toEqual([HELLO]);
    expect(decodeShell(atPage[0] ?? '', ShellNews)).toEqual({ type: 'shell.engine', ready: true });
    expect(requests).toEqual([{ type: 'shell.retry' }]);
  });

  it('tells of the engine’s end, and drops what was meant for it', async () => {
    const [page, shell] = memoryPair();
    const bridge = new Bridge(shell, () => {});
    const atPage = collect(page);
    const [first, firstInner] = memoryPair();
    bridge.use(first);
    firstInner.close();
    await until(() => atPage.length === 2);
    expect(decodeShell(atPage[1] ?? '', ShellNews)).toMatchObject({
      ready: false,
      failure: { code: 'engine-unreachable' },
    });
    const [second, secondInner] = memoryPair();
    const atSecond = collect(secondInner);
    bridge.use(second);
    page.send('{"type":"call","id":1,"name":"status"}');
    page.send(HELLO);
    await until(() => atSecond.length > 0);
    expect(atSecond).toEqual([HELLO]);
  });

  it('takes no message for a shell’s that is not one', () => {
    expect(decodeShell('{"type":"shell.join","link":""}', ShellNews)).toBeNull();
    expect(decodeShell('{"type":"shell.nothing"}', ShellRequest)).toBeNull();
    expect(decodeShell('{"type":"shell.', ShellRequest)).toBeNull();
  });
});
