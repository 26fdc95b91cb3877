//! Answers address resolution for other members: their packets travel through us, so nobody else can.

use crate::{DropReason, Table};
use weft_packet::{Frame, L3};

/// Longest answer in bytes (Ethernet frame, without virtio-net header).
pub const ANSWER_MAX: usize = 128;

/// An ARP frame from the adapter. Writes the reply (a whole Ethernet frame) to `out` and returns its length.
///
/// # Errors
/// `Unanswered`: not a request, a probe (sender 0.0.0.0), gratuitous, for an own or an unknown address. `Malformed`, `Truncated`.
pub fn answer_arp(_table: &Table, _frame: &Frame<'_>, _out: &mut [u8; ANSWER_MAX]) -> Result<usize, DropReason> {
    todo!()
}

/// A packet for which [`Table::classify`] said `Answer`. Writes the neighbour advertisement (a whole Ethernet frame) to
/// `out` and returns its length. `frame`: the frame it came in.
///
/// # Errors
/// `Unanswered`: DAD (source ::), for an own or an unknown address. `Malformed`.
pub fn answer_nd(_table: &Table, _frame: &Frame<'_>, _packet: &L3<'_>, _out: &mut [u8; ANSWER_MAX]) -> Result<usize, DropReason> {
    todo!()
}
