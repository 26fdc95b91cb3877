//! Every limit of this crate, with its unit. Times are microseconds of the injected clock.

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

// Frames
/// Longest datagram that is read or written, bytes (the most a UDP datagram over IPv4 can carry).
pub const FRAME_MAX: usize = 65_507;
/// Engine's hint in a hello, bytes.
pub const HINT_MAX: usize = 256;

// Tables
/// Networks of one process.
pub const NETWORKS_MAX: usize = 64;
/// Known peers of one network.
pub const PEERS_MAX: usize = 20_000;
/// Receiver slots: sessions that can be open at once, over all networks and generations.
pub const SLOTS_MAX: usize = 1 << 16;
/// Confirmed key generations of one peer.
pub const GENERATIONS_MAX: usize = 3;
/// Answered hellos of one peer that wait for the initiator's first data frame.
pub const HALF_OPEN_MAX: usize = 4;
/// Answered hellos of one network that wait, over all peers.
pub const HALF_OPEN_NETWORK_MAX: usize = 1_024;
/// Own hellos of one network that wait for an answer.
pub const INITIATIONS_MAX: usize = 1_024;
/// Addresses tried together for one peer.
pub const CANDIDATES_MAX: usize = 16;

// Handshake
/// First retransmission of a hello; each next waits 1.5 times longer.
pub const HELLO_RETRY_FIRST: u64 = 250 * MS;
/// Longest wait between two hellos.
pub const HELLO_RETRY_MAX: u64 = S;
/// Random share added to each wait, so that crossing hellos part.
pub const HELLO_RETRY_JITTER: u64 = 50 * MS;
/// A handshake without answer is given up.
pub const HANDSHAKE_GIVE_UP: u64 = 10 * S;
/// The same for one that only looks for a better way (`try_ways`).
pub const TRY_GIVE_UP: u64 = 5 * S;
/// Candidates of one handshake are asked this far apart.
pub const CANDIDATE_STAGGER: u64 = 20 * MS;
/// An answered hello that saw no data frame is forgotten (longer than the initiator tries).
pub const HALF_OPEN_LIFETIME: u64 = 12 * S;
/// Ephemeral keys of hellos remembered per peer, so that replays cost one comparison.
pub const HELLOS_REMEMBERED: usize = 32;
/// Both ends called each other within this time: the session of the smaller key carries.
pub const CROSSING_WINDOW: u64 = 5 * S;
/// The same when they did so over different kinds of ways: the better kind carries. Later handshakes mean what they say.
pub const CROSSING_KINDS: u64 = S;

// Defence of the responder
/// Hellos per second that pass mac1 and need no cookie.
pub const HELLOS_FREE_PER_SECOND: u64 = 40;
/// A cookie secret makes cookies this long and is honoured as long again: cookies live 60 to 120 s.
pub const COOKIE_SECRET_LIFETIME: u64 = 60 * S;
/// Cookies per second for one claimed source address (IPv4 /32, IPv6 /64) while the way out is pressed.
pub const COOKIES_PER_SOURCE_PRESSED: u64 = 2;
/// Fixed table of their buckets.
pub const COOKIE_BUCKETS: usize = 4_096;
/// The way out counts as pressed this long after it was found so: what waits for an address that does not exist is
/// held by the system for about as long.
pub const PRESSED_FOR: u64 = 3 * S;
/// The initiator uses a cookie this long.
pub const COOKIE_USE: u64 = 55 * S;
/// Diffie-Hellman work for hellos, handshakes per second over all sources (one costs about 0.15 ms).
pub const DH_PER_SECOND: u64 = 500;
/// The same for one source address (IPv4 /32, IPv6 /64).
pub const DH_PER_SOURCE_PER_SECOND: u64 = 20;
/// The same for one known peer (its hellos can be captured and replayed).
pub const DH_PER_PEER_PER_SECOND: u64 = 10;
/// Fixed table of per-source buckets; sources share one by a keyed hash.
pub const SOURCE_BUCKETS: usize = 1_024;

