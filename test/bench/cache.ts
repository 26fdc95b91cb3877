// Where peers are built or unpacked once: a folder of the clone. Nothing is installed into the system.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, run, type Finished } from '../netns/support/shell.ts';

export const cache = join(projectRoot, '.build/peers');
const debian = join(cache, 'debian');
const archives = join(cache, 'archives');
const BUILD_MS_MAX = 60 * 60_000;
const DOWNLOAD_MS_MAX = 5 * 60_000;

/** Libraries of the unpacked packages, found before the system's. */
export const libraries = {
  LD_LIBRARY_PATH: [join(debian, 'usr/lib/x86_64-linux-gnu'), join(debian, 'lib/x86_64-linux-gnu')].join(':'),
};
export const fromDebian = (path: string) => join(debian, path);
export const built = (name: string) => join(cache, 'bin', name);

let building = true;
const NOT_BUILT = 'it was not built yet, and --ready builds nothing';
/** From now on what is not there already is absent. */
export const buildNothing = (): void => void (building = false);
/** null, or why nothing may be built now. */
export const mayBuild = (): string | null => (building ? null : NOT_BUILT);

const versionFile = (name: string) => join(cache, `${name}-version`);
export const versionOf = (name: string) =>
  existsSync(versionFile(name)) ? readFileSync(versionFile(name), 'utf8').trim() : '?';

function lastLine({ stderr, stdout }: Finished): string {
  return (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
}

/** Runs at low priority: other work on the machine comes first. */
const patiently = (command: string, args: string[], env: NodeJS.ProcessEnv, timeoutMs: number) =>
  run('nice', ['-n', '15', command, ...args], { env, timeoutMs });

/** Versions of a module that are tried before it is given up: new ones may want a newer compiler. */
const VERSIONS_TRIED_MAX = 8;

/** The newest version of a Go module, then older ones. Modules without versions have only a newest. */
async function goVersions(module: string): Promise<string[]> {
  const { stdout } = await run('go', ['list', '-m', '-versions', module], { timeoutMs: DOWNLOAD_MS_MAX });
  const released = stdout.trim().split(' ').slice(1).reverse();
  return (released.length ? released : ['latest']).slice(0, VERSIONS_TRIED_MAX);
}

/** Builds programs of a Go module, of the newest version that the compiler here can build; null or why not. */
export async function goInstall(
  name: string,
  module: string,
  packages: string[],
  rename: Record<string, string> = {},
): Promise<string | null> {
  if (existsSync(built(name)) && existsSync(versionFile(name))) return null;
  if (!building) return NOT_BUILT;
  mkdirSync(join(cache, 'bin'), { recursive: true });
  let why = '';
  for (const version of await goVersions(module)) {
    const env = { GOBIN: join(cache, 'bin'), GOFLAGS: '-modcacherw -p=1' };
    const made = await patiently('go', ['install', ...packages.map((path) => `${path}@${version}`)], env, BUILD_MS_MAX);
    if (made.code !== 0) {
      why ||= lastLine(made);
      continue;
    }
    for (const [from, to] of Object.entries(rename)) cpSync(built(from), built(to));
    const { stdout } = await run('go', ['version', '-m', built(name)]);
    writeFileSync(versionFile(name), /\tmod\t\S+\t(\S+)/.exec(stdout)?.[1] ?? version);
    return null;
  }
  return `could not be built: ${why}`;
}

/** Builds a program of a crate; null or why not. */
export async function cargoInstall(
  crate: string,
  version: string,
  bin: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string | null> {
  if (existsSync(join(cache, 'cargo/bin', bin))) return null;
  if (!building) return NOT_BUILT;
  const args = [
    'install',
    crate,
    '--version',
    version,
    '--locked',
    '--bin',
    bin,
    '--root',
    join(cache, 'cargo'),
    '-j1',
  ];
  const made = await patiently('cargo', args, { CARGO_TARGET_DIR: join(cache, 'target'), ...env }, BUILD_MS_MAX);
  return made.code === 0 ? null : `could not be built: ${lastLine(made)}`;
}

/** Fetches a Debian package and what it needs, and unpacks all into the cache folder; null or why not. */
export async function debianUnpack(name: string, program: string): Promise<string | null> {
  if (existsSync(fromDebian(program))) return null;
  if (!building) return NOT_BUILT;
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const args = [
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    '--download-only',
    '-o',
    `Dir::Cache::archives=${archives}`,
  ];
  const fetched = await run('apt-get', [...args, name], { timeoutMs: DOWNLOAD_MS_MAX });
  if (fetched.code !== 0) return `its package could not be fetched: ${lastLine(fetched)}`;
  for (const file of readdirSync(archives).filter((file) => file.endsWith('.deb'))) {
    const unpacked = await run('dpkg-deb', ['-x', join(archives, file), debian]);
    if (unpacked.code !== 0) return `${file} could not be unpacked: ${lastLine(unpacked)}`;
  }

  return existsSync(fromDebian(program)) ? null : `${program} is not in its package`;
}

export async function debianVersion(name: string): Promise<string> {
  const file = existsSync(archives) && readdirSync(archives).find((file) => file.startsWith(`${name}_`));
  if (!file) return '?';
  return (await run('dpkg-deb', ['-f', join(archives, file), 'Version'])).stdout.trim();
}
