//! Every bound of the trees, with its unit. Times are µs of the injected clock.

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

// Tables
/// Epochs of a tree that are followed: what left by an older one still arrives while others are tried and the next one settles.
pub const EPOCHS_KEPT: usize = 8;
/// Trees that a node is a part of.
pub const TREES_MAX: usize = 4096;
pub const CHILDREN_MAX: usize = 64;
pub const BACKUPS_MAX: usize = 6;
/// Those who may graft themselves here: at the origin everybody in the tree.
pub const ADOPTABLE_MAX: usize = 16_384;
/// Those who did.
pub const ADOPTED_MAX: usize = 256;
/// A node that feeds so many takes on another only when asked again: by then the others have refused as well.
pub const FED_FREELY: usize = 8;
/// An asker's second try follows within this.
pub const ASKED_AGAIN_WITHIN: u64 = S;
/// Askers that are remembered for it.
pub const REFUSED_MAX: usize = 32;
/// Sender keys of one tree whose sequences are followed; the longest unused gives way.
pub const STREAMS_MAX: usize = 4;
/// Sequences behind the newest that are told from duplicates.
pub const SEEN_SPAN: u64 = 1 << 13;
/// So many casts in a row, all further behind than [`SEEN_SPAN`] and by another than who brought the newest: the newest was made up.
pub const DOUBTED_AFTER: u32 = 32;
/// Sequences are below: what fits the messages.
pub const SEQUENCE_END: u64 = 1 << 48;

/// Hops that an own cast may make: more than any description allows.
pub const HOP_LIMIT: u8 = 64;

// Speaking
/// Children hear something at least this often while a stream runs; with what ticks are late it stays below 140 ms. A stream of ten
/// casts a second, the slowest that sounds and moves, needs no beats.
pub const BEAT_EVERY: u64 = 120 * MS;
/// A beat from above is passed on at once to those who heard nothing for this long.
pub const BEAT_ON: u64 = 40 * MS;
/// A stream runs for this long after its last cast.
pub const RUNS_FOR: u64 = 2 * S;
/// Children of the epoch before still hear beats for this long.
pub const EPOCH_LINGER: u64 = S;

// Listening
/// Silence of a parent is judged for this long after the last news of a stream: less than [`RUNS_FOR`], so that the end of a
/// stream is not taken for a parent's.
pub const JUDGED_FOR: u64 = 3 * S / 2;
/// After this much silence the parent is asked to speak …
pub const PROBE_AFTER: u64 = 150 * MS;
/// … twice, this far apart, …
pub const PROBE_AGAIN: u64 = 25 * MS;
/// … and given up after this, or after [`PROBE_AFTER`] and 1.5 round trips, …
pub const SILENCE: u64 = 190 * MS;
/// … but not later.
pub const SILENCE_MOST: u64 = 290 * MS;
/// The origin was not heard for this long, by whatever way: whoever speaks has nothing to say.
pub const ORIGIN_SILENCE: u64 = S;
/// A backup answers a graft within this, or within 1.5 round trips, …
pub const GRAFT_ANSWER: u64 = 60 * MS;
/// … but not later; then the next two are asked.
pub const GRAFT_ANSWER_MOST: u64 = 300 * MS;
/// No backup answered: they are asked again after this, a few times, …
pub const ASK_AGAIN: u64 = 100 * MS;
/// … as sessions with them are being made, and then twice as long each time, …
pub const ASKS_IN_HASTE: u32 = 6;
/// … but not longer than this.
pub const ASK_AGAIN_MOST: u64 = S;
/// An adopted child is fed for this long without asking again.
pub const LEASE: u64 = 3 * S;
/// Leases are renewed this often.
pub const RENEW_EVERY: u64 = S;
/// The parent spoke for this long: back to it.
pub const RETURN_AFTER: u64 = S;
/// Whom this node left may still have packets under way.
pub const LEFT_FOR: u64 = 500 * MS;
/// A tree without casts for this long is not held up any more.
pub const IDLE_AFTER: u64 = 60 * S;
/// Trouble of one kind of one tree is told this often.
pub const TROUBLE_EVERY: u64 = S;
/// Wrong inner tags and signatures within [`TROUBLE_EVERY`] until the engine hears of them.
pub const BAD_CASTS_UNTOLD: u32 = 4;

