//! IPv4 headers.

use crate::bytes::be16;
use crate::l3::{Fragment, Layout};
use crate::{DropReason, Version};

pub const IPV4_LEN_MIN: usize = 20;
const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_LSRR: u8 = 131;
const OPTION_SSRR: u8 = 137;
const OPTION_ROUTER_ALERT: u8 = 148;
pub const FLAG_DF: u16 = 0x4000;
const FLAG_MF: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;
const PACKET_MAX: usize = 65_535;

/// The header's layout and the packet's true length.
pub fn parse(b: &[u8]) -> Result<(Layout, usize), DropReason> {
    if b.len() < IPV4_LEN_MIN {
        return Err(DropReason::Truncated);
    }
    let header = usize::from(b[0] & 0x0f) * 4;
    let total = usize::from(be16(b, 2));
    if header < IPV4_LEN_MIN || total < header {
        return Err(DropReason::Malformed);
    }
    if total > b.len() {
        return Err(DropReason::Truncated);
    }
    let word = be16(b, 6);
    let fragment = Fragment {
        offset: (word & OFFSET_MASK) * 8,
        more: word & FLAG_MF != 0,
    };
    let fragment = if fragment.offset != 0 || fragment.more {
        Some(fragment)
    } else {
        None
    };
    if let Some(f) = fragment {
        let payload = total - header;
        if (f.more && payload % 8 != 0) || usize::from(f.offset) + payload > PACKET_MAX {
            return Err(DropReason::Malformed);
        }
    }
    let mut layout = Layout {
        version: Version::V4,
        protocol: b[9],
        l4: header as u16,
        fragment,
        source_route: false,
        router_alert: false,
    };
    if header > IPV4_LEN_MIN {
        walk_options(&b[IPV4_LEN_MIN..header], &mut layout)?;
    }
    Ok((layout, total))
}

fn walk_options(mut options: &[u8], layout: &mut Layout) -> Result<(), DropReason> {
    while let [kind, rest @ ..] = options {
        match *kind {
            OPTION_END => return Ok(()),
            OPTION_NOP => options = rest,
            kind => {
                let len = usize::from(*rest.first().ok_or(DropReason::Malformed)?);
                if len < 2 || len > options.len() {
                    return Err(DropReason::Malformed);
                }
                layout.source_route |= kind == OPTION_LSRR || kind == OPTION_SSRR;
                layout.router_alert |= kind == OPTION_ROUTER_ALERT;
                options = &options[len..];
            }
        }
    }
    Ok(())
}
