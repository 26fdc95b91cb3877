//! Answers address resolution for other members: their packets travel through us, so nobody else can.

use crate::{DropReason, Table};
use weft_packet::arp::{self, ARP_REPLY_LEN, Arp};
use weft_packet::nd::{self, ADVERTISEMENT_FRAME_LEN, Solicitation};
use weft_packet::{Frame, L3};

/// Longest answer in bytes (Ethernet frame, without virtio-net header).
pub const ANSWER_MAX: usize = 128;

/// An ARP frame from the adapter. Writes the reply (a whole Ethernet frame) to `out` and returns its length.
///
/// # Errors
/// `Unanswered`: not a request, a probe (sender 0.0.0.0), gratuitous, for an own or an unknown address. `Malformed`, `Truncated`.
pub fn answer_arp(table: &Table, frame: &Frame<'_>, out: &mut [u8; ANSWER_MAX]) -> Result<usize, DropReason> {
    let request = Arp::parse(frame.payload())?;
    if !request.is_request() || request.sender().is_unspecified() || request.sender() == request.target() {
        return Err(DropReason::Unanswered);
    }
    // An own address is never somebody else's, whoever claims it.
    let mac = (!table.is_own(request.target().into()))
        .then(|| table.peer_of_ipv4(request.target()))
        .flatten()
        .and_then(|peer| table.mac_of(peer))
        .ok_or(DropReason::Unanswered)?;
    out[..ARP_REPLY_LEN].copy_from_slice(&arp::reply(&request, mac));
    Ok(ARP_REPLY_LEN)
}

/// A packet for which [`Table::classify`] said `Answer`. Writes the neighbour advertisement (a whole Ethernet frame) to
/// `out` and returns its length. `frame`: the frame it came in.
///
/// # Errors
/// `Unanswered`: DAD (source ::), for an own or an unknown address. `Malformed`.
pub fn answer_nd(
    table: &Table,
    frame: &Frame<'_>,
    packet: &L3<'_>,
    out: &mut [u8; ANSWER_MAX],
) -> Result<usize, DropReason> {
    let question = Solicitation::parse(packet)?;
    if question.source.is_unspecified() {
        return Err(DropReason::Unanswered);
    }
    let mac = (!table.is_own(question.target.into()))
        .then(|| table.peer_of_ipv6(question.target))
        .flatten()
        .and_then(|peer| table.mac_of(peer))
        .ok_or(DropReason::Unanswered)?;
    out[..ADVERTISEMENT_FRAME_LEN].copy_from_slice(&nd::advertisement(&question, frame.src(), mac));
    Ok(ADVERTISEMENT_FRAME_LEN)
}
