// How members that lost each other meet: the rendezvous secret, members found from outside, and what is said of it.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NetworkFiles } from '../../app/engine/files.ts';
import { Found } from '../../app/engine/found.ts';
import { PREVIOUS_MAX, RendezvousSecret, type RendezvousSecretIo } from '../../app/engine/rendezvous-secret.ts';
import { originOf } from '../../app/mesh/identity/identity.ts';
import { decodeMessage } from '../../app/wire/messages/message.ts';
import { FEATURE_MAPPED } from '../../app/wire/messages/presence.ts';
import { fromBase32, hex } from '../../app/wire/text.ts';
import type { SimHost } from './support/host.ts';
import { home } from './support/lab.ts';
import { MemoryStore } from './support/store.ts';

const NAMES = ['anna', 'bert', 'cleo', 'dora', 'emil'];
const networkOf = (host: SimHost) => host.engine.networks.get(host.net);
const secretOf = (host: SimHost): string => hex(networkOf(host)?.secret.current ?? new Uint8Array());
const agreed = (hosts: readonly SimHost[]): boolean =>
  secretOf(hosts[0] as SimHost).length === 64 && new Set(hosts.map(secretOf)).size === 1;
const idOf = (host: SimHost, name: string): Uint8Array => fromBase32(host.member(name)?.id ?? '') as Uint8Array;

/** Every secret that these hosts say to a member, as it is said. */
function overhear(hosts: readonly SimHost[], name: string): Set<string> {
  const said = new Set<string>();
  for (const host of hosts) {
    const origin = hex(originOf(idOf(host, name)));
    const send = host.dataplane.sendControl.bind(host.dataplane);
    host.dataplane.sendControl = (net, peer, bytes) => {
      const message = decodeMessage(bytes);
      const isSecret = typeof message === 'object' && message.type === 'secret';
      if (isSecret && host.engine.networks.get(net)?.peers.get(peer)?.origin === origin) said.add(hex(message.secret));
      return send(net, peer, bytes);
    };
  }
  return said;
}

describe('the rendezvous secret', () => {
  it('is made by the creator, told to who joins, and survives restarts', () => {
    const { world, hosts } = home(700, NAMES);
    world.run(1_000);
    expect(agreed(hosts)).toBe(true);
    const before = secretOf(hosts[0] as SimHost);
    for (const host of hosts) host.restart();
    expect(hosts.map(secretOf)).toEqual(NAMES.map(() => before));
  });

  it('is another one after a removal, at once, and the removed member never hears it', () => {
    for (let seed = 710; seed < 720; seed++) {
      const { world, hosts } = home(seed, NAMES);
      world.run(1_000);
      const [anna, bert] = hosts as [SimHost, SimHost];
      const rest = hosts.filter((host) => host !== bert);
      const before = secretOf(anna);
      const told = overhear(rest, 'bert');
      anna.do('member.remove', { member: 'bert' });
      world.until('a new one everywhere', () => agreed(rest) && secretOf(anna) !== before, 3_000);
      world.run(30_000);
      expect(agreed(rest)).toBe(true);
      expect([...told].filter((secret) => secret !== before)).toEqual([]);
      expect(secretOf(bert)).toBe(before);
      expect(networkOf(anna)?.secret.previous(anna.now().wall).map(hex)).toEqual([before]);
    }
  });

  it('is made by a deputy when nobody else does: somebody left', () => {
    const { world, hosts } = home(730, NAMES);
    world.run(1_000);
    const [anna, bert] = hosts as [SimHost, SimHost];
    const rest = hosts.filter((host) => host !== bert);
    const before = secretOf(anna);
    bert.do('network.leave', {});
    world.run(5_000);
    expect(secretOf(anna)).toBe(before);
    world.until('a new one everywhere', () => agreed(rest) && secretOf(anna) !== before, 60_000);
    const made = secretOf(anna);
    world.run(60_000);
    expect(hosts.filter((host) => host !== bert).map(secretOf)).toEqual(rest.map(() => made));
  });

  it('is made in a network that has none, as older ones have', () => {
    const { world, hosts } = home(731, NAMES);
    const id = hosts[0]?.network().id ?? '';
    for (const host of hosts) host.kill();
    for (const host of hosts) host.store.remove(`networks/${id}/rendezvous`);
    for (const host of hosts) host.start();
    expect(hosts.map(secretOf)).toEqual(NAMES.map(() => ''));
    world.until('one everywhere', () => agreed(hosts), 120_000);
  });

  it('is one again after both sides of a partition removed somebody', () => {
    const { world, hosts } = home(732, [...NAMES, 'fred']);
    world.run(1_000);
    const [anna, bert] = hosts as [SimHost, SimHost];
    anna.do('member.setRole', { member: 'bert', role: 'owner' });
    world.run(2_000);
    for (const [index, host] of hosts.entries()) host.group = index % 2;
    world.run(100_000);
    anna.do('member.remove', { member: 'emil' });
    bert.do('member.remove', { member: 'fred' });
    world.run(5_000);
    expect(secretOf(anna)).not.toBe(secretOf(bert));
    for (const host of hosts) host.group = 0;
    const rest = hosts.slice(0, 4);
    world.until('one view', () => rest.every((host) => host.network().members.length === 4), 120_000);
    world.run(90_000);
    expect(agreed(rest)).toBe(true);
    const epoch = (host: SimHost) => networkOf(host)?.files.readSecret()?.epoch;
    expect(rest.map(epoch)).toEqual([2, 2, 2, 2]);
  });
});

