// Limits of the trees. Times in ms on the monotonic clock.

/** From this many receivers on, a group gets a tree; the data plane has the same number. */
export const TREE_FROM = 4;
/** Copies that one node sends at most for one tree, unless nothing else would reach everybody. */
export const DEGREE_MAX = 8;
/** Of the origin, when its uplink is not known. */
export const ORIGIN_DEGREE_DEFAULT = 4;
/** Of others whose uplink is not known. */
export const DEGREE_DEFAULT = 6;
/** Never more, whatever the need. */
export const CHILDREN_MAX = 64;
/** Hops from the origin to the last node. */
export const DEPTH_MAX = 12;
export const STRIPES_MAX = 16;
/** Non-subscribers that a plan may draw on. */
export const RELAYS_MAX = 32;
/** Slower members only receive. 16 kB/s is 128 kbit/s. */
export const NARROW_KBPS = 16;
/** Of a known uplink this share is planned with … */
export const UPLINK_SHARE = 0.95;
/** … and of a narrow one so much less, for what members say to each other, kB/s; never more than this share of it. */
export const RESERVE_KBPS = 8;
export const RESERVE_SHARE_MAX = 0.3;
/** Of what it may send an origin fills so much with stripes as a rule: the rest is for what waited for them, for repair, for orphans. */
export const ORIGIN_SHARE = 0.5;

export const BACKUPS_MAX = 6;
/** Of these, siblings of the parent at most. */
export const AUNTS_MAX = 3;
/** Of the grandchildren of an origin with one child so many ask the origin, and the others them. */
export const HEIRS_MAX = 3;
/** At the origin everybody in its tree. */
export const ADOPTABLE_MAX = 16_384;
/** Backups with which a session is kept, so that asking them takes no handshake. */
export const BACKUPS_READY = 2;
/** … but none with an origin of a narrower line than this, kB/s, which is everybody's last: the sessions alone would fill it. */
export const READY_ORIGIN_KBPS = 125;
/** … where the own uplink is known only after so long, and each member at another time: a new tree and what waited for it have the lines first. */
export const BACKUPS_AFTER_MS = { least: 2_000, most: 8_000 } as const;

/** Where uplinks are known, a first plan waits so long for the stream's rate: lines that it fills would keep the next one from standing. */
export const RATE_WAIT_MS = 400;
/** Packets wait for their first epochs 1.5 s: stripes are given so long from the first one on, where their line allows. */
export const FIRST_MS = 1_450;
/** Of the first stripes so many, each with so much of its nodes, carry without the others. */
export const CARRY_STRIPES = 0.6;
export const CARRY_REACHED = 0.9;
/** An origin's wait for its trees to stand. */
export const SETTLE_MS = 1_000;
/** … where words came late before (patience.ts). */
export const SETTLE_MOST_MS = 8_000;
/** Each hop leaves its children so much less time, or this share of it, so that its own word is in time. */
export const SETTLE_HOP_MS = 80;
export const SETTLE_HOP_SHARE = 0.08;
/** … of stripes, where words of many come at once. */
export const SETTLE_HOP_SHARE_STRIPES = 0.12;
export const SETTLE_MIN_MS = 100;
/** Between epochs of one cast. */
export const EPOCH_EVERY_MS = 500;
/** Changes of membership wait this long for others. */
export const COALESCE_MS = 50;
/** Epochs tried around failed edges before the rest is served without those who were not reached. */
export const ROUNDS_MAX = 3;
/** Somebody lost its parent and is fed by another by now: more reports follow, and one plan for all of them is better. */
export const LOST_COALESCE_MS = 300;
/** While a tree carries it is looked at for what could be better, at first after this, then each time twice as long. */
export const IMPROVE_FIRST_MS = 5_000;
export const IMPROVE_MOST_MS = 60_000;
/** … and so much longer for each member of a large one. */
export const IMPROVE_PER_MEMBER_MS = 60;
/** After the stream's end. */
export const TREE_LINGER_MS = 60_000;
/** What an epoch replaced stays this long, so that what is under way arrives. */
export const OLD_EPOCH_MS = 2_000;
/** An origin says so often that a tree still stands; without it nodes forget. */
export const KEEP_EVERY_MS = 4 * 60_000;
export const TREE_LIFE_MS = 10 * 60_000;
/** A lost child is called this long before the origin hears of it. */
export const CHILD_GRACE_MS = 600;
/** Failed edges are left out, weak nodes do not pass on. */
export const EDGE_BAN_MS = 30_000;
/** … longer, up to this, below the parents of a child that many could not reach. */
export const EDGE_BAN_MAX_MS = 4 * 60_000;
export const WEAK_MS = 60_000;
/** Who was not reached by two parents is tried again after this, doubling. */
export const MISSING_MS = 2_000;
/** … after this if it had stood, and has said nothing since: most likely it is gone, which takes so long to be known. */
export const GONE_MS = 10_000;
export const MISSING_MAX_MS = 30_000;
export const BANS_MAX = 4_096;

/** Sender keys: at most one renewal per 10 s, and one every 30 min. */
export const ROTATE_EVERY_MS = 10_000;
export const KEY_LIFE_MS = 30 * 60_000;
/** Stripes by which each subscriber gets the key of their cast: one may fail. */
export const KEY_ROUTES = 2;
/** Keys sealed in one go: about 10 ms, 40 on a slow machine. */
export const SEALS_PER_TURN = 64;
/** A changed rate is worth a new plan beyond these factors, up and down … */
export const RATE_WOBBLE = { up: 1.25, down: 0.4 } as const;
/** … and where uplinks are known, which may be short: none is to be exceeded, and with less to send fewer hops may do. */
export const RATE_WOBBLE_BOUND = { up: 1.1, down: 0.92 } as const;
export const RATE_CHECK_MS = 2_000;

/** Own casts at a time: one per set of receivers. */
export const CASTS_MAX = 64;
export const FOLLOWED_PER_ORIGIN_MAX = 64;
export const FOLLOWED_MAX = 2_048;
/** Nodes in all descriptions that are kept. */
export const FOLLOWED_NODES_MAX = 400_000;
/** Offers of one origin that are looked at (a signature each). */
export const OFFERS_BURST = 64;
export const OFFERS_PER_SECOND = 40;
/** Reports passed up per tree and second. */
export const REPORTS_PER_SECOND = 8;
/** A parent with many children dies: all of them say so. */
export const REPORTS_BURST = 64;
/** Offers in parts under way at a time. */
export const PARTIALS_MAX = 64;
