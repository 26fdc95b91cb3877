// The top level holds what docs/decisions/008-top-level.md says; packages install what their files name; the docs count right.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const TOP_LEVEL = [
  ...['package.json', 'electron-builder.yml', 'tsconfig.json', 'app', 'main', 'renderer', 'native', 'test', 'assets'],
  ...['README.md', 'LICENSE', 'docs', 'examples', 'package-lock.json'],
  ...['scripts', 'tsconfig.base.json', 'eslint.config.js', 'vitest.config.ts', 'ARCHITECTURE.md', 'SECURITY.md'],
];

describe('the top level', () => {
  it('holds nothing that is not accounted for', () => {
    let tracked: string;
    try {
      tracked = execFileSync('git', ['ls-tree', '--name-only', 'HEAD'], { cwd: root, encoding: 'utf8' });
    } catch {
      console.log('skipped: the top level: this is no clone of git');
      return;
    }
    const found = tracked.trim().split('\n');
    expect(found.filter((name) => !name.startsWith('.') && !TOP_LEVEL.includes(name))).toEqual([]);
    expect(TOP_LEVEL.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
});

describe('packages', () => {
  const installed = new Map(
    [...read('electron-builder.yml').matchAll(/^ {4}- (\S+)=(\/\S+)$/gm)].map(([, from, to]) => [to, from] as const),
  );

  it('put the helper where its unit, its policy and the engine look for it', () => {
    const helper = '/usr/lib/weft/weft-helper';
    expect(installed.get(helper)).toBe('native/target/release/weft-helper');
    expect(read('assets/linux/weft-helper.service')).toContain(
      `ExecStart=${helper} serve --socket /run/weft/helper.sock`,
    );
    expect(read('assets/linux/org.weft.helper.policy')).toContain(`exec.path">${helper}<`);
    expect(read('main/host/helper/start.ts')).toContain(`'${helper}'`);
    expect(read('main/host/helper/start.ts')).toContain("'/run/weft/helper.sock'");
    expect(read('assets/linux/weft-helper.socket')).toContain('ListenStream=/run/weft/helper.sock');
  });

  it('hold all that they are said to install', () => {
    for (const to of [
      '/usr/lib/systemd/system/weft-helper.service',
      '/usr/lib/systemd/system/weft-helper.socket',
      '/usr/lib/systemd/system/sockets.target.wants/weft-helper.socket',
      '/usr/lib/sysusers.d/weft.conf',
      '/usr/share/polkit-1/actions/org.weft.helper.policy',
    ])
      expect(existsSync(join(root, installed.get(to) ?? 'missing')), to).toBe(true);
  });

  it('let the helper do what its verbs need', () => {
    const unit = read('assets/linux/weft-helper.service');
    for (const capability of ['CAP_NET_ADMIN', 'CAP_NET_BIND_SERVICE', 'CAP_NET_RAW'])
      expect(unit).toMatch(new RegExp(`^CapabilityBoundingSet=.*${capability}`, 'm'));
    for (const family of ['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_PACKET'])
      expect(unit).toMatch(new RegExp(`^RestrictAddressFamilies=.*${family}`, 'm'));
  });
});

it('ARCHITECTURE.md names every crate, in its picture or below', () => {
  const crates: string[] = /^members = \[(.+)\]$/m.exec(read('native/Cargo.toml'))?.[1]?.match(/[\w-]+/g) ?? [];
  expect(crates).toContain('addon');
  const text = read('ARCHITECTURE.md');
  const picture: string[] = /^ +native\/ (.+)$/m.exec(text)?.[1]?.match(/[\w-]+/g) ?? [];
  expect(crates.filter((name) => !picture.includes(name) && !text.includes(`\`native/${name}\``))).toEqual([]);
});

it('ARCHITECTURE.md counts the helper’s verbs right', () => {
  const verbs = read('native/helper/src/request.rs').match(/#\[serde\(rename = "[\w.]+"\)\]/g) ?? [];
  expect(verbs).toHaveLength(12);
  expect(read('ARCHITECTURE.md')).toContain('It takes twelve verbs');
});
