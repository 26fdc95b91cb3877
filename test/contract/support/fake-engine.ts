// An engine of a few lines behind the real RPC: enough to tell every kind of answer apart.
import { fail, ok } from '../../../app/contract/errors.ts';
import type { Network } from '../../../app/contract/state.ts';
import type { Handlers } from '../../../main/rpc/server.ts';
import { Topic } from '../../../main/rpc/topic.ts';
import { invite, network, state, traffic } from './samples.ts';

export const LINK = 'weft://join/#c2VjcmV0LXNlY3JldC1zZWNyZXQ';

export interface FakeCall {
  name: string;
  params: unknown;
}

/** `joinWaits`: network.join answers only when its client gives up. */
export function fakeEngine(options: { joinWaits?: boolean } = {}) {
  let networks: Network[] = [];
  let settings = state([]).settings;
  let watchers = 0;
  const calls: FakeCall[] = [];
  const aborted: string[] = [];
  const read = () => ({ ...state(networks), settings });
  const count = (watched: boolean) => (watchers += watched ? 1 : -1);
  const topics = { state: new Topic(read, count), traffic: new Topic(() => traffic, count) };
  const done = () => ok({});
  const handlers: Handlers = {
    status: () => ok(read()),
    'network.create': ({ name }) => {
      networks = [...networks, network(name)];
      topics.state.changed();
      return ok({ id: name });
    },
    'network.preview': () => fail('link-damaged'),
    'network.join': ({ link }, { signal }) => {
      if (options.joinWaits)
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            aborted.push('network.join');
            resolve(fail('cancelled'));
          }),
        );
      return link === LINK ? ok({ id: 'home' }) : fail('link-damaged');
    },
    'network.leave': done,
    'network.up': done,
    'network.down': () => {
      throw new Error('a bug');
    },
    'network.rename': done,
    'network.recovery': () => fail('no-root-key'),
    'invite.create': ({ expiresSeconds }) => ok({ id: 'i1', link: LINK, expiresMs: expiresSeconds * 1000 }),
    'invite.list': () => ok({ invites: [invite] }),
    'invite.revoke': () => fail('no-such-invite'),
    'member.remove': ({ member }) =>
      member === 'ben' ? ok({ review: ['cleo'] }) : fail('no-such-member', { what: member }),
    'member.rename': done,
    'member.setRole': () => fail('not-allowed', { role: 'member' }),
    'channel.create': () => ok({ id: '00', address: '239.193.4.5', port: 20_000 }),
    'channel.change': done,
    'channel.close': done,
    'channel.join': done,
    'channel.leave': () => fail('no-such-channel', { what: 'stage' }),
    'settings.set': (changes) => {
      settings = { ...settings, ...changes };
      topics.state.changed();
      return ok(settings);
    },
    'doctor.run': () =>
      ok({
        items: [{ id: 'helper', level: 'warning', code: 'helper-missing', text: 'The helper is not running.' }],
        figures: { wakes: 3 },
      }),
    'helper.install': () => fail('helper-refused', { why: 'test' }),
    'engine.stop': () => fail('nobody-reached'),
  };
  for (const name of Object.keys(handlers) as (keyof Handlers)[]) {
    const handler = handlers[name] as (...given: unknown[]) => never;
    (handlers as Record<string, unknown>)[name] = (params: unknown, context: unknown) => {
      calls.push({ name, params });
      return handler(params, context);
    };
  }
  return { handlers, topics, calls, aborted, watchers: () => watchers };
}