// Strangers
/// Hellos with an unknown key that wait for the engine.
pub const STRANGERS_WAITING_MAX: usize = 64;
/// Of these, how many may wait without having proved their address by a cookie.
pub const STRANGERS_UNPROVEN_MAX: usize = 16;
/// Of these, how many may come from one source address (IPv4 /32, IPv6 /64).
pub const STRANGERS_PER_SOURCE_MAX: usize = 8;
/// The engine answers within this time or the hello is forgotten.
pub const STRANGER_WAIT: u64 = 3 * S;
/// A session with a stranger ends after this time unless it became a member.
pub const STRANGER_LIFETIME: u64 = 60 * S;
/// Sessions with strangers at once, over all networks.
pub const STRANGER_SESSIONS_MAX: usize = 64;
/// Control messages taken from one stranger per second.
pub const STRANGER_MESSAGES_PER_SECOND: u64 = 32;
/// Bytes queued towards one stranger.
pub const STRANGER_QUEUE_MAX: usize = 64 * 1024;

// Keys
/// Renewed after this age when more than `REKEY_BYTES` passed.
pub const REKEY_AFTER: u64 = 120 * S;
/// See `REKEY_AFTER`; bytes in both directions since the handshake.
pub const REKEY_BYTES: u64 = 64 * 1024;
/// Renewed after this age when any data or control message passed. Idle sessions keep their keys.
pub const REKEY_LATEST: u64 = 900 * S;
/// The responder of a session waits this much longer before renewing, so that the two ends do not cross.
pub const REKEY_RESPONDER_DELAY: u64 = 10 * S;
/// Random share of the rekey time.
pub const REKEY_JITTER: u64 = 2 * S;
/// Renewed after this many frames sealed.
pub const REKEY_FRAMES: u64 = 1 << 30;
/// `Tx::reserve` refuses beyond this many frames: far below what AES-GCM's 96-bit nonces bear.
pub const FRAMES_MAX: u64 = 1 << 32;
/// A renewal that was due and failed for this long ends the session: keys in use never get older than 20 min.
pub const REKEY_GRACE: u64 = 300 * S;
/// An older generation opens frames this long after the peer was heard on a newer one.
pub const OLD_KEYS_OPEN: u64 = 10 * S;
/// Replay window, counters. 2^16 frames of 1400 bytes are 80 ms at 9 Gbit/s.
pub const REPLAY_WINDOW: u64 = 1 << 16;

