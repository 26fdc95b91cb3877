// Must be shown 7: a clear error each, and nothing lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join as pathJoin } from 'node:path';
import type { Host } from './support/host.ts';
import { Lab } from './support/lab.ts';
import { ERRORS, type ErrorCode } from '../../app/contract/errors.ts';
import { decodeLink } from '../../app/wire/link.ts';
import { nodeCrypto } from '../../main/host/crypto.ts';
import { lanOf } from './support/lan.ts';
import { run, until, whyNot } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

/** Sentences, not traces. */
function clear(text: string): void {
  expect(text).not.toMatch(/^\s+at /m);
  expect(text).not.toMatch(/undefined|\[object|Error:/);
  expect(text.trim().length).toBeGreaterThan(10);
}

/** Characters of an encoded secret that give it away. */
const WINDOW_CHARS = 16;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join('');
}

/** Pieces of a secret as logs might hold it, wherever in another text it begins. */
function piecesOf(secret: Uint8Array): string[] {
  const from = (start: number) => secret.subarray(start);
  const texts = [
    Buffer.from(secret).toString('hex'),
    ...[0, 1, 2].map((start) => Buffer.from(from(start)).toString('base64url')),
    ...[0, 1, 2].map((start) => Buffer.from(from(start)).toString('base64')),
    ...[0, 1, 2, 3, 4].map((start) => base32(from(start))),
  ];
  return texts.flatMap((text) =>
    Array.from({ length: text.length - WINDOW_CHARS + 1 }, (_, at) => text.slice(at, at + WINDOW_CHARS).toLowerCase()),
  );
}

describe.skipIf(reason)('bad links', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  let link: string;
  /** All that failing commands printed. */
  let printed = '';
  beforeAll(async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben'] });
    [anna, ben] = [lab.host('anna'), lab.host('ben')];
    await Promise.all([anna, ben].map((host) => host.startDaemon({ env: { WEFT_LOG: 'debug' } })));
    await anna.mustWeft('create', 'home');
    link = await anna.mustWeft('invite', '--uses', '5');
  });
  afterAll(() => lab?.close());

  const secrets: Uint8Array[] = [];
  const seedOf = (text: string): Uint8Array => {
    const opened = decodeLink(nodeCrypto, text);
    if (typeof opened === 'string') throw new Error(opened);
    return opened.seed;
  };

  const cases: [string, () => string, number][] = [
    ['truncated', () => link.slice(0, -20), 2],
    ['one letter changed', () => `${link.slice(0, 120)}${link[120] === 'A' ? 'B' : 'A'}${link.slice(121)}`, 2],
    ['foreign', () => 'https://example.org/invite/123', 2],
    ['empty fragment', () => 'weft://join/#', 2],
    ['oversized', () => `${link}${'A'.repeat(1_000_00)}`, 2],
    ['with shell characters', () => 'weft://join/#$(touch /tmp/weft-pwned);`id`|&', 2],
    ['like a flag', () => '--state=/tmp/elsewhere', 2],
    ['like a short flag', () => '-x', 2],
  ];
  for (const [name, make, code] of cases)
    it(`refuses a link that is ${name}`, async () => {
      const argument = make();
      const result =
        argument.length > 50_000
          ? await ben.exec(weftJoin(ben, '-'), { input: argument })
          : await ben.weft('join', argument);
      printed += result.stdout + result.stderr;
      expect(result.code, result.stderr).toBe(code);
      clear(result.stderr);
      expect(existsSync('/tmp/weft-pwned')).toBe(false);
      expect((await ben.status()).networks).toHaveLength(0);
    });

  it('refuses a revoked invite', async () => {
    const revoked = await anna.mustWeft('invite');
    await anna.mustWeft('revoke', revoked);
    const afterRevoke = await ben.weft('join', revoked);
    printed += afterRevoke.stdout + afterRevoke.stderr;
    secrets.push(seedOf(revoked));
    expect(afterRevoke.code).toBe(3);
    expect(afterRevoke.stderr).toMatch(/revoked/);
  });

  // An invite lives for a minute at least; the rule itself is in test/membership.
  it.skipIf(!process.env.WEFT_LAB)('refuses an expired invite (npm run lab)', { timeout: 100_000 }, async () => {
    const short = await anna.mustWeft('invite', '--expires', '60s');
    await new Promise((settle) => setTimeout(settle, 61_000));
    const result = await ben.weft('join', short);
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/expired/);
  });

  it('accepts the whole link by stdin, and its secret is in no log', async () => {
    const joined = await ben.exec(weftJoin(ben, '-'), { input: `  ${link}\n` });
    expect(joined.code, joined.stderr).toBe(0);
    printed += joined.stdout + joined.stderr;
    const [log, other] = [anna, ben].map((host) => `${host.daemon?.stdout}${host.daemon?.stderr}`) as [string, string];
    expect(log).toContain('"event"');
    expect(other).toContain('"event"');
    const all = `${log}${other}${printed}`.toLowerCase();
    for (const secret of [...secrets, seedOf(link)])
      expect(piecesOf(secret).filter((piece) => all.includes(piece))).toEqual([]);
  });

  const weftJoin = (host: Host, argument: string) => [
    process.execPath,
    'dist/cli/weft.cjs',
    'join',
    '--state',
    host.state,
    argument,
  ];
});

