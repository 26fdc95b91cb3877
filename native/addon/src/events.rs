//! Events and figures as JavaScript objects: one object type whose absent fields stay undefined.

use crate::parse::mode_name;
use napi::bindgen_prelude::{Either3, Null, Uint8Array};
use napi_derive::napi;
use std::collections::HashMap;
use weft_dataplane as dp;

#[napi(object)]
pub struct LocalGroup {
    pub group: String,
    pub mode: String,
    pub sources: Vec<String>,
}

/// Of a stranger: an address. Of a graft: the parent that fell silent, if there was one.
type EventFrom = Either3<String, u32, Null>;

#[napi(object)]
#[derive(Default)]
pub struct DataplaneEvent {
    pub kind: String,
    pub net: u32,
    pub peer: Option<u32>,
    pub bytes: Option<Uint8Array>,
    pub ask: Option<u32>,
    pub key: Option<Uint8Array>,
    pub hint: Option<Uint8Array>,
    pub from: Option<EventFrom>,
    pub transport: Option<String>,
    pub endpoint: Option<String>,
    pub observed: Option<String>,
    pub rtt_ms: Option<f64>,
    pub reason: Option<String>,
    pub groups: Option<Vec<LocalGroup>>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub link: Option<u32>,
    pub state: Option<String>,
    pub group: Option<String>,
    pub origin: Option<Uint8Array>,
    pub tree: Option<u32>,
    pub to: Option<u32>,
    pub bytes_per_second: Option<f64>,
    pub dropped: Option<f64>,
}

fn event(kind: &str, net: u32) -> DataplaneEvent {
    DataplaneEvent {
        kind: kind.into(),
        net,
        ..DataplaneEvent::default()
    }
}

fn group(g: dp::LocalGroup) -> LocalGroup {
    let sources = g.sources.iter().map(ToString::to_string).collect();
    LocalGroup {
        group: g.group.to_string(),
        mode: mode_name(g.mode).into(),
        sources,
    }
}

impl From<dp::Event> for DataplaneEvent {
    fn from(e: dp::Event) -> DataplaneEvent {
        match e {
            dp::Event::Control { net, peer, bytes } => DataplaneEvent {
                peer: Some(peer),
                bytes: Some(bytes.into()),
                ..event("control", net)
            },
            dp::Event::Stranger {
                net,
                ask,
                key,
                hint,
                from,
            } => DataplaneEvent {
                ask: Some(ask),
                key: Some(key.to_vec().into()),
                hint: Some(hint.into()),
                from: Some(Either3::A(from)),
                ..event("stranger", net)
            },
            dp::Event::Up {
                net,
                peer,
                transport,
                endpoint,
                link,
                observed,
                rtt_ms,
            } => DataplaneEvent {
                peer: Some(peer),
                transport: Some(transport),
                endpoint: Some(endpoint),
                link,
                observed,
                rtt_ms,
                ..event("up", net)
            },
            dp::Event::Down { net, peer, reason } => DataplaneEvent {
                peer: Some(peer),
                reason: Some(reason.into()),
                ..event("down", net)
            },
            dp::Event::Want { net, peer } => DataplaneEvent {
                peer: Some(peer),
                ..event("want", net)
            },
            dp::Event::Line {
                net,
                peer,
                bytes_per_second,
            } => DataplaneEvent {
                peer: Some(peer),
                bytes_per_second: Some(bytes_per_second as f64),
                ..event("line", net)
            },
            dp::Event::Suspect { net, peer } => DataplaneEvent {
                peer: Some(peer),
                ..event("suspect", net)
            },
            dp::Event::Link { link, state } => DataplaneEvent {
                link: Some(link),
                state: Some(match state {
                    dp::LinkState::Proven => "proven".into(),
                    dp::LinkState::Unused => "unused".into(),
                }),
                ..event("link", 0)
            },
            dp::Event::Groups { net, groups } => DataplaneEvent {
                groups: Some(groups.into_iter().map(group).collect()),
                ..event("groups", net)
            },
            dp::Event::Stream { net, group } => DataplaneEvent {
                group: Some(group.to_string()),
                ..event("stream", net)
            },
            dp::Event::StreamEnd { net, group } => DataplaneEvent {
                group: Some(group.to_string()),
                ..event("streamEnd", net)
            },
            dp::Event::Grafted {
                net,
                origin,
                tree,
                from,
                to,
            } => DataplaneEvent {
                origin: Some(origin.to_vec().into()),
                tree: Some(tree.into()),
                from: Some(from.map_or(Either3::C(Null), Either3::B)),
                to: Some(to),
                ..event("grafted", net)
            },
            dp::Event::TreeTrouble {
                net,
                origin,
                tree,
                code,
                peer,
            } => DataplaneEvent {
                origin: Some(origin.to_vec().into()),
                tree: Some(tree.into()),
                code: Some(code.into()),
                peer: Some(peer),
                ..event("treeTrouble", net)
            },
            dp::Event::Limited {
                net,
                peer,
                group,
                dropped,
            } => DataplaneEvent {
                peer,
                group: group.map(|g| g.to_string()),
                dropped: Some(dropped as f64),
                ..event("limited", net)
            },
            dp::Event::AdapterLost { net, message } => DataplaneEvent {
                message: Some(message),
                ..event("adapterLost", net)
            },
            dp::Event::Problem { net, code, message } => DataplaneEvent {
                code: Some(code.into()),
                message: Some(message),
                ..event("problem", net)
            },
        }
    }
}

#[napi(object)]
pub struct PeerStats {
    pub net: u32,
    pub peer: u32,
    pub rx_bytes: f64,
    pub tx_bytes: f64,
    pub rx_packets: f64,
    pub tx_packets: f64,
    pub rtt_ms: Option<f64>,
    pub silent_ms: Option<f64>,
    pub up: bool,
    pub transport: Option<String>,
    pub endpoint: Option<String>,
    pub link: Option<u32>,
}

#[napi(object)]
pub struct StreamStats {
    pub net: u32,
    pub group: String,
    pub bytes: f64,
}

#[napi(object)]
pub struct Stats {
    pub peers: Vec<PeerStats>,
    pub drops: HashMap<String, f64>,
    pub counters: HashMap<String, f64>,
    pub streams: Vec<StreamStats>,
    pub wakes: f64,
}

impl From<dp::PeerStats> for PeerStats {
    fn from(p: dp::PeerStats) -> PeerStats {
        PeerStats {
            net: p.net,
            peer: p.peer,
            rx_bytes: p.rx_bytes as f64,
            tx_bytes: p.tx_bytes as f64,
            rx_packets: p.rx_packets as f64,
            tx_packets: p.tx_packets as f64,
            rtt_ms: p.rtt_ms,
            silent_ms: p.silent_ms,
            up: p.up,
            transport: p.transport,
            endpoint: p.endpoint,
            link: p.link,
        }
    }
}

impl From<dp::Stats> for Stats {
    fn from(s: dp::Stats) -> Stats {
        let numbers = |m: std::collections::BTreeMap<&'static str, u64>| {
            m.into_iter()
                .map(|(name, n)| (name.to_string(), n as f64))
                .collect()
        };
        Stats {
            peers: s.peers.into_iter().map(Into::into).collect(),
            drops: numbers(s.drops),
            counters: numbers(s.counters),
            streams: s
                .streams
                .into_iter()
                .map(|stream| StreamStats {
                    net: stream.net,
                    group: stream.group.to_string(),
                    bytes: stream.bytes as f64,
                })
                .collect(),
            wakes: s.wakes as f64,
        }
    }
}