// Liveness
/// Something came and nothing was sent for this long: say so with an empty frame.
pub const KEEPALIVE_AFTER: u64 = 10 * S;
/// Data was sent and nothing heard for this long, or for `ANSWER_ROUND_TRIPS`: ping, and again this often until there is an answer.
pub const ANSWER_EXPECTED: u64 = 300 * MS;
/// See `ANSWER_EXPECTED`.
pub const ANSWER_ROUND_TRIPS: u64 = 2;
/// Nothing heard for this long, or for `SUSPECT_ROUND_TRIPS`, with data and pings unanswered: the path is suspect, a fresh
/// handshake tries all ways. What counts is silence, not delay: pings leave every `ANSWER_EXPECTED` of a one-way stream, so a
/// queue under way that grows slower than time passes never makes that much silence, and the round trips that their
/// answers measure widen both limits while the queue is full.
pub const SUSPECT_AFTER: u64 = 600 * MS;
/// See `SUSPECT_AFTER`.
pub const SUSPECT_ROUND_TRIPS: u64 = 7;
/// However long the round trips, a path is suspect after this much silence.
pub const SUSPECT_LATEST: u64 = 3 * S;
/// The same two where only casts were sent.
pub const CAST_ANSWER_EXPECTED: u64 = 3 * S;
/// See `CAST_ANSWER_EXPECTED`.
pub const CAST_SUSPECT_AFTER: u64 = 4_200 * MS;
/// So many frames within a second are a stream …
pub const STREAM_FRAMES: u64 = 20;
/// … and when nothing of it came for this long, or for `STREAM_ROUND_TRIPS`, the path is asked whether it lives.
pub const STREAM_SILENCE: u64 = 200 * MS;
/// See `STREAM_SILENCE`.
pub const STREAM_ROUND_TRIPS: u64 = 3;
/// A probed path is asked again this often.
pub const PROBE_AGAIN: u64 = 500 * MS;
/// An idle path that missed its pings is suspect after this much more.
pub const IDLE_SUSPECT_AFTER: u64 = 2 * S;
/// Nothing heard for this long with data or pings unanswered: down.
pub const SILENT_AFTER: u64 = 5 * S;
/// Intervals of idle pings over UDP when they adapt (`adapt_idle`): the next is tried when one has held both ways. Small steps, so that one
/// too many leaves the way in closed for seconds only.
pub const IDLE_STEPS: [u64; 8] = [IDLE_PING, 31 * S, 39 * S, 49 * S, 61 * S, 76 * S, 95 * S, 110 * S];
/// A longer interval that failed is not tried again for this long: the way in is closed for some seconds each time.
pub const IDLE_CEILING_FOR: u64 = 6 * 3_600 * S;
/// Silences differ by this much between the ends.
pub const IDLE_SLACK: u64 = 3 * S;
/// The other end speaks this long after our ping and did not answer it: it never heard it.
pub const IDLE_UNHEARD: u64 = S;
/// Idle sessions ping this often, unless the peer has its own interval (`set_idle_interval`).
pub const IDLE_PING: u64 = 25 * S;
/// Intervals that `set_idle_interval` accepts.
pub const IDLE_PING_MIN: u64 = 5 * S;
/// See `IDLE_PING_MIN`.
pub const IDLE_PING_LONGEST: u64 = 600 * S;
/// An idle session is down after this many intervals of silence.
pub const IDLE_MISSED: u64 = 3;
/// While frames pass, a session looks at its timers this often.
pub const ACTIVE_TICK: u64 = 250 * MS;
/// The same while data passed within the last second.
pub const BUSY_TICK: u64 = 100 * MS;
/// See `BUSY_TICK`.
pub const BUSY_FOR: u64 = S;
/// After this much rest it looks only when a ping is due; `Hop::note_sent` tells when that changes.
pub const ACTIVE_FOR: u64 = 12 * S;
/// While data passes, the round trip is measured this often …
pub const RTT_FRESH: u64 = 10 * S;
/// … if it is at least this many frames, both ways together, from one measurement to the next …
pub const RTT_FRESH_FRAMES: u64 = 100;
/// … else, as for a message now and then, this often.
pub const RTT_FRESH_SPARSE: u64 = 60 * S;
/// A deadline missed by this much means that the machine slept: probe before judging.
pub const SLEPT: u64 = 10 * S;
/// A probed path (after sleep or `poke`) that does not answer in this time gets a fresh handshake.
pub const PROBE_ANSWER: u64 = 300 * MS;
/// Timers of a busy machine come late. Up to this much means nothing; …
pub const LATE_FREE: u64 = 30 * MS;
/// … of what is beyond, the longest of late, which counts half after this, …
pub const LATE_HALVES: u64 = 2 * S;
/// … and others are waited for twice as much longer, but not more than this.
pub const SLACK_MOST: u64 = 2 * S;
/// Pings of one session whose answers are awaited.
pub const PINGS_OUT: usize = 8;

// Control
/// Bytes of one part.
pub const PART_MAX: usize = 1_100;
/// Bytes of one message.
pub const MESSAGE_MAX: usize = 60_000;
/// Bytes queued towards one member.
pub const QUEUE_MAX: usize = 1 << 20;
/// Parts in flight.
pub const PARTS_WINDOW: u32 = 64;
/// Parts in flight at first.
pub const PARTS_START: u32 = 16;
/// Fewest parts that losses leave in flight; one is left when a timer ran out.
pub const PARTS_LEAST: u32 = 4;
/// Retransmission timer.
pub const RTO_MIN: u64 = 100 * MS;
/// See `RTO_MIN`.
pub const RTO_MAX: u64 = 2 * S;
/// Before the first round trip was measured.
pub const RTO_START: u64 = 500 * MS;
/// An acknowledgement waits this long for company.
pub const ACK_DELAY: u64 = 20 * MS;
/// Sender keys given to one peer and not acknowledged.
pub const KEYS_UNACKED_MAX: usize = 64;
/// Longest wait between two gifts of one sender key.
pub const KEY_RETRY_MAX: u64 = 2 * S;
/// Close frames sent when a session ends.
pub const CLOSE_COPIES: usize = 2;