describe.skipIf(reason)('bad surroundings', () => {
  let lab: Lab;
  let anna: Host;
  beforeAll(async () => {
    // A short grace time: one of the tests waits for its end.
    lab = await lanOf(['anna', 'ben'], 'home', { WEFT_HELPER_GRACE: '4' });
    anna = lab.host('anna');
  });
  afterAll(() => lab?.close());

  /** `weft status` holds the sentence and its remedy. */
  async function says(host: Host, code: ErrorCode): Promise<void> {
    const { text, remedy } = ERRORS[code];
    const shown = (await host.mustWeft('status')).replace(/\s+/g, ' ');
    for (const part of [...text.split(/\{\w+\}/), remedy]) expect(shown).toContain(part.trim());
  }

  it('says that the adapter name is taken and keeps the rest working', async () => {
    const ben = lab.host('ben');
    await ben.stopDaemon();
    await ben.must(['ip', 'link', 'add', 'weft7', 'type', 'veth', 'peer', 'name', 'other7']);
    await ben.startDaemon({ args: ['--adapter', 'weft7'] });
    const network = await until('the problem shows', 10_000, async () => {
      const found = await ben.network();
      return found.problems.some(({ code }) => code === 'name-taken') && found;
    });
    expect(network.members).toHaveLength(2);
    await says(ben, 'name-taken');
    await ben.stopDaemon();
    await ben.must(['ip', 'link', 'del', 'weft7']);
    await ben.startDaemon();
  });

  it('says that the port is taken', async () => {
    const ben = lab.host('ben');
    const port = /:(\d+)$/.exec((await ben.status()).listening[0] ?? '')?.[1] ?? '';
    const other = pathJoin(lab.folder, 'other');
    mkdirSync(other, { recursive: true });
    const second = await ben.exec(
      [
        process.execPath,
        'dist/cli/weft.cjs',
        'daemon',
        '--state',
        other,
        '--ui',
        'none',
        '--adapter',
        'none',
        '--listen',
        `0.0.0.0:${port}`,
      ],
      { timeoutMs: 10_000 },
    );
    expect(second.code, second.stderr).not.toBe(0);
    expect(second.stderr).toMatch(/port .* in use/);
    clear(second.stderr);
  });

  it('refuses a second engine on the same state folder', async () => {
    const second = await anna.exec(
      [process.execPath, 'dist/cli/weft.cjs', 'daemon', '--state', anna.state, '--ui', 'none'],
      { timeoutMs: 10_000 },
    );
    expect(second.code).not.toBe(0);
    expect(second.stderr).toMatch(/already uses this state folder/);
  });

  it('goes on with IPv6 alone where a local prefix overlaps', async () => {
    const ben = lab.host('ben');
    const { ipv4, ipv6 } = await anna.overlay();
    const [a, b] = ipv4.split('.');
    await ben.stopDaemon();
    // A new adapter must be made: the old one would still hold the prefix.
    await until(
      'the old adapter is gone',
      90_000,
      async () => (await ben.exec(['ip', 'link', 'show', 'weft0'])).code !== 0,
      500,
    );
    await ben.must(['ip', 'link', 'add', 'lan1', 'type', 'veth', 'peer', 'name', 'lan1p']);
    await ben.must(['ip', 'addr', 'add', `${a}.${b}.200.1/16`, 'dev', 'lan1']);
    await ben.must(['ip', 'link', 'set', 'lan1', 'up']);
    await ben.startDaemon();
    await until('the problem shows', 10_000, async () =>
      (await ben.network()).problems.some(({ code }) => code === 'prefix-overlaps'),
    );
    await says(ben, 'prefix-overlaps');
    await until('IPv6 works', 10_000, () => ben.ping(ipv6));
    await ben.stopDaemon();
    await ben.must(['ip', 'link', 'del', 'lan1']);
    await ben.startDaemon();
    await until('IPv4 is back', 15_000, () => ben.ping(ipv4));
  }, 150_000);

  it('keeps a corrupt state file aside and says so', async () => {
    const ben = lab.host('ben');
    await ben.stopDaemon();
    const files = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = pathJoin(folder, entry.name);
        return entry.isDirectory() ? files(path) : entry.isFile() ? [path] : [];
      });
    const victim = files(pathJoin(ben.state, 'networks')).sort(
      (x, y) => statSync(y).size - statSync(x).size,
    )[0] as string;
    const good = readFileSync(victim);
    const bad = Buffer.from(good);
    for (let at = 40; at < bad.length - 40; at += 7) bad[at] = (bad[at] ?? 0) ^ 0x5a;
    writeFileSync(victim, bad);
    await ben.startDaemon();
    const problems = await until('the problem shows', 10_000, async () => {
      const status = await ben.status();
      const all = [...status.problems, ...status.networks.flatMap((network) => network.problems)];
      return all.some(({ code }) => code === 'state-corrupt') && all;
    });
    expect(JSON.stringify(problems)).toContain('corrupt');
    await ben.stopDaemon();
    const aside = files(ben.state).filter((path) => path.includes('.corrupt'));
    expect(aside).toHaveLength(1);
    expect(readFileSync(aside[0] as string).equals(bad)).toBe(true);
    writeFileSync(victim, good);
    await ben.startDaemon();
    expect((await ben.network()).members).toHaveLength(2);
  });

  it('refuses what cannot be saved when the disk is full, and loses nothing', async () => {
    const dan = await lab.addHost('dan');
    const small = pathJoin(lab.folder, 'small');
    mkdirSync(small);
    expect((await run('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', small])).code).toBe(0);
    try {
      dan.state = pathJoin(small, 'state');
      mkdirSync(dan.state, { mode: 0o700 });
      await dan.startDaemon();
      await dan.mustWeft('create', 'first');
      await run('dd', ['if=/dev/zero', `of=${pathJoin(small, 'filler')}`, 'bs=1k', 'count=4096']);
      const refused = await dan.weft('create', 'second');
      expect(refused.code, refused.stderr).toBe(3);
      expect(refused.stderr).toMatch(/could not be saved/);
      clear(refused.stderr);
      await run('rm', [pathJoin(small, 'filler')]);
      await dan.mustWeft('create', 'second');
      await dan.stopDaemon('SIGKILL');
      await dan.startDaemon();
      expect((await dan.status()).networks.map(({ name }) => name).sort()).toEqual(['first', 'second']);
    } finally {
      await dan.close();
      await run('umount', ['-l', small]);
    }
  });

  it('says what is missing without rights, and members stay visible', async () => {
    const eve = await lab.addHost('eve');
    await run('chown', ['-R', '65534:65534', eve.state]);
    const folder = lab.folder;
    await run('chmod', ['755', folder]);
    const daemon = eve.start(
      [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        '--no-new-privs',
        process.execPath,
        'dist/cli/weft.cjs',
        'daemon',
        '--state',
        eve.state,
        '--ui',
        'none',
      ],
      { env: { HOME: '/nonexistent' } },
    );
    await until('daemon answers', 10_000, async () => {
      if (daemon.ended) throw new Error(daemon.tail());
      return (await eve.weft('status', '--json')).code === 0;
    });
    await eve.mustWeft('join', await anna.mustWeft('invite'));
    const status = await until('the problem shows', 10_000, async () => {
      const found = await eve.status();
      const all = [...found.problems, ...found.networks.flatMap((network) => network.problems)];
      return all.some(({ code }) => ['helper-missing', 'no-rights', 'helper-refused'].includes(code)) && found;
    });
    expect(status.networks[0]?.members.length).toBe(3);
    await says(eve, 'helper-missing');
    await daemon.stop();
  });
});
