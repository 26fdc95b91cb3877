// Every limit of the stream transports, by name and unit.

/** A dial ends by itself. */
export const DIAL_TIMEOUT_MS = 8_000;
/** A link by which no authentic frame came is closed. */
export const LINK_PROVE_MS = 10_000;
/** A link that somebody else opened and no session uses is kept as a spare for this long after the data plane called it unused. */
export const LINK_SPARE_MS = 540_000;
/** Links opened by others that have not proven themselves; the oldest makes room. */
export const LINKS_UNPROVEN_MAX = 256;
/** How often deadlines of links are looked at. */
export const LINK_SWEEP_MS = 1_000;

/** Bytes that one take asks of the data plane: many frames per write. */
export const TAKE_BYTES = 65_536;
/** Bytes that may wait in one link outside of the kernel. The bound starts in the middle and follows how quickly the link drains. */
export const BUFFER_BYTES_MIN = 4_096;
export const BUFFER_BYTES_START = 131_072;
export const BUFFER_BYTES_MAX = 524_288;
/** A link that was full and took longer than this to drain gets half the bound … */
export const DRAIN_SLOW_MS = 60;
/** … and one that took less gets the double. */
export const DRAIN_QUICK_MS = 15;
/** Largest message or payload that is taken from the other side, bytes. */
export const RECEIVE_BYTES_MAX = 131_072;

/** Sockets of one shared port that are open, links included. */
export const SOCKETS_MAX = 2_048;
/** … from one source: an IPv4 address or an IPv6 /64. Whole offices sit behind one address. */
export const SOCKETS_PER_SOURCE_MAX = 64;
/** … that are no link yet; the oldest makes room. */
export const SOCKETS_UNCLAIMED_MAX = 256;
/** From the connection to the first byte, and again from the TLS handshake to the first byte inside. */
export const FIRST_BYTE_TIMEOUT_MS = 10_000;
/** From the connection until it belongs to a link: TLS handshakes and HTTP requests have no other deadline. */
export const CLAIM_TIMEOUT_MS = 15_000;
/** A connection of a polling link stays this long after its last request. A poll hangs up to POLL_PING_MS. */
export const POLL_SOCKET_IDLE_MS = 60_000;
export const HTTP_HEADER_BYTES_MAX = 8_192;
/** The other side's dead TCP connections are found after about this and some probes. */
export const TCP_KEEPALIVE_MS = 60_000;

export const POLL_SESSIONS_MAX = 256;
/** The listener answers an idle poll after this: shorter than what proxies usually allow. */
export const POLL_PING_MS = 25_000;
export const POLL_PING_TIMEOUT_MS = 20_000;
/** Text of one payload: base64 of what a link may hold in its buffer, and room for lengths. */
export const POLL_PAYLOAD_BYTES_MAX = 786_432;

/** WebRTC: gathering, letters through other members and the checks of all pairs of addresses take longer than a dial. */
export const WEBRTC_DIAL_TIMEOUT_MS = 20_000;
/** Under way at once, all networks together. */
export const WEBRTC_DIALS_MAX = 16;
/** A message that fits into one packet: a loss takes no other frames along. Used while the channel keeps up … */
export const WEBRTC_PACKET_BYTES = 1_150;
/** … and this when frames queue. Every implementation takes it in one piece. */
export const WEBRTC_BATCH_BYTES_MAX = 16_384;
/** What waits unseen inside of the SCTP stack, of all that the pump counts as gone: the less, the sooner it notices a slow way. */
export const WEBRTC_STACK_BYTES = 262_144;
/** The library's threads end when nobody has used it for this long. */
export const WEBRTC_REST_MS = 30_000;
/** Messages that come before the link is started. */
export const WEBRTC_EARLY_MAX = 64;
/** What one side says of itself at once. */
export const WEBRTC_SIGNAL_BYTES_MAX = 8_192;
/** Descriptions and candidates found within this time travel together. */
export const WEBRTC_SIGNAL_COALESCE_MS = 30;
/** Signals that wait for the library to be loaded. */
export const WEBRTC_SIGNALS_WAITING_MAX = 64;
/** Candidates taken from the other side, all signals together. */
export const WEBRTC_CANDIDATES_MAX = 32;

/** Reading settings of the desktop. */
export const DESKTOP_TIMEOUT_MS = 2_000;
export const PAC_FETCH_TIMEOUT_MS = 5_000;
export const PAC_BYTES_MAX = 1_048_576;
/** Time that a PAC file's function gets to answer, without waiting for DNS. */
export const PAC_RUN_MS = 500;
export const PAC_MEMORY_BYTES_MAX = 16_777_216;
/** Proxies of one answer that are tried. */
export const PROXIES_TRIED_MAX = 3;
