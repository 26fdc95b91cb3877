import { execFile } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describe as sentence, ERRORS, ok, type ErrorCode } from '../../app/contract/errors.ts';
import { daemonOptions } from '../../main/cli/commands/daemon.ts';
import { bytes, clean, parseAddress, parseDuration, table } from '../../main/cli/text.ts';
import { statePaths } from '../../main/host/paths.ts';
import { RpcServer } from '../../main/rpc/server.ts';
import { listenUnix, type Listener } from '../../main/rpc/unix-socket.ts';
import { fakeEngine, LINK } from '../contract/support/fake-engine.ts';
import { channel, member, network, state as stateOf } from '../contract/support/samples.ts';

/** Time from start to the answer of a running engine, ms; a busy machine gets twice as much, and the best of several counts. */
const START_MS_MAX = 300;

let folder: string;
let program: string;
let state: string;
let engine: ReturnType<typeof fakeEngine>;
let rpc: RpcServer;
let listener: Listener;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-cli-'));
  // @ts-expect-error: a script without types.
  const { bundle, programs } = (await import('../../scripts/bundle.mjs')) as {
    bundle: (folder: string, only: unknown[]) => Promise<void>;
    programs: { out: string }[];
  };
  await bundle(
    folder,
    programs.filter(({ out }) => out === 'cli/weft.cjs'),
  );
  program = join(folder, 'cli/weft.cjs');
  // Stands for the engine's program: says what it was asked for.
  mkdirSync(join(folder, 'daemon'));
  writeFileSync(
    join(folder, 'daemon/daemon.cjs'),
    'exports.runDaemon = async (options) => (console.log(JSON.stringify(options)), 3);',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  state = mkdtempSync(join(folder, 's-'));
  engine = fakeEngine();
  rpc = new RpcServer({ ...engine, version: '1.2.3' });
  const listening = await listenUnix(statePaths(state).socket, (carrier) => rpc.accept(carrier, 'use'));
  if (!listening.ok) throw new Error(listening.error.code);
  listener = listening.value;
});
afterEach(() => {
  listener.close();
  rpc.close();
});

