// Hosts that are reached without a proxy, as NO_PROXY and desktops write them.
import { BlockList, isIP } from 'node:net';

/**
 * Whether a rule names the host: "*", "host", ".domain" or "*.domain" or "domain" (with all below), "10.0.0.0/8", any with ":port".
 * `host` without brackets.
 */
export function isBypassed(rules: readonly string[], host: string, port: number): boolean {
  return rules.some((rule) => matches(rule.trim().toLowerCase(), host.toLowerCase(), port));
}

function matches(rule: string, host: string, port: number): boolean {
  if (rule === '') return false;
  if (rule === '*') return true;
  const kind = isIP(host);
  if (kind !== 0 && rule.includes('/')) return inNetwork(rule, host, kind);
  const withPort = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(rule);
  if (withPort && Number(withPort[2]) !== port) return false;
  const name = (withPort?.[1] ?? rule).replace(/^\[(.*)\]$/, '$1').replace(/^\*?\./, '');
  return host === name || (kind === 0 && host.endsWith(`.${name}`));
}

function inNetwork(rule: string, host: string, kind: number): boolean {
  const [network = '', bits = ''] = rule.split('/');
  const family = kind === 6 ? 'ipv6' : 'ipv4';
  if (isIP(network) !== kind || !/^\d{1,3}$/.test(bits)) return false;
  try {
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family);
    return list.check(host, family);
  } catch {
    return false;
  }
}

/** The list of an environment variable. */
export const bypassRules = (text: string): string[] => text.split(/[\s,]+/).filter((rule) => rule !== '');
