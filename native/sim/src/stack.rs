//! The network stack of a simulated host, as far as groups need it: it joins and leaves by IGMPv3 and MLDv2 reports and answers
//! the querier, as Linux does.

use crate::node::Addresses;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_forward::{FilterMode, SourceFilter};
use weft_packet::report::Message;
use weft_packet::{Frame, L3, Mac, checksum, ether, igmp, mld, protocol};

const ALL_ROUTERS_4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const ALL_ROUTERS_6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// Records of one report, so that it fits any MTU.
const RECORDS_MAX: usize = 16;
const IGMP_REPORT: u8 = 0x22;
const MLD_REPORT: u8 = 143;
/// Options and extensions with the router alert.
const ALERT_4: [u8; 4] = [0x94, 4, 0, 0];
const ALERT_6: [u8; 8] = [protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0];

/// Type of a group record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// The present state, when asked.
    Is,
    /// A change.
    To,
}

/// What the host's applications joined, on all its adapters.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    joined: BTreeMap<IpAddr, SourceFilter>,
}

impl Stack {
    /// True when that is news.
    pub fn join(&mut self, group: IpAddr, filter: SourceFilter) -> bool {
        self.joined.insert(group, filter.clone()) != Some(filter)
    }

    /// True when it was joined.
    pub fn leave(&mut self, group: IpAddr) -> bool {
        self.joined.remove(&group).is_some()
    }

    /// Reports about one group: its present filter, or that it was left.
    pub fn report_change(&self, own: &Addresses, group: IpAddr) -> Vec<u8> {
        let left = SourceFilter::new(FilterMode::Include, Vec::new());
        let filter = self.joined.get(&group).unwrap_or(&left);
        report(own, Say::To, &[(group, filter)])
    }

    /// Ethernet frames with all memberships of one family.
    pub fn report_all(&self, own: &Addresses, v4: bool) -> Vec<Vec<u8>> {
        let family: Vec<(IpAddr, &SourceFilter)> = self
            .joined
            .iter()
            .filter(|(group, _)| group.is_ipv4() == v4)
            .map(|(g, f)| (*g, f))
            .collect();
        family
            .chunks(RECORDS_MAX)
            .map(|records| report(own, Say::Is, records))
            .collect()
    }
}