interface Run {
  code: number;
  out: string;
  err: string;
}
function weft(args: string[], options: { input?: string; dir?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Run> {
  const [command = '', ...rest] = args;
  const where = options.dir ?? state;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...(command ? [command] : []), '--state', where, ...rest],
      { timeout: 20_000, env: { ...process.env, ...options.env } },
      (error, out, err) => resolve({ code: error ? ((error.code as unknown as number) ?? -1) : 0, out, err }),
    );
    // The program may end before it has read everything.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}
const called = (): unknown[] => engine.calls.map(({ name, params }) => [name, params]);
const failed = (code: ErrorCode, data?: Record<string, string>): string =>
  `weft: ${sentence({ code, ...(data ? { data } : {}) })}\n`;

describe('weft', () => {
  it('creates, and says so', async () => {
    expect(await weft(['create', 'home', '--as', 'anna'])).toEqual({ code: 0, out: 'Created home.\n', err: '' });
    expect(called()).toEqual([['network.create', { name: 'home', memberName: 'anna' }]]);
    expect(await weft(['create', 'work', '--json'])).toEqual({ code: 0, out: '{\n  "id": "work"\n}\n', err: '' });
  });

  it('prints an invite link alone', async () => {
    expect(await weft(['invite', 'home', '--role', 'guest', '--uses', '3', '--expires', '2h'])).toEqual({
      code: 0,
      out: `${LINK}\n`,
      err: '',
    });
    expect(called()).toEqual([['invite.create', { network: 'home', role: 'guest', uses: 3, expiresSeconds: 7200 }]]);
    await weft(['invite']);
    expect(called()[1]).toEqual(['invite.create', { role: 'member', uses: 1, expiresSeconds: 86_400 }]);
  });

  it.each([
    [['--expires', 'soon'], '--expires'],
    [['--uses', 'many'], 'uses'],
    [['--uses', '0'], 'uses'],
    [['--role', 'owner'], 'role'],
    [['--expires', '1s'], 'expiresSeconds'],
  ])('refuses invite %j as wrong usage', async (args, what) => {
    expect(await weft(['invite', ...args])).toEqual({ code: 2, out: '', err: failed('bad-argument', { what }) });
    expect(engine.calls).toEqual([]);
  });

  it('joins by a link from the arguments or from standard input', async () => {
    expect(await weft(['join', LINK])).toMatchObject({ code: 0 });
    expect(await weft(['join', '-'], { input: `  ${LINK}\n` })).toMatchObject({ code: 0 });
    expect(called()).toEqual([
      ['network.join', { link: LINK }],
      ['network.join', { link: LINK }],
    ]);
    expect(await weft(['join', 'weft://join/#$(touch /tmp/x);`id`|&'])).toEqual({
      code: 2,
      out: '',
      err: failed('link-damaged'),
    });
  });

  it.each([
    [['join', '--state=/tmp/elsewhere']],
    [['join', '--adapter=x']],
    [['join', '-x']],
    [['join', '--', '--json']],
    [['join']],
    [['revoke', '--json=1']],
    [['revoke', '-rf']],
  ])('never takes a link for an option: %j', async (args) => {
    expect(await weft(args)).toEqual({ code: 2, out: '', err: failed('link-not-weft') });
    expect(engine.calls).toEqual([]);
  });

  it('refuses links that are too long, also on standard input', async () => {
    expect(await weft(['join', `weft://join/#${'A'.repeat(5000)}`])).toMatchObject({
      code: 2,
      err: failed('link-too-long'),
    });
    expect(await weft(['join', '-'], { input: 'A'.repeat(3_000_000) })).toMatchObject({
      code: 2,
      err: failed('link-too-long'),
    });
    expect(await weft(['join', '-'], { input: '--state=/x' })).toMatchObject({ code: 2, err: failed('link-not-weft') });
    expect(engine.calls).toEqual([]);
  });

  it('tells usage, refused, unreachable and internal apart by its exit code', async () => {
    expect(await weft(['role', 'ben', 'admin'])).toEqual({
      code: 3,
      out: '',
      err: failed('not-allowed', { role: 'member' }),
    });
    expect(await weft(['remove', 'nobody'])).toMatchObject({
      code: 2,
      err: failed('no-such-member', { what: 'nobody' }),
    });
    expect(await weft(['down'])).toMatchObject({ code: 1, err: failed('internal', { why: 'a bug' }) });
    const absent = join(state, 'absent');
    expect(await weft(['status'], { dir: absent })).toEqual({ code: 4, out: '', err: failed('engine-unreachable') });
    expect(await weft(['status', '--json'], { dir: absent })).toMatchObject({ code: 4 });
    for (const args of [
      ['nonsense'],
      ['create'],
      ['create', 'a', 'b'],
      ['join', '--unknown', LINK],
      ['status', '--frobnicate'],
      ['remove'],
      [''],
    ])
      expect((await weft(args)).code, args.join(' ')).toBe(2);
    for (const args of [['--help'], ['join', '--help']]) expect(await weft(args)).toMatchObject({ code: 0, err: '' });
    expect((await weft(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('with --json gives failures as data too', async () => {
    const { code, out, err } = await weft(['remove', 'nobody', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'no-such-member',
        data: { what: 'nobody' },
        text: sentence({ code: 'no-such-member', data: { what: 'nobody' } }),
      },
    });
    expect(err).toBe(failed('no-such-member', { what: 'nobody' }));
  });

  it('shows status, members and groups, as text and as data', async () => {
    engine.handlers['network.create']({ name: 'home' }, {} as never);
    const status = JSON.parse((await weft(['status', '--json'])).out) as { networks: unknown[] };
    expect(status.networks).toEqual([network('home')]);
    const text = (await weft(['status'])).out;
    expect(text).toContain('home  connected  10.87.3.8/16  fd00:77::8/64  weft0\n');
    expect(text).toContain('The local network 10.87.0.0/16 overlaps');
    expect(text).toMatch(
      /^ {2}ben +10\.87\.3\.9 fd00:77::9 +member +online +direct udp +1\.5 ms +1\.0 kB \/ 2\.0 kB$/m,
    );
    expect((await weft(['members', 'home'])).out).toMatch(/^home\n {2}MEMBER .*\n {2}anna \(this device\) /);
    expect(await weft(['members', 'nope'])).toMatchObject({
      code: 2,
      err: failed('no-such-network', { what: 'nope' }),
    });
    expect((await weft(['groups'])).out).toMatch(/ {2}239\.1\.2\.3 +anna, ben +include 10\.87\.3\.9$/m);
    const groups = JSON.parse((await weft(['groups', '--json'])).out) as unknown;
    expect(groups).toEqual({ networks: [{ id: 'home', name: 'home', groups: network('home').groups }] });
    expect((await weft(['doctor'])).out).toBe(
      `! The helper is not running.\n    → ${ERRORS['helper-missing'].remedy}\n`,
    );
  });

  it('lists channels, and says which are signed', async () => {
    const open = { ...channel, name: 'walkie', publishers: null, signed: false, joined: false };
    const { signed: _, ...unsaid } = { ...open, name: 'old' };
    const channels = [channel, open, unsaid];
    engine.handlers.status = () => ok(stateOf([network('home', { channels })]));
    expect((await weft(['channel', 'list'])).out).toBe(
      [
        'home',
        '  CHANNEL  GROUP AND PORT     PUBLISHERS  SUBSCRIBERS  REPAIR  SIGNED  HERE',
        '  stage    239.193.4.5 20000  anna        all          nack    yes     joined',
        '  walkie   239.193.4.5 20000  all         all          nack',
        '  old      239.193.4.5 20000  all         all          nack',
        '',
      ].join('\n'),
    );
    const { out } = await weft(['channel', 'list', '--json']);
    expect(JSON.parse(out)).toEqual({ networks: [{ id: 'home', name: 'home', channels }] });
  });

  it('says what to do when there is no network', async () => {
    expect((await weft(['status'])).out).toContain('weft create NAME');
    expect(await weft(['members'])).toEqual({ code: 0, out: '', err: '' });
  });

  it('renames, removes, changes settings', async () => {
    for (const args of [
      ['rename', 'laptop'],
      ['rename', 'laptop', '--member', 'ben', '--network', 'home'],
      ['rename', 'house', '--whole-network', '--network', 'home'],
      ['leave', 'home'],
      ['up'],
      ['settings', 'theme=dark', 'startMinimised=yes', 'listen=0.0.0.0:1,[::]:1'],
    ])
      expect((await weft(args)).err, args.join(' ')).toBe('');
    expect(called()).toEqual([
      ['member.rename', { name: 'laptop' }],
      ['member.rename', { network: 'home', member: 'ben', name: 'laptop' }],
      ['network.rename', { network: 'home', name: 'house' }],
      ['network.leave', { network: 'home' }],
      ['network.up', {}],
      ['settings.set', { theme: 'dark', startMinimised: true, listen: ['0.0.0.0:1', '[::]:1'] }],
    ]);
    expect((await weft(['remove', 'ben'])).out).toContain('cleo');
    expect(JSON.parse((await weft(['settings', '--json'])).out)).toMatchObject({ theme: 'dark', startMinimised: true });
    for (const pair of ['nope=1', 'theme', '__proto__=1', 'theme=pink', 'startMinimised=perhaps'])
      expect((await weft(['settings', pair])).code, pair).toBe(2);
  });

  it('hands the daemon its options, and its exit code back', async () => {
    const run = await weft([
      'daemon',
      '--adapter',
      'weft7',
      '--listen',
      '0.0.0.0:1',
      '--listen',
      '[::]:2',
      '--ui',
      '127.0.0.1:80',
    ]);
    expect(run.code).toBe(3);
    expect(JSON.parse(run.out)).toEqual({
      stateDir: state,
      adapter: 'weft7',
      listen: ['0.0.0.0:1', '[::]:2'],
      ui: { host: '127.0.0.1', port: 80 },
    });
    for (const wrong of [
      ['--listen', 'x'],
      ['--ui', '80'],
      ['--adapter', '../x'],
      ['--adapter', 'weft-name-that-is-too-long'],
      ['--adapter', 'tun0'],
    ])
      expect((await weft(['daemon', ...wrong])).code, wrong.join(' ')).toBe(2);
  });

  it('finds the engine by WEFT_STATE as well', async () => {
    const run = await new Promise<string>((resolve) =>
      execFile(process.execPath, [program, 'create', 'x'], { env: { ...process.env, WEFT_STATE: state } }, (_, out) =>
        resolve(out),
      ),
    );
    expect(run).toBe('Created x.\n');
  });

  it('starts fast', async () => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      expect((await weft(['status'])).code).toBe(0);
      times.push(performance.now() - start);
    }
    expect(Math.min(...times)).toBeLessThan(START_MS_MAX);
  });
});

describe('text', () => {
  it('lets no name steer the terminal', async () => {
    engine.topics.state.value = () =>
      ({ ...(engine.handlers.status({}, {} as never) as { value: object }).value }) as never;
    const evil = '\u001b]0;owned\u0007\u202eevil\r\n\u009b2J';
    expect(clean(evil)).toMatch(/^[^\p{Cc}\u202e]*$/u);
    expect(
      table(
        ['A', 'B'],
        [
          [evil, 'x'],
          ['y', 'z'],
        ],
      ).split('\n'),
    ).toHaveLength(4);
    engine.handlers['network.create']({ name: evil }, {} as never);
    const { out } = await weft(['status']);
    // eslint-disable-next-line no-control-regex
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect((await weft(['remove', evil])).err).toContain('evil');
  });

  it('aligns tables', () => {
    expect(
      table(
        ['NAME', 'X'],
        [
          ['ä🧶', '1'],
          ['longer', ''],
        ],
        '  ',
      ),
    ).toBe('  NAME    X\n  ä🧶      1\n  longer\n');
    expect(table(['A'], [])).toBe('');
    expect([bytes(0), bytes(999), bytes(1500), bytes(2e9), bytes(5e15)]).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '2.0 GB',
      '5000.0 TB',
    ]);
    expect(member('x').rttMs).toBe(1.5);
  });

  it('reads durations and addresses', () => {
    expect(['90s', '30m', '24h', '7d', '2w', ' 1h '].map(parseDuration)).toEqual([
      90, 1800, 86_400, 604_800, 1_209_600, 3600,
    ]);
    for (const text of ['', '5', 'h', '-1h', '1.5h', '1y', '9999999999s', '1h1'])
      expect(parseDuration(text), text).toBeNull();
    expect(parseAddress('0.0.0.0:51820')).toEqual({ host: '0.0.0.0', port: 51820 });
    expect(parseAddress('[fe80::1%eth0]:1')).toEqual({ host: 'fe80::1%eth0', port: 1 });
    for (const text of ['', ':1', 'x', '::1:80', '[::1]', 'a:65536', 'a:-1', 'a b:1', '[::1:80'])
      expect(parseAddress(text), text).toBeNull();
  });

  it('reads the daemon’s options', () => {
    expect(daemonOptions('/s', { listen: [] })).toEqual({
      stateDir: '/s',
      listen: [],
      ui: { host: '127.0.0.1', port: 0 },
    });
    expect(daemonOptions('/s', { listen: [], adapter: 'none', ui: 'none' })).toEqual({
      stateDir: '/s',
      listen: [],
      adapter: null,
      ui: null,
    });
  });
});
