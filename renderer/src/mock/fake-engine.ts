// An engine in the page: the real protocol's server side over an invented state. For tests and pictures, never shipped.
import { fail, ok, type Outcome } from '../../../app/contract/errors.ts';
import { memoryPair, ServerMachine, type Carrier, type Json } from '../../../app/contract/protocol/index.ts';
import type { Network, State, Traffic } from '../../../app/contract/state.ts';
import type { CallName, CallParams, CallResult, TopicName } from '../../../app/contract/table.ts';
import { fresh, home } from './samples.ts';

export const MOCK_LINK = `weft://join/#${'A7k9QzXv3mWc'.repeat(24)}`;

type Handlers = { [N in CallName]?: (params: CallParams<N>) => Outcome<CallResult<N>> };

export class FakeEngine {
  state: State;
  traffic: Traffic = { atMs: 0, networks: [] };
  /** What was asked, newest last. */
  readonly calls: { name: string; params: unknown }[] = [];
  /** Answers to give instead of the usual ones. */
  readonly failures = new Map<string, { code: string; data?: Record<string, string> }>();
  readonly #connections = new Set<{ machine: ServerMachine; carrier: Carrier; watches: Map<number, TopicName> }>();
  #seconds = 0;

  constructor(state: State) {
    this.state = state;
  }

