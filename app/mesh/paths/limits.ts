// Numbers of gossip and neighbours. Times in ms unless the name says otherwise.

/** Up to this many members everybody is everybody's neighbour. */
export const FULL_MESH_MEMBERS_MAX = 6;
/** Neighbours wished beyond that; one more in larger networks, where one that is missing is not replaced at once: each change is told to all. */
export const NEIGHBOURS_TARGET = 4;
export const NEIGHBOURS_LARGE_FROM_MEMBERS = 32;
/** Above the target, neighbours who ask are still accepted up to this surplus … */
export const NEIGHBOURS_SURPLUS = 2;
/** … and those that would be alone up to this many. */
export const NEIGHBOURS_MAX = 8;
export const NEEDY_BELOW = 2;
export const ASK_TIMEOUT_MS = 5_000;
export const DECLINED_MS = 60_000;

export const CONNECT_TIMEOUT_MS = 8_000;
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 60_000;
/** Members that were not reached for LOST_LONG_MS are tried this rarely. */
export const BACKOFF_LOST_MAX_MS = 300_000;
export const LOST_LONG_MS = 600_000;
/** One member that seems offline is tried this often, and more seldom in proportion where more do so: it heals partitions. */
export const RESCUE_EVERY_MS = 30_000;
export const RESCUE_MEMBERS = 32;
/** … for so long: it is tried again and again, by many. */
export const RESCUE_TIMEOUT_MS = 3_000;
export const CONNECT_ENDPOINTS_MAX = 16;
/** Connects under way at once that nobody's packets wait for. */
export const CONNECTING_MAX = 8;

/** A session that is no neighbour's ends after this long without traffic … */
export const DIRECT_IDLE_MS = 300_000;
export const DIRECT_CHECK_EVERY_MS = 60_000;
/** … which is more frames both ways, between two checks, than pings, acknowledgements and a little gossip make. */
export const DIRECT_IDLE_FRAMES = 24;
/** A probe of one member on others' suspicion, at most this often. */
export const PROBE_EVERY_MS = 1_000;
/** A doubt about one member is passed on at most this often. */
export const DOUBT_EVERY_MS = 5_000;

export const PRESENCE_REFRESH_MS = 20 * 60_000;
export const PRESENCE_TTL_MINUTES = 60;
/** Unchanged statements wait this long at each hop, so that several share a message and duplicates meet. */
export const LAZY_FORWARD_MS = 8_000;
/** News of others wait up to this long at each hop of a larger network: they share messages, and most neighbours have shown by then that they know. */
export const NEWS_WAIT_MS = 240;
/** The same for what concerns nobody's packets: who is whose neighbour, where somebody can be called. */
export const CALM_NEWS_WAIT_MS = 1_000;
export const NEWS_WAIT_FROM_MEMBERS = 48;
/** Those who most likely hear of it elsewhere are told by name alone, about this much later: so long it takes to reach all. */
export const NAMED_WAIT_MS = 6_000;
/** Where more than this many that are not calm wait for one neighbour, those go the same way … */
export const MUCH_NEWS = 16;
/** … with less of a wait. */
export const NAMED_SOON_MS = 1_500;
/** What was made longer ago than this is news to who has just come back, hardly to its neighbours: they hear of it by name alone. */
export const OLD_NEWS_MS = 30_000;
/** How long a change waits for others before it is published. */
export const GROUPS_COALESCE_MS = 50;
export const ENDPOINTS_COALESCE_MS = 20;
export const OBSERVED_COALESCE_MS = 1_000;
export const NEIGHBOUR_LOST_COALESCE_MS = 300;
export const NEIGHBOUR_GAINED_COALESCE_MS = 1_500;
/** From NEWS_WAIT_FROM_MEMBERS on, as long as there are other neighbours by which this member is reached. */
export const NEIGHBOUR_LOST_CALM_MS = 1_500;
export const NEIGHBOUR_GAINED_CALM_MS = 6_000;
/** Own statements: a bucket of this many, refilled at that many a second. */
export const PUBLISH_BURST = 20;
export const PUBLISH_PER_SECOND = 1;
/** Statements of one origin that are taken; what a member publishes at most fits twice. */
export const ORIGIN_BURST = 40;
export const ORIGIN_PER_SECOND = 2;

/** What led to a statement is passed on in place of it this long; by then everybody has it. */
export const DELTA_KEPT_MS = 120_000;
/** Statements that were told as what changed since one that is missing here are asked for after this moment, together … */
export const WANT_WAIT_MS = 20;
/** … of somebody else who told them if they do not come within this time … */
export const WANT_TIMEOUT_MS = 2_000;
/** … of so many one after another. */
export const WANT_TELLERS_MAX = 4;
/** Of names without a membership record, so many at a time. */
export const WANTS_UNKNOWN_MAX = 64;
/** A session this young is told whole statements, but for what it has shown to know: both tables are still compared. */
export const EAR_YOUNG_MS = 5_000;

/** Round trips and the own place are told anew after this long; until then they stand … */
export const ROUND_TRIPS_STAND_MS = 300_000;
/** … unless they changed by more than this share … */
export const ROUND_TRIP_STEADY_SHARE = 0.2;
/** … or than this, whichever is more. */
export const ROUND_TRIP_STEADY_MS = 1;
/** The same for the place, along any axis. */
export const PLACE_STEADY_MS = 5;

/** A digest goes to one neighbour this often (± half). */
export const DIGEST_EVERY_MS = 300_000;
/** Members per chunk of a digest, about. */
export const MEMBERS_PER_CHUNK = 4;

/** Sequence numbers are reserved on disk this far ahead, so that a restart never repeats one. */
export const SEQ_LEASE = 3_600_000;
/** Own endpoints as others saw them: at most this many are published. */
export const OBSERVED_MAX = 3;
/** An observation is forgotten after this long without being seen again. */
export const OBSERVED_MS = 3_600_000;

/** Ports that members saw within this time … */
export const PREDICT_FROM_MS = 120_000;
/** … and that lie this close together come from a NAT that counts on; the next ones are guessed. */
export const PREDICT_SPAN = 64;
export const PREDICTED_MAX = 8;
/** Of the guesses, those that lie between ports that were seen. */
export const PREDICTED_BETWEEN_MAX = 4;

/** Ways that the data plane tries together for one peer. */
export const WAYS_MAX = 16;
/** Streams are dialled this much after datagrams … */
export const STREAM_HEAD_START_MS = 400;
/** … one after another this far apart … */
export const DIAL_STAGGER_MS = 120;
/** … to this many of a peer's endpoints … */
export const STREAM_ENDPOINTS_MAX = 4;
/** … this many at a time. */
export const DIALS_MAX = 6;
/** WebRTC, where nothing straight works, is dialled after everything else had this long. */
export const WEBRTC_HEAD_START_MS = 3_000;
/** A session that is not the best kind looks for a better one soon, and then ever more rarely. */
export const UPGRADE_AFTER_MS = 1_000;
export const UPGRADE_EVERY_MS: readonly number[] = [2_000, 5_000, 15_000, 60_000, 300_000];
/** Sleeping longer than this, others have noticed. */
export const LONG_SLEEP_MS = 20_000;
