//! Events, figures and options as JavaScript objects.

use super::parse::mode_name;
use crate::api::{Event, LocalGroup, PeerStats};
use crate::receipts::Audit;
use crate::traffic::{Count, Kind, Traffic};
use napi::bindgen_prelude::{Either3, Null, Uint8Array};
use napi_derive::napi;
use std::collections::HashMap;
use std::net::IpAddr;
use weft_forward::tree::TreeEvent;

#[napi(object, js_name = "LocalGroup")]
pub struct JsLocalGroup {
    pub group: String,
    pub mode: String,
    pub sources: Vec<String>,
}

/// One type whose absent fields stay undefined.
#[napi(object, js_name = "DataplaneEvent")]
#[derive(Default)]
pub struct JsEvent {
    pub kind: String,
    pub net: u32,
    pub peer: Option<u32>,
    /// Of a control message, which lies in the poll's common array.
    pub length: Option<u32>,
    pub ask: Option<u32>,
    pub key: Option<Uint8Array>,
    pub hint: Option<Uint8Array>,
    /// An endpoint; of a graft a peer or null.
    pub from: Option<Either3<String, u32, Null>>,
    pub transport: Option<String>,
    pub endpoint: Option<String>,
    pub observed: Option<String>,
    pub rtt_ms: Option<f64>,
    pub reason: Option<String>,
    pub groups: Option<Vec<JsLocalGroup>>,
    pub group: Option<String>,
    pub origin: Option<Uint8Array>,
    pub tree: Option<u32>,
    pub to: Option<u32>,
    pub bytes_per_second: Option<f64>,
    pub dropped: Option<f64>,
    pub code: Option<String>,
    pub message: Option<String>,
}

fn event(kind: &str, net: u32) -> JsEvent {
    JsEvent {
        kind: kind.into(),
        net,
        ..JsEvent::default()
    }
}

fn tree_event(net: u32, told: TreeEvent) -> JsEvent {
    let origin = |origin: u64| Some(origin.to_be_bytes().to_vec().into());
    match told {
        TreeEvent::Grafted { name, from, to } => JsEvent {
            origin: origin(name.origin),
            tree: Some(name.tree.into()),
            from: Some(from.map_or(Either3::C(Null), Either3::B)),
            to: Some(to),
            ..event("grafted", net)
        },
        TreeEvent::Trouble { name, code, peer } => JsEvent {
            origin: origin(name.origin),
            tree: Some(name.tree.into()),
            code: Some(code.name().into()),
            peer: Some(peer),
            ..event("treeTrouble", net)
        },
        TreeEvent::Excess { name, hop, dropped } => JsEvent {
            origin: name.and_then(|name| origin(name.origin)),
            peer: Some(hop),
            dropped: Some(dropped as f64),
            ..event("limited", net)
        },
    }
}

fn group(g: LocalGroup) -> JsLocalGroup {
    let sources = g.sources.iter().map(ToString::to_string).collect();
    JsLocalGroup {
        group: g.group.to_string(),
        mode: mode_name(g.mode).into(),
        sources,
    }
}

/// Events of one poll. Their messages follow one another in one array: an array for each costs more than all else here.
#[napi(object, js_name = "Polled")]
pub struct JsPolled {
    pub events: Vec<JsEvent>,
    pub bytes: Uint8Array,
}

impl JsPolled {
    pub fn of(events: Vec<Event>) -> JsPolled {
        let mut all = Vec::new();
        for event in &events {
            if let Event::Control { bytes, .. } = event {
                all.extend_from_slice(bytes);
            }
        }
        let events = events.into_iter().map(Into::into).collect();
        JsPolled {
            events,
            bytes: all.into(),
        }
    }
}

impl From<Event> for JsEvent {
    fn from(e: Event) -> JsEvent {
        match e {
            Event::Control { net, peer, bytes } => JsEvent {
                peer: Some(peer),
                length: Some(bytes.len() as u32),
                ..event("control", net)
            },
            Event::Stranger {
                net,
                ask,
                key,
                hint,
                from,
            } => JsEvent {
                ask: Some(ask),
                key: Some(key.to_vec().into()),
                hint: Some(hint.into()),
                from: Some(Either3::A(from)),
                ..event("stranger", net)
            },
            Event::Up {
                net,
                peer,
                transport,
                endpoint,
                observed,
                rtt_ms,
            } => JsEvent {
                peer: Some(peer),
                transport: Some(transport.into()),
                endpoint: Some(endpoint),
                observed,
                rtt_ms,
                ..event("up", net)
            },
            Event::Down { net, peer, reason } => JsEvent {
                peer: Some(peer),
                reason: Some(reason.into()),
                ..event("down", net)
            },
            Event::Want { net, peer } => JsEvent {
                peer: Some(peer),
                ..event("want", net)
            },
            Event::Line {
                net,
                peer,
                bytes_per_second,
            } => JsEvent {
                peer: Some(peer),
                bytes_per_second: Some(bytes_per_second as f64),
                ..event("line", net)
            },
            Event::Suspect { net, peer } => JsEvent {
                peer: Some(peer),
                ..event("suspect", net)
            },
            Event::Groups { net, groups } => JsEvent {
                groups: Some(groups.into_iter().map(group).collect()),
                ..event("groups", net)
            },
            Event::Stream { net, group } => JsEvent {
                group: Some(group.to_string()),
                ..event("stream", net)
            },
            Event::StreamEnd { net, group } => JsEvent {
                group: Some(group.to_string()),
                ..event("streamEnd", net)
            },
            Event::Tree { net, event } => tree_event(net, event),
            Event::Problem { net, code, message } => JsEvent {
                code: Some(code.into()),
                message: Some(message),
                ..event("problem", net)
            },
        }
    }
}