  /** A new connection's client end. */
  connect(): Carrier {
    const [client, carrier] = memoryPair();
    const machine = new ServerMachine({ authorize: () => 'use', engine: this.state.version });
    const connection = { machine, carrier, watches: new Map<number, TopicName>() };
    this.#connections.add(connection);
    const drain = (): void => {
      for (let output = machine.next(); output; output = machine.next()) {
        if (output.kind === 'send') carrier.send(output.text);
        else if (output.kind === 'watch') {
          connection.watches.set(output.id, output.topic);
          machine.publish(output.id, this.#value(output.topic));
        } else if (output.kind === 'unwatch') connection.watches.delete(output.id);
        else if (output.kind === 'call') machine.answer(output.id, this.#call(output.name, output.params));
        else if (output.kind === 'close') carrier.close();
      }
    };
    carrier.onMessage((text) => {
      machine.receive(text, performance.now());
      drain();
      this.publish();
    });
    carrier.onClose(() => this.#connections.delete(connection));
    return client;
  }

  /** Ends all connections, as when the engine stops. */
  drop(): void {
    for (const { carrier } of this.#connections) carrier.close();
    this.#connections.clear();
  }

  change(change: (state: State) => State): void {
    this.state = change(this.state);
    this.publish();
  }

  /** One second passes: made-up rates, the same in every run. */
  tick(): void {
    const at = this.#seconds++;
    const wave = (period: number, scale: number): number =>
      Math.max(0, Math.round(scale * (1.2 + Math.sin(at / period) + 0.6 * Math.sin(at / (period / 3.1)))));
    this.traffic = {
      atMs: at * 1_000,
      networks: this.state.networks.map(({ id, on, members }) => ({
        id,
        rxBytesPerSecond: on && members.length > 1 ? wave(9, 1_900_000) : 0,
        txBytesPerSecond: on && members.length > 1 ? wave(6, 460_000) : 0,
        members: members.map((member, index) => ({
          id: member.id,
          rxBytesPerSecond: member.online && index % 3 === 1 ? wave(9, 1_700_000) : 0,
          txBytesPerSecond: member.online && index % 3 === 1 ? wave(6, 400_000) : 0,
        })),
      })),
    };
    this.publish();
  }

  publish(): void {
    for (const { machine, carrier, watches } of this.#connections) {
      for (const [id, topic] of watches) machine.publish(id, this.#value(topic));
      for (let output = machine.next(); output; output = machine.next())
        if (output.kind === 'send') carrier.send(output.text);
    }
  }

  #value(topic: TopicName): Json {
    return (topic === 'state' ? this.state : this.traffic) as unknown as Json;
  }

  #call(name: CallName, params: unknown): Outcome<unknown> {
    this.calls.push({ name, params });
    const failure = this.failures.get(name);
    if (failure) return { ok: false, error: failure as never };
    const handler = this.#handlers[name] as ((params: unknown) => Outcome<unknown>) | undefined;
    return handler ? handler(params) : ok({});
  }

  #network(id: string | undefined, change: (network: Network) => Network | null): Outcome<Record<string, never>> {
    const networks = this.state.networks.flatMap((network) =>
      id === undefined || network.id === id ? (change(network) ?? []) : network,
    );
    this.state = { ...this.state, networks };
    return ok({});
  }

  #take(network: string | undefined, channel: string, joined: boolean): Outcome<Record<string, never>> {
    return this.#network(network, (given) => ({
      ...given,
      channels: (given.channels ?? []).map((one) => (one.id === channel ? { ...one, joined } : one)),
    }));
  }

  readonly #handlers: Handlers = {
    status: () => ok(this.state),
    'network.create': ({ name }) => {
      const id = `made-${this.state.networks.length}`;
      this.state = { ...this.state, networks: [...this.state.networks, fresh(id, name)] };
      return ok({ id });
    },
    'network.preview': ({ link }) =>
      link === MOCK_LINK
        ? ok({
            networkId: 'studio',
            networkName: 'studio',
            fingerprint: 'lamp river seven oak',
            inviter: 'cleo',
            role: 'member',
            expiresMs: Date.now() + 20 * 3_600_000,
            waysIn: 3,
            alreadyMember: false,
          })
        : fail(link.startsWith('weft://join/') ? 'link-damaged' : 'link-not-weft'),
    'network.join': () => {
      const joined = home({ id: 'studio', name: 'studio', selfRole: 'member', invites: [] });
      this.state = { ...this.state, networks: [...this.state.networks, joined] };
      return ok({ id: 'studio' });
    },
    'network.leave': ({ network }) => this.#network(network, () => null),
    'network.up': ({ network }) => this.#network(network, (given) => ({ ...given, on: true, state: 'connected' })),
    'network.down': ({ network }) => this.#network(network, (given) => ({ ...given, on: false, state: 'off' })),
    'network.rename': ({ network, name }) => this.#network(network, (given) => ({ ...given, name })),
    'network.recovery': () => ok({ recovery: 'weft-root-1 cedar maple 4f2a 9c31 77d0 e5b8' }),
    'invite.create': ({ expiresSeconds }) =>
      ok({ id: 'i9', link: MOCK_LINK, expiresMs: Date.now() + expiresSeconds * 1_000 }),
    'invite.revoke': ({ network, invite }) =>
      this.#network(network, (given) => ({
        ...given,
        invites: given.invites.map((item) => (item.id === invite ? { ...item, state: 'revoked' } : item)),
      })),
    'member.remove': ({ network, member }) => {
      this.#network(network, (given) => ({ ...given, members: given.members.filter(({ id }) => id !== member) }));
      return ok({ review: [] });
    },
    'member.rename': ({ network, member, name }) =>
      this.#network(network, (given) => ({
        ...given,
        members: given.members.map((item) => (item.id === member ? { ...item, name } : item)),
      })),
    'channel.create': ({ network, name, repair, publishers }) => {
      const id = `made-c${this.calls.length}`;
      const place = { address: '239.193.9.9', port: 20_500 };
      const own = { joined: false, mayPublish: true, maySubscribe: true, mayChange: true };
      const made = { id, name, ...place, repair, publishers, signed: publishers !== null, subscribers: null, ...own };
      this.#network(network, (given) => ({ ...given, channels: [...(given.channels ?? []), made] }));
      return ok({ id, ...place });
    },
    'channel.close': ({ network, channel }) =>
      this.#network(network, (given) => ({
        ...given,
        channels: (given.channels ?? []).filter(({ id }) => id !== channel),
      })),
    'channel.join': ({ network, channel }) => this.#take(network, channel, true),
    'channel.leave': ({ network, channel }) => this.#take(network, channel, false),
    'settings.set': (changes) => {
      this.state = { ...this.state, settings: { ...this.state.settings, ...changes } };
      return ok(this.state.settings);
    },
    'doctor.run': () =>
      ok({
        items: [
          { id: 'udp', level: 'ok', code: 'udp', text: 'UDP sockets are open on 0.0.0.0:41641 and [::]:41641.' },
          { id: 'adapter', level: 'ok', code: 'adapter', text: 'The adapter weft0 is up with MTU 1380.' },
          {
            id: 'dns',
            level: 'warning',
            code: 'dns-unavailable',
            text: 'Names of members could not be registered on this machine.',
            remedy: 'Use addresses, or install systemd-resolved, or openresolv with dnsmasq or unbound.',
          },
          { id: 'clock', level: 'note', code: 'clock', text: 'The clock agrees with the members within 0.2 s.' },
        ],
        figures: { wakes: 1_204, 'drop.source': 0, sealed: 981_233, opened: 977_104 },
      }),
    'helper.install': () => {
      this.state = { ...this.state, helper: 'ready', problems: [] };
      return this.#network(undefined, (given) => ({ ...given, adapter: 'weft0', state: 'connected', problems: [] }));
    },
  };
}
