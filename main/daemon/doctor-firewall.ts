// Whether a firewall of this machine filters what comes in. Only looks: rules are the administrator's.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { DoctorItem } from '../../app/contract/state.ts';
import { split } from './listening.ts';

const LOOK_TIMEOUT_MS = 2_000;
const RULES_BYTES_MAX = 8 * 1024 * 1024;
const UFW_FILE = '/etc/ufw/ufw.conf';

/** Standard output; `missing`: there is no such program; null: it fails (no right to look, mostly) or takes too long. */
export type Run = (program: string, args: string[]) => Promise<string | { missing: true } | null>;

const runHere: Run = (program, args) =>
  new Promise((answer) => {
    const options = { timeout: LOOK_TIMEOUT_MS, maxBuffer: RULES_BYTES_MAX };
    execFile(program, args, options, (error, stdout) =>
      answer(error ? (error.code === 'ENOENT' ? { missing: true } : null) : stdout),
    );
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

interface Found {
  active: string[];
  /** The program that was not let see the rules; null: all that is there was seen. */
  hidden: string | null;
}

async function found(run: Run): Promise<Found> {
  const [nft, firewalld] = await Promise.all([run('nft', ['-j', 'list', 'ruleset']), run('firewall-cmd', ['--state'])]);
  const chains = typeof nft === 'string' ? blockingChains(nft) : [];
  const active: string[] = [];
  if (typeof firewalld === 'string' && firewalld.trim() === 'running') active.push('firewalld');
  if (existsSync(UFW_FILE) && /^\s*ENABLED=yes/im.test(readFileSync(UFW_FILE, 'utf8'))) active.push('ufw');
  if (chains.length > 0) active.push(`nftables (${chains.slice(0, 4).join('; ')})`);
  if (typeof nft === 'string') return { active, hidden: null };
  const iptables = await run('iptables', ['-S', 'INPUT']);
  if (typeof iptables === 'string') {
    if (/^-P INPUT DROP|-j (DROP|REJECT)/m.test(iptables)) active.push('iptables');
    return { active, hidden: nft === null ? 'nft' : null };
  }
  return { active, hidden: nft === null ? 'nft' : iptables === null ? 'iptables' : null };
}

const COMMANDS: Record<string, string> = { nft: 'sudo nft list ruleset', iptables: 'sudo iptables -S INPUT' };

function hiddenItem(program: string, ports: string): DoctorItem {
  return {
    id: 'host-firewall-unknown',
    level: 'note',
    code: 'host-firewall-unknown',
    text: `Whether a firewall of this machine filters what comes in is not known: its rules (${program}) are shown to the administrator only.`,
    remedy: `Look with “${COMMANDS[program]}” whether UDP and TCP port ${ports} may come in.`,
  };
}

/** `bound`: addresses that the engine listens on. Without the right to read the rules only ufw and firewalld are seen, and it says so. */
export async function firewallItems(bound: readonly string[], run: Run = runHere): Promise<DoctorItem[]> {
  if (process.platform !== 'linux') return [];
  const { active, hidden } = await found(run);
  const ports = [...new Set(bound.map((address) => split(address).port))].join(', ');
  if (active.length === 0) return hidden ? [hiddenItem(hidden, ports)] : [];
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