// Cast
/// Duplicate window per sender key, sequences.
pub const CAST_WINDOW: u64 = 1 << 13;
/// Sender keys known of one origin.
pub const CAST_KEYS_PER_ORIGIN: usize = 64;
/// Sender keys known of one tree of an origin: the newest.
pub const CAST_KEYS_PER_TREE: usize = 4;
/// Sender keys known in all.
pub const CAST_KEYS_MAX: usize = 8_192;
/// Casts kept per unknown key.
pub const HELD_PER_KEY: usize = 64;
/// How long they are kept.
pub const HELD_FOR: u64 = 200 * MS;
/// Unknown keys with casts kept.
pub const HELD_KEYS_MAX: usize = 64;
/// Bytes of casts kept in all.
pub const HELD_BYTES_MAX: usize = 4 << 20;

// Fragments
/// Plaintexts being put together.
pub const REASSEMBLIES_MAX: usize = 64;
/// Fragments of one plaintext.
pub const FRAGMENTS_MAX: usize = 64;
/// An incomplete plaintext is forgotten.
pub const REASSEMBLY_FOR: u64 = 500 * MS;

/// While the other end's frames are lost on their way here, it is told this often …
pub const HEARD_EVERY: u64 = 100 * MS;
/// … of at least so many frames …
pub const HEARD_FRAMES_LEAST: u64 = 20;
/// … that may take this long to come; fewer say nothing.
pub const HEARD_WITHIN: u64 = 500 * MS;
/// A look that comes this long after the one before is late: what was lost meanwhile may have been lost here.
pub const HEARD_LATE: u64 = BUSY_TICK + 150 * MS;
/// More than one of so many is lost: that is worth telling …
pub const HEARD_LOST_SHARE: u64 = 33;
/// … and for this long after what became of it.
pub const HEARD_FOR: u64 = 2 * S;
/// Between two looks at how much a way carries, µs at least.
pub const LINE_LOOK: u64 = 400 * MS;
/// Answers that take this much longer than the shortest show a queue; with losses beside, a full one.
pub const LINE_QUEUED: u64 = 100 * MS;
/// … and this much longer a full one by themselves, twice in a row.
pub const LINE_STANDING: u64 = 400 * MS;
/// More than one frame of so many is lost: see `LINE_QUEUED`.
pub const LINE_LOST_SHARE: u64 = 10;
/// Fewer frames say nothing about losses.
pub const LINE_FRAMES_LEAST: u64 = 20;
/// A way that carries no more than this is slow, bytes a second.
pub const LINE_SLOW: u64 = 64_000;
/// Whatever is measured, this much may be sent; who sends less fills no line, bytes a second.
pub const LINE_LEAST: u64 = 4_000;
/// A slow line that was not full for this long may have become wider, µs.
pub const LINE_CALM: u64 = 180 * S;
/// After a line was full no more is tried for this long, µs …
pub const LINE_HOLD: u64 = 15 * S;
/// … and then an eighth more this often while it stays empty.
pub const LINE_GROWS_EVERY: u64 = S;
/// IPv4 and UDP headers around each frame, bytes.
pub const UNDER_HEADERS: u64 = 28;

// Signed casts
/// Casts under one signature.
pub const SIGNED_BATCH_MAX: usize = 16;
/// Roots of one tree whose signatures were found right and are not looked at again.
pub const SIGNED_ROOTS_KEPT: usize = 64;
/// Signatures that are looked at for one previous hop, a second (about 70 µs each).
pub const SIGNATURE_CHECKS_PER_SECOND: u64 = 8_000;
/// … and of these at once.
pub const SIGNATURE_CHECKS_BURST: u64 = 1_000;
/// Signatures of one previous hop that may be wrong, a second and at once; beyond, it is believed only what needs no check.
pub const SIGNATURE_FAILURES_PER_SECOND: u64 = 50;
/// Previous hops whose checks are counted at once; others' casts are dropped meanwhile.
pub const SIGNED_HOPS_MAX: usize = 4_096;
