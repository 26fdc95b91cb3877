//! What a host says about its memberships: the common shape of IGMPv1–3 and MLDv1–2.

use crate::bytes::{array, be16};
use crate::{DropReason, Version};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One membership message from a host.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// "I am in this group", from every source (IGMPv1, IGMPv2, MLDv1).
    Join(IpAddr),
    /// "I left this group" (IGMPv2, MLDv1).
    Leave(IpAddr),
    /// Filters and their changes (IGMPv3, MLDv2).
    Records(Records<'a>),
    /// A querier's question: not a host's report.
    Query,
}

/// Type of a group record (RFC 3376, 4.2.12; RFC 3810, 5.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    IsInclude,
    IsExclude,
    ToInclude,
    ToExclude,
    Allow,
    Block,
}

/// One group's record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub kind: RecordKind,
    pub group: IpAddr,
    pub sources: Sources<'a>,
}

/// Group records of a report, checked to lie inside the message. Records of unknown type are skipped (as the RFCs say).
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    version: Version,
    rest: &'a [u8],
}

/// Source addresses of a record.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    version: Version,
    rest: &'a [u8],
}

fn address_len(version: Version) -> usize {
    match version {
        Version::V4 => 4,
        Version::V6 => 16,
    }
}

pub(crate) fn address(version: Version, b: &[u8], at: usize) -> IpAddr {
    match version {
        Version::V4 => IpAddr::V4(Ipv4Addr::from(array::<4>(b, at))),
        Version::V6 => IpAddr::V6(Ipv6Addr::from(array::<16>(b, at))),
    }
}

impl<'a> Records<'a> {
    /// `count` records at the start of `b`.
    pub(crate) fn parse(version: Version, b: &'a [u8], count: u16) -> Result<Self, DropReason> {
        let mut at = 0;
        for _ in 0..count {
            at += record_len(version, b.get(at..).ok_or(DropReason::Truncated)?)?;
        }
        Ok(Records {
            version,
            rest: &b[..at],
        })
    }
}

/// Bytes of the record at the start of `b`, all of them present.
fn record_len(version: Version, b: &[u8]) -> Result<usize, DropReason> {
    let fixed = 4 + address_len(version);
    if b.len() < fixed {
        return Err(DropReason::Truncated);
    }
    let len = fixed + usize::from(be16(b, 2)) * address_len(version) + usize::from(b[1]) * 4;
    if len > b.len() {
        Err(DropReason::Truncated)
    } else {
        Ok(len)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            let b = self.rest;
            let len = record_len(self.version, b).ok()?;
            self.rest = &b[len..];
            let kind = match b[0] {
                1 => RecordKind::IsInclude,
                2 => RecordKind::IsExclude,
                3 => RecordKind::ToInclude,
                4 => RecordKind::ToExclude,
                5 => RecordKind::Allow,
                6 => RecordKind::Block,
                _ => continue,
            };
            let from = 4 + address_len(self.version);
            let to = from + usize::from(be16(b, 2)) * address_len(self.version);
            let sources = Sources {
                version: self.version,
                rest: &b[from..to],
            };
            return Some(Record {
                kind,
                group: address(self.version, b, 4),
                sources,
            });
        }
    }
}

impl Sources<'_> {
    pub fn count(&self) -> usize {
        self.rest.len() / address_len(self.version)
    }
}

impl Iterator for Sources<'_> {
    type Item = IpAddr;

    fn next(&mut self) -> Option<IpAddr> {
        if self.rest.is_empty() {
            return None;
        }
        let source = address(self.version, self.rest, 0);
        self.rest = &self.rest[address_len(self.version)..];
        Some(source)
    }
}
