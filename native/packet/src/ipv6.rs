//! IPv6 headers and the bounded walk along extension headers.

use crate::bytes::be16;
use crate::l3::{Fragment, Layout};
use crate::{DropReason, Version};

pub const IPV6_LEN: usize = 40;
/// Extension headers before L4; more are refused (no host sends them).
const EXTENSIONS_MAX: usize = 8;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
const OPTION_PAD1: u8 = 0;
const OPTION_ROUTER_ALERT: u8 = 5;
const PACKET_MAX: usize = 65_535;

/// The layout with all extension headers walked, and the packet's true length.
pub fn parse(b: &[u8]) -> Result<(Layout, usize), DropReason> {
    if b.len() < IPV6_LEN {
        return Err(DropReason::Truncated);
    }
    let total = IPV6_LEN + usize::from(be16(b, 4));
    if total > b.len() {
        return Err(DropReason::Truncated);
    }
    let mut layout = Layout {
        version: Version::V6,
        protocol: b[6],
        l4: IPV6_LEN as u16,
        fragment: None,
        source_route: false,
        router_alert: false,
    };
    walk(&b[..total], &mut layout)?;
    Ok((layout, total))
}

fn walk(b: &[u8], layout: &mut Layout) -> Result<(), DropReason> {
    let mut at = IPV6_LEN;
    for step in 0..=EXTENSIONS_MAX {
        let kind = layout.protocol;
        if !matches!(
            kind,
            HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6
        ) {
            return Ok(());
        }
        if step == EXTENSIONS_MAX {
            return Err(DropReason::HeaderChain);
        }
        // The hop-by-hop header stands first or nowhere (RFC 8200, 4.1).
        if kind == HOP_BY_HOP && step != 0 {
            return Err(DropReason::Malformed);
        }
        let rest = &b[at..];
        if rest.len() < 8 {
            return Err(DropReason::Truncated);
        }
        let len = match kind {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(rest[1]) + 2) * 4,
            _ => (usize::from(rest[1]) + 1) * 8,
        };
        if len > rest.len() {
            return Err(DropReason::Truncated);
        }
        layout.protocol = rest[0];
        at += len;
        layout.l4 = at as u16;
        match kind {
            ROUTING => layout.source_route = true,
            HOP_BY_HOP => layout.router_alert |= has_router_alert(&rest[2..len])?,
            FRAGMENT if layout.fragment.is_some() => return Err(DropReason::Malformed),
            FRAGMENT => {
                let fragment = Fragment {
                    offset: be16(rest, 2) & 0xfff8,
                    more: rest[3] & 1 != 0,
                };
                let payload = b.len() - at;
                if (fragment.more && payload % 8 != 0) || usize::from(fragment.offset) + payload > PACKET_MAX
                {
                    return Err(DropReason::Malformed);
                }
                layout.fragment = Some(fragment);
                if fragment.offset != 0 {
                    // What follows is not a header.
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn has_router_alert(mut options: &[u8]) -> Result<bool, DropReason> {
    let mut found = false;
    while let [kind, rest @ ..] = options {
        if *kind == OPTION_PAD1 {
            options = rest;
            continue;
        }
        let len = 2 + usize::from(*rest.first().ok_or(DropReason::Malformed)?);
        if len > options.len() {
            return Err(DropReason::Malformed);
        }
        found |= *kind == OPTION_ROUTER_ALERT;
        options = &options[len..];
    }
    Ok(found)
}
