// The contract in one table: every call and topic, its shapes, who may use it and whether repeating it is harmless.
import { z } from 'zod';
import { DoctorItem, Invite, Role, Settings, State, Traffic } from './state.ts';
import {
  CHANNEL_MEMBERS_MAX,
  INVITE_SECONDS_DEFAULT,
  INVITE_SECONDS_MAX,
  INVITE_SECONDS_MIN,
  INVITE_USES_MAX,
  LINK_CHARS_MAX,
  NAME_CHARS_MAX,
} from './limits.ts';

/** Who is at the other end of a carrier: `view` may only look, `use` may do everything. */
export type Access = 'view' | 'use';

interface CallSpec<P extends z.ZodType, R extends z.ZodType> {
  /** One line for the documentation and the CLI's help. */
  about: string;
  params: P;
  result: R;
  access: Access;
  /** Repeating it after a lost answer does no harm. */
  idempotent: boolean;
  since: number;
}
const call = <P extends z.ZodType, R extends z.ZodType>(spec: CallSpec<P, R>): CallSpec<P, R> => spec;

const name = z.string().trim().min(1).max(NAME_CHARS_MAX);
/** Network id, or its name where that is unambiguous; absent when there is just one. */
const network = z.string().min(1).max(80).optional();
/** Member id or name. */
const member = z.string().min(1).max(80);
/** Channel id or name. */
const channel = z.string().min(1).max(80);
const repair = z.enum(['off', 'nack', 'fec']);
const members = z.array(member).max(CHANNEL_MEMBERS_MAX);
const none = z.object({});
const link = z.string().min(1).max(LINK_CHARS_MAX);

export const LinkPreview = z.object({
  networkId: z.string(),
  networkName: z.string(),
  /** Four words or hex groups to compare by voice. */
  fingerprint: z.string(),
  inviter: z.string(),
  role: Role,
  expiresMs: z.number(),
  /** How many members the link names as ways in. */
  waysIn: z.number(),
  alreadyMember: z.boolean(),
});
export type LinkPreview = z.infer<typeof LinkPreview>;

export const CALLS = {
  status: call({ about: 'The whole state.', params: none, result: State, access: 'view', idempotent: true, since: 1 }),
  'network.create': call({
    about: 'Make a network; this device becomes its owner.',
    params: z.object({ name, memberName: name.optional() }),
    result: z.object({ id: z.string() }),
    access: 'use',
    idempotent: false,
    since: 1,
  }),
  'network.preview': call({
    about: 'What a link says, without joining.',
    params: z.object({ link }),
    result: LinkPreview,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'network.join': call({
    about: 'Join by a link; answers when a sponsor has accepted, or with the reason why not.',
    params: z.object({ link, memberName: name.optional() }),
    result: z.object({ id: z.string() }),
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'network.leave': call({
    about: 'Leave and forget a network.',
    params: z.object({ network }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'network.up': call({
    about: 'Switch a network on (all without an argument).',
    params: z.object({ network }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'network.down': call({
    about: 'Switch a network off; the adapter keeps its group memberships.',
    params: z.object({ network }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'network.rename': call({
    about: 'Rename a network (owners).',
    params: z.object({ network, name }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'network.recovery': call({
    about: 'The root key as a recovery text; only on the device that made the network.',
    params: z.object({ network }),
    result: z.object({ recovery: z.string() }),
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'invite.create': call({
    about: 'Make an invite link.',
    params: z.object({
      network,
      role: Role.exclude(['owner']).default('member'),
      uses: z.int().min(1).max(INVITE_USES_MAX).default(1),
      expiresSeconds: z.int().min(INVITE_SECONDS_MIN).max(INVITE_SECONDS_MAX).default(INVITE_SECONDS_DEFAULT),
    }),
    result: z.object({ id: z.string(), link: z.string(), expiresMs: z.number() }),
    access: 'use',
    idempotent: false,
    since: 1,
  }),
  'invite.list': call({
    about: 'Invites that the own role may see.',
    params: z.object({ network }),
    result: z.object({ invites: z.array(Invite) }),
    access: 'view',
    idempotent: true,
    since: 1,
  }),
  'invite.revoke': call({
    about: 'Make an invite useless; by its id or by the link itself.',
    params: z.object({ network, invite: z.string().min(1).max(LINK_CHARS_MAX) }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'member.remove': call({
    about: 'Remove a member for good.',
    params: z.object({ network, member }),
    result: z.object({ review: z.array(z.string()) }),
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'member.rename': call({
    about: 'Rename a member (oneself, or others as admin).',
    params: z.object({ network, member: member.optional(), name }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'member.setRole': call({
    about: 'Change a role (owners).',
    params: z.object({ network, member, role: Role }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'channel.create': call({
    about: 'Make a named channel; address and port are chosen when absent.',
    params: z.object({
      network,
      name,
      address: z.string().max(60).optional(),
      port: z.number().int().min(1).max(65_535).optional(),
      repair: repair.default('off'),
      publishers: members.nullable().default(null),
      subscribers: members.nullable().default(null),
    }),
    result: z.object({ id: z.string(), address: z.string(), port: z.number() }),
    access: 'use',
    idempotent: false,
    since: 1,
  }),
  'channel.change': call({
    about: 'Change what a channel is called, how it is repaired, who may send and receive; absent keys stay.',
    params: z.object({
      network,
      channel,
      name: name.optional(),
      repair: repair.optional(),
      publishers: members.nullable().optional(),
      subscribers: members.nullable().optional(),
    }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'channel.close': call({
    about: 'End a channel for everybody.',
    params: z.object({ network, channel }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'channel.join': call({
    about: 'Receive a channel on this device from now on, also after restarts.',
    params: z.object({ network, channel }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'channel.leave': call({
    about: 'Stop receiving a channel, unless an application of this device has joined its group.',
    params: z.object({ network, channel }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'settings.set': call({
    about: 'Change settings; absent keys stay.',
    params: Settings.partial(),
    result: Settings,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'doctor.run': call({
    about: 'Look at everything that can go wrong and say what to do.',
    params: none,
    /** `figures`: counters of the data plane and the program since its start, by name. */
    result: z.object({ items: z.array(DoctorItem), figures: z.record(z.string(), z.number()) }),
    access: 'view',
    idempotent: true,
    since: 1,
  }),
  'helper.install': call({
    about: 'Start the elevated helper (asks for the password where the system does).',
    params: none,
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
  'engine.stop': call({
    about: 'End the engine; `disconnect` removes the adapters, otherwise they keep their grace time.',
    params: z.object({ disconnect: z.boolean().default(true) }),
    result: none,
    access: 'use',
    idempotent: true,
    since: 1,
  }),
} as const;

export type CallName = keyof typeof CALLS;
/** What a caller passes (defaults may be left out). */
export type CallInput<N extends CallName> = z.input<(typeof CALLS)[N]['params']>;
/** What the engine receives (defaults filled in). */
export type CallParams<N extends CallName> = z.output<(typeof CALLS)[N]['params']>;
export type CallResult<N extends CallName> = z.output<(typeof CALLS)[N]['result']>;

/** Topics that can be watched: a snapshot first, then patches with consecutive revisions. */
export const TOPICS = {
  state: { about: 'The whole state.', snapshot: State, access: 'view', since: 1 },
  traffic: { about: 'Rates, once a second.', snapshot: Traffic, access: 'view', since: 1 },
} as const;
export type TopicName = keyof typeof TOPICS;
export type TopicValue<T extends TopicName> = z.output<(typeof TOPICS)[T]['snapshot']>;
