//! Every limit of this crate, with its unit.

/// Events that wait for `poll`; more are lost, and one `problem` says so.
pub const EVENTS_MAX: usize = 8_192;
/// Shortest time between two wakes of the engine, µs (50 a second).
pub const WAKE_EVERY_US: u64 = 20_000;
/// … but for so many that may follow one another at once after a rest: what is said hop by hop shall not wait at each.
pub const WAKES_AT_ONCE: u64 = 16;
/// Commands that wait for the receive thread.
pub const COMMANDS_MAX: usize = 65_536;
/// UDP sockets of one data plane.
pub const SOCKETS_MAX: usize = 64;
/// Addresses of one `connect`.
pub const ENDPOINTS_MAX: usize = weft_session::limits::CANDIDATES_MAX;
/// Links that can be open at once.
pub const LINKS_MAX: usize = 1_024;
/// Frames that wait to be taken by a link, bytes, unless told.
pub const LINK_QUEUE_DEFAULT: usize = 262_144;
/// A link that sends fast may have more wait: what leaves it in this time, µs …
pub const LINK_QUEUE_FOR_US: u64 = 12_500;
/// … as seen over at least this long, µs …
pub const LINK_DRAIN_WINDOW_US: u64 = 100_000;
/// … but no more than this, bytes.
pub const LINK_QUEUE_MOST: usize = 4 << 20;
/// What may be told instead.
pub const LINK_QUEUE_RANGE: std::ops::RangeInclusive<usize> = 2_048..=16 << 20;
/// Frames that wait longer are dropped, µs.
pub const LINK_STALE_US: u64 = 500_000;
/// Bytes that one call gives to or takes from a link.
pub const LINK_BATCH_MAX: usize = 1 << 20;
/// Bytes that came by links and wait for the receive thread; more are dropped.
pub const LINKS_ARRIVING_MAX: usize = 4 << 20;
/// A link that brought nothing authentic for this long is reported as unused, µs.
pub const LINK_UNUSED_US: u64 = 60_000_000;
/// Control messages queued towards one peer, bytes.
pub const CONTROL_QUEUE_MAX: usize = weft_session::limits::QUEUE_MAX;
/// One control message, bytes.
pub const CONTROL_MESSAGE_MAX: usize = weft_session::limits::MESSAGE_MAX;
/// Events that one `poll` returns unless told.
pub const POLL_DEFAULT: usize = 512;

/// Packets that wait for one member's session.
pub const HELD_PACKETS_MAX: usize = 64;
/// The same in bytes.
pub const HELD_BYTES_MAX: usize = 256 * 1024;
/// How long they wait, µs.
pub const HELD_FOR_US: u64 = 3_000_000;
/// Members that packets wait for at once; packets for more are dropped.
pub const HELD_PEERS_MAX: usize = 256;
/// `want` is repeated this often per member, µs.
pub const WANT_EVERY_US: u64 = 1_000_000;