describe('epochs', () => {
  const secretWith = (removals: { count: number }) => {
    const files = new NetworkFiles(new MemoryStore(), 'n');
    const told: Uint8Array[] = [];
    const io: RendezvousSecretIo = {
      files,
      random: { bytes: (length) => new Uint8Array(length).fill(0x55) },
      removals: () => removals.count,
      tell: (bytes) => void told.push(bytes),
      isDeputy: () => true,
      note: (outcome) => expect(outcome.ok).toBe(true),
    };
    return { secret: new RendezvousSecret(io), files, told };
  };
  const message = (epoch: number, byte: number) => ({
    type: 'secret' as const,
    epoch,
    secret: new Uint8Array(32).fill(byte),
  });
  const at = (mono: number) => ({ mono, wall: 1_700_000_000_000 + mono });

  it('higher ones count, then larger bytes; one from beyond the known removals waits for them', () => {
    const removals = { count: 1 };
    const { secret, told } = secretWith(removals);
    secret.hear(at(0), 'a', message(1, 5));
    secret.hear(at(0), 'b', message(1, 4));
    secret.hear(at(0), 'b', message(0, 9));
    expect(secret.current?.[0]).toBe(5);
    secret.hear(at(0), 'c', message(0xffff_ffff, 9));
    secret.changed(at(0), false);
    expect(secret.current?.[0]).toBe(5);
    secret.hear(at(0), 'b', message(1, 6));
    expect(secret.current?.[0]).toBe(6);
    expect(told).toHaveLength(2);
    removals.count = 2;
    secret.changed(at(0), true);
    expect(secret.current?.[0]).toBe(0x55);
    for (let n = 0; n < 9; n++) secret.hear(at(0), 'c', message(0xffff_ff00 + n, 9));
    secret.hear(at(0), 'd', message(3, 7));
    removals.count = 3;
    secret.changed(at(0), false);
    expect(secret.current?.[0]).toBe(7);
  });

  it('keeps a few of before, each for 30 days', () => {
    const removals = { count: 0 };
    const { secret } = secretWith(removals);
    for (let epoch = 0; epoch < 5; epoch++) {
      removals.count = epoch;
      secret.hear(at(epoch), 'a', message(epoch, epoch + 1));
    }
    expect(secret.previous(at(5).wall).map((one) => one[0])).toEqual([4, 3]);
    expect(PREVIOUS_MAX).toBe(2);
    expect(secret.previous(at(31 * 86_400_000).wall)).toEqual([]);
  });

  it('is kept as it always was', () => {
    const golden = readFileSync(new URL('../golden/store/rendezvous.v1.json', import.meta.url), 'utf8').trim();
    const store = new MemoryStore();
    const files = new NetworkFiles(store, 'n');
    const previous = [{ secret: new Uint8Array(32).fill(1), untilMs: 1_700_000_000_000 }];
    const kept = { epoch: 3, secret: new Uint8Array(32).fill(0xcc), previous };
    expect(files.writeSecret(kept).ok).toBe(true);
    const bytes = store.read('networks/n/rendezvous');
    expect(bytes.ok && new TextDecoder().decode(bytes.value ?? new Uint8Array()).trim()).toBe(golden);
    expect(files.readSecret()).toEqual(kept);
  });
});

describe('a member that was found', () => {
  /** Two members that know nothing but stale addresses of each other. */
  function strayed(seed: number): { anna: SimHost; bert: SimHost; world: ReturnType<typeof home>['world'] } {
    const { world, hosts } = home(seed, ['anna', 'bert']);
    world.run(40_000);
    const [anna, bert] = hosts as [SimHost, SimHost];
    for (const host of hosts) host.kill();
    anna.endpoints = ['10.50.0.1:4000'];
    bert.endpoints = ['10.50.0.2:4000'];
    for (const host of hosts) host.start();
    world.run(30_000);
    expect(anna.sees('bert')).toBe(false);
    return { anna, bert, world };
  }

  it('is called at once, and status says by what', () => {
    for (const by of ['lan', 'dht'] as const) {
      const { anna, bert, world } = strayed(by === 'lan' ? 740 : 741);
      anna.input({ kind: 'found', net: anna.net, member: idOf(anna, 'bert'), endpoints: bert.endpoints, by });
      world.until('seen', () => anna.sees('bert') && bert.sees('anna'), 3_000);
      expect(anna.member('bert')?.foundBy).toBe(by);
      expect(bert.member('anna')?.foundBy).not.toBe(by);
    }
  });

  it('is nobody who is no member, and what was known hastens nothing', () => {
    const { anna, world } = strayed(742);
    const sent = () => anna.dataplane.sent.hellos;
    const found = (member: Uint8Array, endpoints: string[]) =>
      anna.input({ kind: 'found', net: anna.net, member, endpoints, by: 'lan' });
    const before = sent();
    found(new Uint8Array(32).fill(9), ['10.50.0.9:4000']);
    const contact = [...(networkOf(anna)?.paths.contacts.all() ?? [])][0];
    const known = networkOf(anna)?.paths.contacts.endpointsOf(contact?.origin ?? '') ?? [];
    const next = contact?.nextTryMono;
    found(idOf(anna, 'bert'), known);
    expect(sent()).toBe(before);
    expect(contact?.nextTryMono).toBe(next);
    found(idOf(anna, 'bert'), ['10.50.0.77:4000']);
    expect(contact?.nextTryMono).toBeLessThanOrEqual(world.mono);
  });
});

