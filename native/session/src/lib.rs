//! Sessions between neighbours: handshake, sealing, replay windows, renewal, liveness, roaming, control messages.
//!
//! Sans-IO: no threads, sockets, clocks or randomness of its own. Time is an input, in microseconds of any clock that
//! goes on during suspend. Two halves:
//!
//! - **Hot**, used per packet: [`Tx`] seals (shared, lock-free), [`Rx`] opens (one thread), [`CastTx`] and [`CastRx`]
//!   do the same for multicast, [`fragment`] cuts what is too long for a path.
//! - **Cold**: [`Sessions`] decides. Give it handshake datagrams (`handle`), what the hot half says to `tell`
//!   (`opened`), time (`handle_timeout` at `next_deadline`) and commands; then drain `poll_output` until it is empty.

mod aead;
mod api;
pub mod bundle;
mod by_handle;
mod cast;
mod cast_rx;
mod control;
mod core;
mod drops;
mod ended;
pub mod fragment;
mod gate;
mod guard;
mod handshake;
mod heard;
mod hop;
mod idle;
mod lateness;
mod lifecycle;
pub mod limits;
mod line;
mod mac;
mod noise;
mod path;
mod peer;
mod peers;
#[cfg(feature = "plaintext")]
mod plaintext;
mod proof;
mod rtt;
mod rx;
mod sessions;
mod signed;
mod slots;
mod strangers;
mod timers;
mod tx;
mod upkeep;
mod window;
pub mod wire;

pub use aead::{Secret, Suite, TAG};
pub use api::{
    DownReason, Entropy, Event, Heard, Level, NetworkConfig, Options, Output, PeerConfig, PeerStats,
};
pub use by_handle::ByHandle;
pub use cast::{AUTH_SHARED, CastTx, SenderKey, TREE_SCOPE, TREE_SUITE};
pub use cast_rx::{CastRx, HeldCast, OpenedCast};
pub use drops::{DropReason, Drops};
pub use hop::{Hop, Traffic};
pub use noise::public_key;
pub use path::{Path, PathCell};
pub use proof::{Leaves, PROOF_MAX, Proofs, proof_len};
pub use rx::{HopCarry, HopCast, Opened, Rx, RxSession};
pub use sessions::Sessions;
pub use signed::{AUTH_SIGNED, CastSigner, SignedRx};
pub use tx::Tx;
pub use window::Window;