#[napi(object, js_name = "PeerStats")]
pub struct JsPeerStats {
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
}

/// What the host sent to a group since its `stream`.
#[napi(object, js_name = "StreamStats")]
pub struct JsStreamStats {
    pub net: u32,
    pub group: String,
    pub bytes: f64,
}

impl JsStreamStats {
    pub fn of((net, group, bytes): (u32, IpAddr, u64)) -> JsStreamStats {
        JsStreamStats {
            net,
            group: group.to_string(),
            bytes: bytes as f64,
        }
    }
}

#[napi(object, js_name = "Stats")]
#[derive(Default)]
pub struct JsStats {
    pub peers: Vec<JsPeerStats>,
    pub streams: Vec<JsStreamStats>,
    pub drops: HashMap<String, f64>,
    pub counters: HashMap<String, f64>,
    pub wakes: f64,
}

impl From<PeerStats> for JsPeerStats {
    fn from(p: PeerStats) -> JsPeerStats {
        JsPeerStats {
            net: p.net,
            peer: p.peer,
            rx_bytes: p.rx_bytes as f64,
            tx_bytes: p.tx_bytes as f64,
            rx_packets: p.rx_packets as f64,
            tx_packets: p.tx_packets as f64,
            rtt_ms: p.rtt_ms,
            silent_ms: p.silent_ms,
            up: p.up,
            transport: p.transport.map(Into::into),
            endpoint: p.endpoint,
        }
    }
}

/// Counts by name.
pub fn numbers(map: impl IntoIterator<Item = (&'static str, u64)>) -> HashMap<String, f64> {
    map.into_iter()
        .map(|(name, n)| (name.to_string(), n as f64))
        .collect()
}

#[napi(object, js_name = "Audit")]
pub struct JsAudit {
    pub sent: f64,
    pub delivered: f64,
    pub duplicates: f64,
    pub delay_sum_ms: f64,
    pub delay_max_ms: f64,
    pub gap_max_ms: f64,
    pub gaps_ms: Vec<f64>,
    pub missing: Vec<u32>,
}

pub fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

impl From<Audit> for JsAudit {
    fn from(a: Audit) -> JsAudit {
        JsAudit {
            sent: a.sent as f64,
            delivered: a.delivered as f64,
            duplicates: a.duplicates as f64,
            delay_sum_ms: ms(a.delay_sum_us),
            delay_max_ms: ms(a.delay_max_us),
            gap_max_ms: ms(a.gap_max_us),
            gaps_ms: a.gaps_us.into_iter().map(ms).collect(),
            missing: a.missing,
        }
    }
}

#[napi(object, js_name = "Count")]
pub struct JsCount {
    pub frames: f64,
    pub bytes: f64,
}

impl From<Count> for JsCount {
    fn from(c: Count) -> JsCount {
        JsCount {
            frames: c.frames as f64,
            bytes: c.bytes as f64,
        }
    }
}

#[napi(object, js_name = "Kind")]
pub struct JsKind {
    pub name: String,
    pub frames: f64,
    pub bytes: f64,
}

#[napi(object, js_name = "Traffic")]
pub struct JsTraffic {
    pub hello: JsCount,
    pub control: JsCount,
    pub packet: JsCount,
    pub cast: JsCount,
    pub carry: JsCount,
}

impl From<&Traffic> for JsTraffic {
    fn from(t: &Traffic) -> JsTraffic {
        JsTraffic {
            hello: t.get(Kind::Hello).into(),
            control: t.get(Kind::Control).into(),
            packet: t.get(Kind::Packet).into(),
            cast: t.get(Kind::Cast).into(),
            carry: t.get(Kind::Carry).into(),
        }
    }
}

#[napi(object, js_name = "NodeReport")]
pub struct JsNodeReport {
    pub sent: JsTraffic,
    pub received: JsTraffic,
    pub casts_sealed: f64,
    pub copies_own: f64,
    pub copies_relayed: f64,
    pub copies_again: f64,
    pub outdegree_max: f64,
    pub own_by_copies: Vec<f64>,
    pub casts_unwanted: f64,
    pub delivered: f64,
    pub lost_queue: f64,
    pub drops: HashMap<String, f64>,
}

#[napi(object, js_name = "UnderlayReport")]
pub struct JsUnderlayReport {
    pub sent: f64,
    pub arrived: f64,
    pub lost_chance: f64,
    pub lost_queue: f64,
    pub lost_nat: f64,
    pub lost_partition: f64,
    pub lost_dead: f64,
    pub no_route: f64,
    pub stress_mean: f64,
    pub stress_max: u32,
}