describe('what others see of this device', () => {
  const local = ['192.168.1.10:4000', '[fd00::10]:4000'];
  const seen = (...places: string[]): Found => {
    const found = new Found();
    for (const [index, place] of places.entries()) found.observe(`m${index}`, place);
    return found;
  };

  it('says what stands before it', () => {
    expect(seen().nat(local, [])).toBe('unknown');
    expect(seen('192.168.1.10:4000').nat(local, [])).toBe('unknown');
    expect(seen('198.51.100.1:4000').nat(['198.51.100.1:4000'], [])).toBe('open');
    expect(seen('198.51.100.1:4000').nat(local, [])).toBe('nat');
    expect(seen('198.51.100.1:4000', '198.51.100.1:4000').nat(local, [])).toBe('cone');
    expect(seen('198.51.100.1:4000', '198.51.100.1:4001').nat(local, [])).toBe('symmetric');
    const mapped = ['198.51.100.1:4000'];
    expect(seen('198.51.100.1:4000').nat([...local, ...mapped], mapped)).toBe('mapped');
    expect(seen('198.51.100.1:4001').nat([...local, '10.0.0.1:4000'], ['10.0.0.1:4000'])).toBe('nat');
  });

  it('takes the address from STUN servers, with the own port, where the NAT shows all the same', () => {
    const found = seen();
    const answers = (...ports: number[]) =>
      ports.map((port, index) => ({ server: `s${index}`, observed: `198.51.100.7:${port}` }));
    expect(found.stun(local, answers(50_000, 50_000))).toEqual([
      ['198.51.100.7:4000', 's0'],
      ['198.51.100.7:4000', 's1'],
    ]);
    expect(found.nat(local, [])).toBe('cone');
    expect(found.stun(local, answers(50_000, 50_001))).toEqual([]);
    expect(found.nat(local, [])).toBe('symmetric');
    expect(found.stun(['198.51.100.7:4000'], answers(50_000))).toEqual([['198.51.100.7:4000', 's0']]);
    expect(found.nat(['198.51.100.7:4000'], [])).toBe('open');
  });
});

describe('status and doctor', () => {
  it('name the NAT, the mapping, LAN and DHT, and that a router forwards a port to a member', () => {
    const { world, hosts } = home(750, ['anna', 'bert', 'cleo']);
    const [anna, bert] = hosts as [SimHost, SimHost];
    expect(anna.engine.state().finding).toBeUndefined();
    const place = '198.51.100.7:4000';
    const tell = (endpoints: string[]): void =>
      anna.input({
        ...{ kind: 'host', listening: [], helper: 'unneeded', problems: [] },
        finding: {
          mapping: endpoints.length > 0 ? { state: 'mapped', by: 'pcp', endpoints } : { state: 'none', endpoints },
          lan: { on: true, found: 2 },
          dht: { on: true, found: 0, last: 'unreachable' },
        },
      });
    tell([]);
    const codes = (): string[] => anna.do('doctor.run', {}).items.map(({ code }) => code);
    expect(codes()).toEqual(['members', 'direct', 'direct', 'nat-unknown', 'mapping-none', 'lan', 'dht']);
    tell([place]);
    anna.endpoints = [...anna.endpoints, place];
    anna.input({ kind: 'underlay', endpoints: anna.endpoints });
    expect(codes()).toContain('nat-mapped');
    expect(anna.engine.state().finding).toMatchObject({ nat: 'mapped', mapping: { by: 'pcp' }, lan: { found: 2 } });
    world.run(5_000);
    const contact = networkOf(anna)?.paths.contacts.get(networkOf(bert)?.roll.selfOrigin ?? '');
    if (contact) contact.transport = 'relay';
    const relayed = anna.do('doctor.run', {}).items.find(({ code }) => code === 'relayed');
    expect(relayed?.text).toMatch(
      /^“bert” is reached through .*: nothing came back from where it could be called.* Last tries: udp \(\S+\) gets there\.$/,
    );
    const features = networkOf(bert)?.paths.presence(networkOf(anna)?.roll.selfOrigin ?? '')?.features ?? 0;
    expect(features & FEATURE_MAPPED).toBe(FEATURE_MAPPED);
    tell([]);
    world.run(5_000);
    expect(networkOf(bert)?.paths.presence(networkOf(anna)?.roll.selfOrigin ?? '')?.features).toBe(
      features & ~FEATURE_MAPPED,
    );
  });
});
