/** Limits of the contract. Beyond them a call is refused with `too-large` or `bad-argument`, never cut silently. */
export const NETWORKS_MAX = 8;
export const NAME_CHARS_MAX = 40;
/** Members that a channel names as publishers or as subscribers. */
export const CHANNEL_MEMBERS_MAX = 64;
export const LINK_CHARS_MAX = 4_096;
export const INVITE_USES_MAX = 1_000;
export const INVITE_SECONDS_MIN = 60;
export const INVITE_SECONDS_MAX = 365 * 24 * 3600;
export const INVITE_SECONDS_DEFAULT = 24 * 3600;
/** One message from the engine, UTF-8 bytes. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** One message to the engine, UTF-8 bytes: calls are small, and whoever sends them may not have shown a token yet. */
export const REQUEST_BYTES_MAX = 64 * 1024;
export const CALLS_IN_FLIGHT_MAX = 64;
export const WATCHES_PER_CLIENT_MAX = 16;
/** Messages a client may send: a bucket of this many, refilled at that many a second. */
export const REQUESTS_BURST_MAX = 200;
export const REQUESTS_PER_SECOND_MAX = 100;
/** Patches a second to one watcher; changes in between are merged. */
export const PATCHES_PER_SECOND_MAX = 10;
/** A patch with more operations is sent as one replacement of the whole value. */
export const PATCH_OPERATIONS_MAX = 512;
/** Time from connection to `hello`. */
export const HELLO_TIMEOUT_MS = 5_000;
export const RATE_HISTORY_POINTS = 120;
