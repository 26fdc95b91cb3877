// Every error a user can meet: code → how bad, and what to do about it. Texts shown by the UI are keyed by the code.
export type Severity = 'note' | 'warning' | 'error';
/** CLI exit code class: usage 2, refused 3, unreachable 4, anything else 1. */
export type Kind = 'usage' | 'refused' | 'unreachable' | 'internal';

/** What programs exit with when a failure of that kind ends them. */
export const EXIT_CODES = { internal: 1, usage: 2, refused: 3, unreachable: 4 } as const satisfies Record<Kind, number>;

interface ErrorSpec {
  severity: Severity;
  kind: Kind;
  /** English text; `{x}` are filled from the error's data. */
  text: string;
  remedy: string;
}
const e = (kind: Kind, severity: Severity, text: string, remedy: string): ErrorSpec => ({
  severity,
  kind,
  text,
  remedy,
});

export const ERRORS = {
  'bad-argument': e('usage', 'error', 'This value is not valid: {what}.', 'Correct it and try again.'),
  'too-large': e('usage', 'error', 'This is larger than allowed: {what}.', 'Shorten it and try again.'),
  'unknown-call': e('usage', 'error', 'The engine does not know this call.', 'Update Weft on this device.'),
  'no-such-network': e('usage', 'error', 'There is no network “{what}” here.', 'See `weft status` for the names.'),
  'which-network': e('usage', 'error', 'You are in several networks.', 'Name the one you mean.'),
  'no-such-member': e(
    'usage',
    'error',
    'There is no member “{what}” in this network.',
    'See the members list for the names.',
  ),
  'ambiguous-member': e('usage', 'error', 'Several members match “{what}”.', 'Use the member id.'),
  'group-taken': e(
    'refused',
    'error',
    'The channel “{name}” has the group {what}.',
    'Choose another address, or none: then Weft finds a free one.',
  ),
  'member-limited': e(
    'refused',
    'warning',
    '“{name}” sends more broadcast or multicast than its share: what is beyond is dropped.',
    'Stop the program that sends so much on that device, or remove the member.',
  ),
  'no-such-channel': e('usage', 'error', 'There is no channel “{what}” in this network.', 'See `weft channel list`.'),
  'no-such-invite': e('usage', 'error', 'This invite is not known here.', 'See the invites list.'),
  'too-many-networks': e('refused', 'error', 'This device is already in {max} networks.', 'Leave one first.'),
  'network-full': e(
    'refused',
    'error',
    'The network has no room for more members.',
    'Remove members who left for good.',
  ),

  'link-not-weft': e(
    'usage',
    'error',
    'This is not a Weft invite link.',
    'Paste the whole link; it starts with weft://join/.',
  ),
  'link-damaged': e(
    'usage',
    'error',
    'The link is damaged or cut off.',
    'Copy the whole link again, or ask for a new one.',
  ),
  'link-version': e('usage', 'error', 'The link was made by a newer Weft.', 'Update Weft on this device.'),
  'link-too-long': e('usage', 'error', 'The link is too long to be a Weft link.', 'Ask for a new one.'),
  'invite-expired': e(
    'refused',
    'error',
    'The invite has expired.',
    'Ask for a new link; also check that the clock of this device is right.',
  ),
  'invite-used': e('refused', 'error', 'The invite has been used up.', 'Ask for a new link.'),
  'invite-revoked': e('refused', 'error', 'The invite was revoked.', 'Ask for a new link.'),
  'invite-void': e(
    'refused',
    'error',
    'The invite is no longer valid because its maker was removed.',
    'Ask another member for a new link.',
  ),
  'invite-lost': e(
    'refused',
    'error',
    'Someone else used this invite at the same moment and won.',
    'Ask for a new link.',
  ),
  'clock-wrong': e(
    'refused',
    'error',
    'The clock of this device seems wrong: the invite begins in the future.',
    'Set date and time, then try again.',
  ),
  removed: e('refused', 'error', 'This device was removed from the network.', 'Ask an admin for a new invite.'),
  'not-allowed': e('refused', 'error', 'Your role ({role}) does not allow this.', 'Ask an owner or admin.'),
  'last-owner': e('refused', 'error', 'The last owner cannot be removed or demoted.', 'Make someone else owner first.'),
  'already-member': e('refused', 'note', 'This device is already in this network.', 'Nothing to do.'),
  'no-root-key': e(
    'refused',
    'error',
    'This device does not hold the root key of the network.',
    'Use the device that made the network.',
  ),
  'nobody-reached': e(
    'unreachable',
    'error',
    'Nobody in the network could be reached.',
    'Check the internet connection, ask that a member be online, and try again.',
  ),
  'sponsor-silent': e('unreachable', 'error', 'A member was reached but did not answer in time.', 'Try again.'),

  'engine-unreachable': e('unreachable', 'error', 'Weft is not running.', 'Start the app, or `weft daemon`.'),
  'engine-busy': e(
    'unreachable',
    'error',
    'Another Weft already uses this state folder (process {pid}).',
    'Use that one, or choose another --state.',
  ),
  'engine-outdated': e('unreachable', 'error', 'The running engine is of another version.', 'Restart Weft.'),
  busy: e('refused', 'warning', 'Too many requests at once.', 'Wait a moment and try again.'),
  'token-wrong': e(
    'refused',
    'error',
    'The token in the address is wrong or missing.',
    'Open the address that Weft printed.',
  ),

  'no-rights': e(
    'refused',
    'error',
    'Weft may not create a network adapter.',
    'Install or start the helper, or run the daemon as root.',
  ),
  'no-tun': e(
    'refused',
    'error',
    '/dev/net/tun is missing.',
    'Load the tun module (`modprobe tun`) or allow the device in the container.',
  ),
  'helper-missing': e(
    'refused',
    'warning',
    'The helper is not running, so there is no adapter.',
    'Press “Enable”, or start it as the README says.',
  ),
  'helper-refused': e(
    'refused',
    'warning',
    'The helper refused: {why}.',
    'Check that this user may use Weft (group weft).',
  ),
  'name-taken': e(
    'refused',
    'error',
    'The adapter name {name} is taken by something else.',
    'Remove that device or choose another name (--adapter).',
  ),
  'adapter-lost': e('refused', 'error', 'The adapter was deleted by someone else.', 'Switch the network off and on.'),
  'port-taken': e(
    'refused',
    'error',
    'The port {address} is in use by another program.',
    'Stop it or choose another port (--listen).',
  ),
  'address-unavailable': e(
    'refused',
    'error',
    'The address {address} does not exist on this machine.',
    'Choose an existing one (--listen).',
  ),
  'prefix-overlaps': e(
    'refused',
    'warning',
    'The local network {local} overlaps the IPv4 addresses of this one; IPv6 is used alone.',
    'Nothing to do; or change the local network.',
  ),
  'ipv4-conflict': e(
    'refused',
    'warning',
    'Another member holds the same IPv4 address; this device got a new one.',
    'Nothing to do.',
  ),
  'disk-full': e('refused', 'error', 'The state could not be saved: {why}.', 'Free some space; nothing was changed.'),
  'state-corrupt': e(
    'refused',
    'error',
    'The file {file} is damaged; it was kept as {kept}.',
    'Restore it from a backup, or join the network again.',
  ),
  'state-newer': e('refused', 'error', 'The file {file} was written by a newer Weft.', 'Update Weft on this device.'),
  'state-unreadable': e('refused', 'error', 'The file {file} cannot be read: {why}.', 'Check its owner and rights.'),
  'state-unwritable': e(
    'refused',
    'error',
    'The file {file} cannot be written: {why}.',
    'Check its owner and rights; nothing was changed.',
  ),
  'native-missing': e(
    'internal',
    'error',
    'The native part of Weft is missing or does not fit this machine: {why}.',
    'Run `npm run build`, or install Weft again.',
  ),
  'dns-unavailable': e(
    'refused',
    'warning',
    'Names of members could not be registered on this machine: {why}.',
    'Use addresses, or install systemd-resolved, or openresolv with dnsmasq or unbound.',
  ),
  'events-lost': e(
    'internal',
    'warning',
    'The data plane had more to say than fits; the state was read again.',
    'Nothing to do.',
  ),
  timeout: e('unreachable', 'error', 'No answer in time.', 'Try again.'),
  cancelled: e('refused', 'note', 'Cancelled.', ''),
  internal: e('internal', 'error', 'An error inside Weft: {why}.', 'Please report it with the log.'),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;
/** Whether a code, e.g. one from a newer engine, is in this version's table. */
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/** An expected failure as data; travels over every carrier. */
export interface Failure {
  code: ErrorCode;
  data?: Record<string, string>;
}

/** Result of everything that can fail in an expected way. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; error: Failure };

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const fail = <T = never>(code: ErrorCode, data?: Record<string, string>): Outcome<T> => ({
  ok: false,
  error: data ? { code, data } : { code },
});

/** English sentence for a failure, with the remedy. */
export function describe(failure: Failure): string {
  const spec = ERRORS[failure.code];
  const text = spec.text.replace(/\{(\w+)\}/g, (_, key: string) => failure.data?.[key] ?? '?');
  return spec.remedy ? `${text} ${spec.remedy}` : text;
}

export const exitCode = (failure: Failure): number => EXIT_CODES[ERRORS[failure.code].kind];