/// Frames read from an adapter before the thread looks at its other duties.
pub const ADAPTER_FRAMES_PER_TURN: usize = 64;
/// Packets to groups wait for company while at least so many frames come in each window …
pub const COMPANY_STREAM_LEAST: u32 = 80;
/// … of this length, and no other, µs (4,000 a second) …
pub const COMPANY_WINDOW_US: u64 = 20_000;
/// … and turns find fewer than this without it.
pub const COMPANY_FOUND_LEAST: u32 = 30;
/// As many of them are waited for: bursts that applications with small buffers still take …
pub const COMPANY_FRAMES: u64 = 40;
/// … but not longer than this from one turn's begin to that of the next, µs.
pub const COMPANY_REST_US: u64 = 1_000;
/// Turns that find more than this come too late: the machine is busy …
pub const COMPANY_FOUND_MOST: u32 = 60;
/// … and nothing waits for so many windows.
pub const COMPANY_NOT_FOR: u32 = 10;
/// Frames of an adapter that wait while later ones are looked at …
pub const AHEAD_FRAMES: usize = 3;
/// … from this length on, bytes: what the system put together of a stream.
pub const AHEAD_FRAME_LEAST: usize = 4_096;
/// Packets of sparse flows are not larger, bytes …
pub const SPARSE_PACKET_MAX: usize = 256;
/// … and their flows had no larger one for this long, ms. Flows are told apart by so many slots.
pub const SPARSE_REST_MS: u32 = 100;
/// See `SPARSE_REST_MS`.
pub const SPARSE_SLOTS: usize = 1_024;
/// Buffers of sparse flows that are taken at once …
pub const SPARSE_BUFFERS: usize = 8;
/// … and after each batch of others from this length on, bytes.
pub const SPARSE_LOOK: usize = 32 * 1024;
/// Receive calls before the thread looks at its other duties.
pub const RECEIVES_PER_TURN: usize = 16;
/// Bytes of runs worth receiving in one call: more than the nearer caches hold only slows down.
pub const RECEIVE_BYTES_GOAL: usize = 256 * 1024;
/// A send buffer as full as this has its cookies rationed by claimed source, percent.
pub const PRESSED_PERCENT: u32 = 25;
/// Cookies may fill the send buffer so far, percent: the rest is for who is known.
pub const COOKIES_UP_TO_PERCENT: u32 = 75;
/// Hop limit of casts of our own.
pub const CAST_HOP_LIMIT: u8 = 8;
/// Hop limit of casts of our own in trees: plans are at most 12 deep, and grafts may add to that.
pub const TREE_HOP_LIMIT: u8 = 16;
/// A group with more receivers than this on other hosts gets a tree.
pub const TREE_FROM: usize = 4;
/// Packets of a group that wait for its tree.
pub const STREAM_HELD_MAX: usize = 1_024;
/// How long they wait, µs; then they are dropped. An origin waits for its tree to stand for up to 1 s (`SETTLE_MS`), and where a
/// member in it has just died plans once more without it. Sent directly, many copies of each would fill the line that the tree's own
/// messages need to come to stand.
pub const STREAM_HELD_FOR_US: u64 = 1_500_000;
/// Once there are trees, what waited leaves as the line has room, and is looked at so often, µs …
pub const STREAM_RELEASE_EVERY_US: u64 = 5_000;
/// … for so long; then what still waits is dropped, for it is late for everybody and keeps what follows it waiting, µs.
pub const STREAM_RELEASE_LASTS_US: u64 = 4_000_000;
/// An engine that answered nothing, or "directly", is asked again after this, µs.
pub const STREAM_ASK_AGAIN_US: u64 = 10_000_000;
/// A stream has ended when its host sent nothing for this long, µs.
pub const STREAM_ENDS_US: u64 = 60_000_000;
/// Groups told apart as streams; more are sent directly.
pub const STREAMS_MAX: usize = 1_024;
/// Trees that one group's packets take by turns.
pub const STRIPES_MAX: usize = 16;
/// Keys of own trees that are remembered after their end.
pub const SPENT_KEYS_MAX: usize = 1_024;
/// Packets that take the same stripe one after the other at most, when they come faster than they are sent.
pub const STRIPE_TURN: usize = 8;
/// Signatures of one adapter's casts follow each other at least so far apart, µs (4,000 a second; each costs every node that passes its
/// casts on about 70 µs): packets that come faster share one.
pub const SIGN_EVERY_US: u64 = 250;
/// Hop limit of relayed frames of our own: three relays.
pub const CARRY_HOP_LIMIT: u8 = 4;
/// A relay that cannot deliver is left out for this destination this long, µs.
pub const CARRY_BLOCKED_US: u64 = 5_000_000;
/// Neighbours that one member's flows are spread over.
pub const RELAYS_PER_PEER_MAX: usize = 8;
/// Next hops known in one network.
pub const ROUTES_MAX: usize = 4_096;
/// A "no way" goes out this often per pair, µs (10 a second).
pub const NO_WAY_EVERY_US: u64 = 100_000;
/// A carried frame up to this length inside is upkeep (pings, acknowledgements): no answer is awaited for it, bytes.
pub const UPKEEP_FRAME_MAX: usize = 64;
/// Pairs told apart for that.
pub const NO_WAY_SLOTS: usize = 1_024;
/// Frames for a path that refused a longer one, bytes: IPv6's least MTU without IP and UDP headers.
pub const NARROW_FRAME: usize = 1_280 - 40 - 8;
/// Packets shorter than this wait for company on slow ways, bytes.
pub const SMALL_PACKET: usize = 400;
/// Longest wait that can be asked for, µs.
pub const AGGREGATE_MAX_US: u64 = 40_000;
/// Plaintext of a bundle, bytes: its frame fits every path that full packets fit.
pub const BUNDLE_MAX: usize = 1_200;
/// Flows told apart in front of a slow way; more share.
pub const PACE_FLOWS: usize = 64;
/// What a flow may send in its turn, bytes.
pub const PACE_QUANTUM: usize = 400;
/// In front of a slow way waits a second's worth divided by this …
pub const PACE_QUEUE_SHARE: u64 = 2;
/// … but this many bytes may at least.
pub const PACE_QUEUE_LEAST: u64 = 4_096;
/// After a rest a second's worth divided by this may leave at once …
pub const PACE_BURST_SHARE: u64 = 100;
/// … but this many bytes at least: one long frame.
pub const PACE_BURST_LEAST: u64 = 1_500;
/// Least rate that can be asked for, bytes a second.
pub const PACE_RATE_LEAST: u64 = 500;
/// Flows told apart on their way to a full uplink, of each of what is sent directly and what is carried.
pub const UPLINK_FLOWS: usize = 64;
/// IPv4 and UDP headers around each frame, bytes.
pub const UNDER_HEADERS: u64 = 28;
/// … over IPv6 …
pub const UNDER_HEADERS_IPV6: u64 = 48;
/// … and by a stream: its own headers, TLS's and framing, shared by few frames.
pub const UNDER_HEADERS_LINK: u64 = 80;
/// `close` waits this long for the threads, ms.
pub const CLOSE_WAIT_MS: u64 = 500;
/// `stats` waits this long for the receive thread, ms; then it returns what it knew.
pub const STATS_WAIT_MS: u64 = 50;

/// Frames from other interfaces that wait for one adapter's thread, and their bytes; more are dropped and counted.
pub const INJECTED_MAX: usize = 256;
pub const INJECTED_BYTES_MAX: usize = 1 << 20;
/// Messages of the helper taken before the thread looks at its other duties.
pub const ANYWHERE_PER_TURN: usize = 64;
