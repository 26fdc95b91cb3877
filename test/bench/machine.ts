// What a reader must know of the machine, out of what the kernel and lscpu say.
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { run } from '../netns/support/shell.ts';

/** What ciphers and copies are fast with. */
const TELLING = ['aes', 'pclmulqdq', 'vaes', 'vpclmulqdq', 'avx2', 'avx512f', 'sha_ni', 'asimd', 'pmull'];

const field = (text: string, name: string): string =>
  new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm').exec(text)?.[1]?.trim() ?? '';

/** `cpuinfo` is the text of /proc/cpuinfo, `lscpu` what that prints in English; empty where it is missing. */
export function cpuText(cpuinfo: string, lscpu: string): string {
  const flags = (field(cpuinfo, 'flags') || field(cpuinfo, 'Features')).split(/\s+/);
  const has = TELLING.filter((name) => flags.includes(name));
  const lacks = ['aes', 'vaes', 'avx2', 'avx512f'].filter((name) => !flags.includes(name));
  const below = field(lscpu, 'Hypervisor vendor') || (flags.includes('hypervisor') ? 'a hypervisor' : '');
  return [
    `with ${has.join(', ') || 'none of the features looked for'}`,
    ...(lacks.length && field(cpuinfo, 'flags') ? [`without ${lacks.join(', ')}`] : []),
    below ? `a guest of ${below}` : 'no hypervisor seen',
  ].join('; ');
}

/** This machine in one line. */
export async function machineText(): Promise<string> {
  const { stdout } = await run('lscpu', [], { env: { LC_ALL: 'C' } });
  const features = cpuText(existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '', stdout);
  return `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'} (${features}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`;
}