/// What a frame of the data plane asks: the family, and within which time to answer, µs.
pub fn question(frame: &[u8]) -> Option<(bool, u64)> {
    let packet = L3::parse(Frame::parse(frame).ok()?.payload()).ok()?;
    let is_query = |m: Result<Message<'_>, _>| matches!(m, Ok(Message::Query));
    match packet.protocol() {
        protocol::IGMP if is_query(igmp::parse(&packet)) => Some((true, u64::from(packet.l4()[1]) * 100_000)),
        protocol::ICMPV6 if is_query(mld::parse(&packet)) => {
            let ms = u16::from_be_bytes([packet.l4()[4], packet.l4()[5]]);
            Some((false, u64::from(ms) * 1_000))
        }
        _ => None,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// One report about groups of one family.
fn report(own: &Addresses, say: Say, records: &[(IpAddr, &SourceFilter)]) -> Vec<u8> {
    let v4 = records.first().is_some_and(|(group, _)| group.is_ipv4());
    let mut body = vec![if v4 { IGMP_REPORT } else { MLD_REPORT }, 0, 0, 0, 0, 0];
    body.extend((records.len() as u16).to_be_bytes());
    for (group, filter) in records {
        let kind = match (say, filter.mode) {
            (Say::Is, FilterMode::Include) => 1,
            (Say::Is, FilterMode::Exclude) => 2,
            (Say::To, FilterMode::Include) => 3,
            (Say::To, FilterMode::Exclude) => 4,
        };
        body.extend([kind, 0]);
        body.extend((filter.sources.len() as u16).to_be_bytes());
        body.extend(octets(*group));
        filter
            .sources
            .iter()
            .for_each(|source| body.extend(octets(*source)));
    }
    if v4 { frame4(own, body) } else { frame6(own, body) }
}

fn frame4(own: &Addresses, mut igmp: Vec<u8>) -> Vec<u8> {
    let check = checksum::finish(checksum::sum(&igmp));
    igmp[2..4].copy_from_slice(&check.to_be_bytes());
    let source = own.ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let mut ip = vec![0x46, 0xc0];
    ip.extend((24 + igmp.len() as u16).to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 1, protocol::IGMP, 0, 0]);
    ip.extend(source.octets());
    ip.extend(ALL_ROUTERS_4.octets());
    ip.extend(ALERT_4);
    let check = checksum::finish(checksum::sum(&ip));
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    framed(own, ALL_ROUTERS_4.into(), ether::ETHERTYPE_IPV4, &[&ip, &igmp])
}

fn frame6(own: &Addresses, mut mld: Vec<u8>) -> Vec<u8> {
    let addresses = [own.link_local.octets(), ALL_ROUTERS_6.octets()].concat();
    let sum = checksum::pseudo(&addresses, protocol::ICMPV6, mld.len()) + checksum::sum(&mld);
    mld[2..4].copy_from_slice(&checksum::finish(sum).to_be_bytes());
    let mut ip = vec![0x60, 0, 0, 0];
    ip.extend(((ALERT_6.len() + mld.len()) as u16).to_be_bytes());
    ip.extend([0, 1]);
    ip.extend(addresses);
    framed(
        own,
        ALL_ROUTERS_6.into(),
        ether::ETHERTYPE_IPV6,
        &[&ip, &ALERT_6, &mld],
    )
}

fn framed(own: &Addresses, to: IpAddr, ethertype: u16, parts: &[&[u8]]) -> Vec<u8> {
    let mut frame = ether::header(Mac::of_group(to), own.mac, ethertype).to_vec();
    parts.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

/// An application's packet under the Ethernet header that the kernel would give it.
pub fn ethernet(own: &Addresses, packet: &[u8]) -> Vec<u8> {
    let ethertype = if packet.first().is_some_and(|b| b >> 4 == 6) {
        ether::ETHERTYPE_IPV6
    } else {
        ether::ETHERTYPE_IPV4
    };
    // The data plane looks at the packet, not at where its frame goes.
    let mut frame = ether::header(Mac::BROADCAST, own.mac, ethertype).to_vec();
    frame.extend_from_slice(packet);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_forward::{LocalGroups, QUERY_MAX, Snooper, SnooperConfig};

    fn own() -> Addresses {
        Addresses {
            ipv4: Some(Ipv4Addr::new(10, 1, 2, 3)),
            ipv6: "fd00::1".parse().unwrap(),
            link_local: "fe80::1".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
        }
    }

    fn hear(snooper: &mut Snooper, frame: &[u8]) {
        let packet = L3::parse(Frame::parse(frame).unwrap().payload()).unwrap();
        snooper.handle(1, &packet).unwrap();
    }

    #[test]
    fn the_snooper_understands_joins_and_leaves() {
        let any = SourceFilter::new(FilterMode::Exclude, Vec::new());
        let one = SourceFilter::new(FilterMode::Include, vec!["fd00::9".parse().unwrap()]);
        let groups: [(IpAddr, SourceFilter); 2] = [
            ("239.1.1.1".parse().unwrap(), any),
            ("ff15::1".parse().unwrap(), one),
        ];
        let (mut stack, mut snooper) = (Stack::default(), Snooper::new(SnooperConfig::default()));
        snooper.attach(0);
        for (group, filter) in &groups {
            assert!(stack.join(*group, filter.clone()));
            assert!(!stack.join(*group, filter.clone()));
            hear(&mut snooper, &stack.report_change(&own(), *group));
        }
        assert_eq!(snooper.local(), LocalGroups::new(groups.to_vec()));
        let mut fresh = Snooper::new(SnooperConfig::default());
        fresh.attach(0);
        let mut query = [0; QUERY_MAX];
        while let Some(n) = fresh.poll_query(&mut query) {
            let (v4, within) = question(&query[..n]).unwrap();
            assert_eq!(within, 100_000);
            stack
                .report_all(&own(), v4)
                .iter()
                .for_each(|frame| hear(&mut fresh, frame));
        }
        assert_eq!(fresh.local(), snooper.local());
        for (group, _) in &groups {
            assert!(stack.leave(*group));
            hear(&mut fresh, &stack.report_change(&own(), *group));
        }
        assert_eq!(fresh.local(), LocalGroups::default());
    }
}
