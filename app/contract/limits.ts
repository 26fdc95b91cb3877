/** Limits of the contract. Beyond them a call is refused with `too-large` or `bad-argument`, never cut silently. */
export const NETWORKS_MAX = 8;
export const NAME_CHARS_MAX = 40;
export const LINK_CHARS_MAX = 4_096;
export const INVITE_USES_MAX = 1_000;
export const INVITE_SECONDS_MIN = 60;
export const INVITE_SECONDS_MAX = 365 * 24 * 3600;
export const INVITE_SECONDS_DEFAULT = 24 * 3600;
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
export const CALLS_IN_FLIGHT_MAX = 64;
export const WATCHES_PER_CLIENT_MAX = 16;
export const RATE_HISTORY_POINTS = 120;