// Repair
/// Gaps remembered of one stream; beyond, the oldest is given up.
pub const GAPS_MAX: usize = 256;
/// A gap may be mere reordering for this long.
pub const REORDER: u64 = 10 * MS;
/// Two asks for the same gap are this far apart at least.
pub const RETRY_MIN: u64 = 20 * MS;
/// … and at most, unless answers take longer.
pub const RETRY_MOST: u64 = 250 * MS;
/// Asks that go to the parent, the later ones after twice as long each time: links lose in bursts. One more goes to a backup, then
/// the gap is given up.
pub const ASKS_OF_PARENT: u8 = 5;
/// Asks after the first pause.
pub const ASKS_IN_A_ROW: u8 = 2;
/// Ranges of one ask.
pub const RANGES_MAX: usize = 64;
/// Casts sent again in answer to one message.
pub const RESENDS_MAX: usize = 2048;
/// Casts sent again to one peer per second (and at once).
pub const RESENDS_PER_SECOND: u32 = 8192;
/// … and to all, parity included, so much of a known uplink, ‰, less what casts take of it.
pub const RESENDS_LINE_PERMILLE: u64 = 850;
/// Own casts that waited for their trees leave while less than this of a known uplink is taken, ‰; the rest is for control and repair.
pub(super) const WAITED_LINE_PERMILLE: u64 = 900;
/// A subscriber that knows where a key begins misses what came before its first cast, so many at most.
pub const BEGIN_MAX: u64 = 64;

// Parity
/// A block of casts that share parity is closed after this …
pub const BLOCK_FOR: u64 = 40 * MS;
/// … or with so many sequences.
pub const BLOCK_MAX: u64 = 32;
/// Parity of one block; all of it is computed, each child gets what its losses call for.
pub const PARITY_MAX: usize = 8;
/// Blocks of one tree whose parity is still to be computed; beyond, they get none.
pub const BLOCKS_READY_MAX: usize = 16;
/// Blocks of one tree of which parity came and casts are missing; the oldest gives way.
pub const BLOCKS_MISSING_MAX: usize = 16;
/// Longer casts are not covered by parity, bytes.
pub const COVERED_MAX: usize = 2_048;
/// A block may need more than its parity this often, ‰: those casts are asked for.
pub const BLOCKS_BEYOND_PERMILLE: u32 = 25;
/// Losses are measured, and told to who feeds this node, this often, …
pub const LOSS_EVERY: u64 = 500 * MS;
/// … over at least so many casts.
pub const LOSS_CASTS_MIN: u64 = 16;
/// What a child told of its losses counts for this long.
pub const LOSS_FOR: u64 = 3 * S;
/// Losses beyond count as so many, ‰.
pub const LOSS_PERMILLE_MAX: u16 = 500;

// Copies
/// What makes a packet a cast, bytes: stamp and inner tag.
const CAST_OVERHEAD: u64 = 40;
/// What carries a cast to the next hop, bytes: header and tag of the hop 32, IPv6 and UDP 48.
pub(super) const COPY_HEADERS: u64 = 32 + 48;
/// What a copy of a packet has around it on its way, bytes.
pub const COPY_OVERHEAD: u64 = CAST_OVERHEAD + COPY_HEADERS;

// Cache
/// Casts are kept this long.
pub const CACHE_FOR: u64 = S;
/// Bytes that are kept of one tree.
pub const CACHE_TREE_MAX: usize = 2 << 20;
/// Bytes that are kept of all trees of a network.
pub const CACHE_MAX: usize = 32 << 20;
/// The cache is given out in blocks of so many bytes; longer casts are not kept.
pub const CACHE_BLOCK: usize = 16 << 10;

// Messages
/// Beats in one message.
pub const BEATS_MAX: usize = 40;
/// Bytes of the longest message.
pub const MESSAGE_MAX: usize = 1_000;
