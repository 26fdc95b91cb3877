// Whether a firewall of this machine filters what comes in. Only looks: rules are the administrator's.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { DoctorItem } from '../../app/contract/state.ts';
import { split } from './listening.ts';

const LOOK_TIMEOUT_MS = 2_000;
const RULES_BYTES_MAX = 8 * 1024 * 1024;
const UFW_FILE = '/etc/ufw/ufw.conf';

/** Standard output; null when the program is missing, fails or takes too long. */
type Run = (program: string, args: string[]) => Promise<string | null>;

const runHere: Run = (program, args) =>
  new Promise((answer) => {
    const options = { timeout: LOOK_TIMEOUT_MS, maxBuffer: RULES_BYTES_MAX };
    execFile(program, args, options, (error, stdout) => answer(error ? null : stdout));
  });

interface NftObject {
  chain?: { family: string; table: string; name: string; type?: string; hook?: string; policy?: string };
  rule?: { family: string; table: string; chain: string; expr?: Record<string, unknown>[] };
}

/** Input chains that drop what no rule lets in, or have rules that do: "inet filter input". Of `nft -j list ruleset`. */
export function blockingChains(json: string): string[] {
  let objects: NftObject[];
  try {
    objects = (JSON.parse(json) as { nftables?: NftObject[] }).nftables ?? [];
  } catch {
    return [];
  }
  const inputs = new Set<string>();
  const blocking = new Set<string>();
  for (const { chain, rule } of objects) {
    if (chain?.type === 'filter' && chain.hook === 'input') {
      const name = `${chain.family} ${chain.table} ${chain.name}`;
      inputs.add(name);
      if (chain.policy === 'drop') blocking.add(name);
    }
    const verdict = rule?.expr?.some((one) => 'drop' in one || 'reject' in one);
    if (rule && verdict) blocking.add(`${rule.family} ${rule.table} ${rule.chain}`);
  }
  return [...inputs].filter((name) => blocking.has(name));
}

async function found(run: Run): Promise<string[]> {
  const [nft, firewalld] = await Promise.all([run('nft', ['-j', 'list', 'ruleset']), run('firewall-cmd', ['--state'])]);
  const chains = nft === null ? [] : blockingChains(nft);
  const active: string[] = [];
  if (firewalld?.trim() === 'running') active.push('firewalld');
  if (existsSync(UFW_FILE) && /^\s*ENABLED=yes/im.test(readFileSync(UFW_FILE, 'utf8'))) active.push('ufw');
  if (chains.length > 0) active.push(`nftables (${chains.slice(0, 4).join('; ')})`);
  if (nft !== null) return active;
  const iptables = await run('iptables', ['-S', 'INPUT']);
  if (iptables !== null && /^-P INPUT DROP|-j (DROP|REJECT)/m.test(iptables)) active.push('iptables');
  return active;
}

/** `bound`: addresses that the engine listens on. Without the right to read the rules only ufw and firewalld are seen. */
export async function firewallItems(bound: readonly string[], run: Run = runHere): Promise<DoctorItem[]> {
  if (process.platform !== 'linux') return [];
  const active = await found(run);
  if (active.length === 0) return [];
  const ports = [...new Set(bound.map((address) => split(address).port))].join(', ');
  return [
    {
      id: 'host-firewall',
      level: 'note',
      code: 'host-firewall',
      text: `A firewall of this machine filters what comes in: ${active.join(', ')}. Members may be unable to call this device.`,
      remedy: `Allow UDP and TCP port ${ports} in, if others are to reach this device directly.`,
    },
  ];
}
