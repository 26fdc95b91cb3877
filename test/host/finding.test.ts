// What the daemon asks of routers, and what it says of the machine's firewall.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blockingChains, firewallItems, type Run } from '../../main/daemon/doctor-firewall.ts';
import { otherVpns } from '../../main/daemon/doctor.ts';
import { streamsOnly } from '../../main/daemon/listening.ts';
import { defaultSettings } from '../../app/engine/settings.ts';
import { mappedEndpoints, mappingWishes, switchesOf } from '../../main/daemon/finding.ts';
import type { Mapping } from '../../main/discovery/ports.ts';

describe('a device that looks like the web', () => {
  const settings = defaultSettings('desk');

  it('looks for nobody by datagrams, whatever else is set', () => {
    expect(switchesOf(settings, {})).toEqual({ portMapping: true, lan: true, dht: true });
    expect(switchesOf(settings, { portMapping: false })).toMatchObject({ portMapping: false });
    expect(switchesOf({ ...settings, only443: true }, {})).toBeNull();
  });

  it('names no place for datagrams', () => {
    expect(streamsOnly(['192.0.2.1:4000', '[2001:db8::1]:4000/udp', '192.0.2.1:443/tcp'])).toEqual([
      '192.0.2.1:4000/tcp',
      '192.0.2.1:443/tcp',
    ]);
  });
});

describe('port mapping', () => {
  it('asks for the ports that are bound, streams where they are taken, and 443 unless that is bound itself', () => {
    const streams = new Set(['0.0.0.0:4000', '[::]:4000']);
    expect(mappingWishes(['0.0.0.0:4000', '[::]:4000'], streams)).toEqual([
      { protocol: 'udp', local: 4000, external: 4000 },
      { protocol: 'tcp', local: 4000, external: 4000 },
      { protocol: 'tcp', local: 4000, external: 443 },
    ]);
    expect(mappingWishes(['0.0.0.0:4000'], new Set())).toEqual([{ protocol: 'udp', local: 4000, external: 4000 }]);
    expect(mappingWishes(['0.0.0.0:443'], new Set(['0.0.0.0:443']))).toHaveLength(2);
    expect(mappingWishes(['127.0.0.1:4000', '[::]:4000'], streams)).toEqual([]);
  });

  it('tells one endpoint where datagrams and streams are mapped alike', () => {
    const map = (endpoint: string): Mapping => ({
      ...{ endpoint, protocol: 'udp', local: 4000, external: 4000, by: 'pcp', lifetimeS: 60 },
    });
    const mappings = ['44.128.0.1:4000/udp', '44.128.0.1:4000/tcp', '44.128.0.1:443/tcp'].map(map);
    expect(mappedEndpoints({ state: 'mapped', mappings })).toEqual(['44.128.0.1:4000', '44.128.0.1:443/tcp']);
    expect(mappedEndpoints({ state: 'mapped', mappings: [map('44.128.0.1:4000/udp')] })).toEqual([
      '44.128.0.1:4000/udp',
    ]);
  });
});

describe('the host’s firewall', () => {
  const place = { family: 'inet', table: 'filter' };
  const chain = (name: string, policy: string, hook = 'input') => ({
    chain: { ...place, name, type: 'filter', hook, policy },
  });
  const rule = (name: string, ...expr: object[]) => ({ rule: { ...place, chain: name, expr } });
  const json = (...objects: object[]) => JSON.stringify({ nftables: [{ metainfo: {} }, ...objects] });

  it('is what drops or rejects on its way in', () => {
    expect(blockingChains(json(chain('a', 'accept'), chain('f', 'drop', 'forward')))).toEqual([]);
    expect(blockingChains(json(chain('a', 'drop')))).toEqual(['inet filter a']);
    expect(blockingChains(json(chain('a', 'accept'), rule('a', { match: {} }, { reject: null })))).toEqual([
      'inet filter a',
    ]);
    expect(blockingChains(json(chain('a', 'accept'), rule('a', { accept: null }), rule('b', { drop: null })))).toEqual(
      [],
    );
    expect(blockingChains('not json')).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'is told with the ports to open, and nothing is told where there is none',
    async () => {
      const answers: Record<string, string | null> = { nft: json(chain('a', 'drop')), 'firewall-cmd': 'running\n' };
      const run = (program: string) => Promise.resolve(answers[program] ?? null);
      const items = await firewallItems(['0.0.0.0:4000', '[::]:4000'], run);
      expect(items[0]?.text).toContain('firewalld, nftables (inet filter a)');
      expect(items[0]?.remedy).toContain('port 4000 in');
      expect(
        await firewallItems(['0.0.0.0:4000'], (program) => Promise.resolve(program === 'nft' ? json() : null)),
      ).toEqual([]);
    },
  );

  it.skipIf(process.platform !== 'linux' || existsSync('/etc/ufw/ufw.conf'))(
    'is not said to be absent by who may not look',
    async () => {
      const without = { missing: true } as const;
      const codes = async (nft: Awaited<ReturnType<Run>>, iptables: Awaited<ReturnType<Run>> = without) =>
        (
          await firewallItems(['0.0.0.0:4000'], (program) =>
            Promise.resolve(program === 'nft' ? nft : program === 'iptables' ? iptables : without),
          )
        ).map(({ code, remedy }) => `${code}: ${remedy}`);
      const unknown = (command: string) => [
        `host-firewall-unknown: Look with “sudo ${command}” whether UDP and TCP port 4000 may come in.`,
      ];
      expect(await codes(null)).toEqual(unknown('nft list ruleset'));
      expect(await codes(without, null)).toEqual(unknown('iptables -S INPUT'));
      expect(await codes(without)).toEqual([]);
      expect(await codes(json())).toEqual([]);
      expect((await codes(null, '-P INPUT DROP'))[0]).toMatch(/^host-firewall: /);
    },
  );

  it('other VPNs are told by their adapters', () => {
    const names = ['lo', 'eth0', 'weft0', 'wlp3s0', 'tailscale0', 'wg0', 'tun3', 'ztabcdef', 'docker0', 'enp1s0'];
    expect(otherVpns(names)).toEqual(['tailscale0', 'wg0', 'tun3', 'ztabcdef']);
  });
});
