//! One network as a node knows it.

use super::holds::Holds;
use super::relays::{Relay, Share};
use super::sending::TREE_FROM;
use super::trees::NetTrees;
use crate::api::{GroupConfig, NetworkConfig, PeerConfig};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use weft_forward::{LocalGroups, Member, Own, ReceiverList, Snooper, SnooperConfig, Table, TableBuilder};
use weft_session::{ByHandle, CastSigner, CastTx, Secret, SenderKey, Suite, Tx};

pub struct PeerEntry {
    /// Members exchange packets; strangers only control messages.
    pub is_member: bool,
    pub names: Member,
    /// The sealing keys; none without a session.
    pub tx: Option<Arc<Tx>>,
    /// Name of the sender key that it was given, 0 for none.
    pub given: u32,
    /// Neighbours that its flows are spread over while it is relayed.
    pub shares: Box<[Share]>,
}

/// A group as the engine told of it.
struct Group {
    receivers: Arc<ReceiverList>,
    repaired: bool,
    signed: bool,
}

pub struct Net {
    pub config: NetworkConfig,
    pub peers: ByHandle<PeerEntry>,
    pub cast: Arc<CastTx>,
    /// What casts of own trees are signed with, where they are.
    pub signer: Arc<CastSigner>,
    pub holds: Holds,
    pub snooper: Snooper,
    pub attached: bool,
    pub relay: Relay,
    pub trees: NetTrees,
    /// What applications here joined.
    pub local: LocalGroups,
    groups: BTreeMap<IpAddr, Group>,
    table: Option<Table>,
}

/// Fresh randomness for each start and each rotation.
pub fn new_sender_key(origin: [u8; 8], rng: &mut Rng) -> Arc<CastTx> {
    let mut key = Secret::default();
    rng.fill(&mut key[..]);
    // 0 means "none was given".
    let key_id = (rng.draw() as u32).max(1);
    Arc::new(CastTx::new(
        origin,
        SenderKey {
            key_id,
            scope: 0,
            lowest: 0,
            suite: Suite::Aes256Gcm,
            key,
        },
    ))
}

/// Its seed is no secret here: it takes nothing from the run's chance.
fn signer_of(config: &NetworkConfig) -> CastSigner {
    let mut seed = config.secret_key.clone();
    seed.iter_mut().for_each(|byte| *byte ^= 0x55);
    CastSigner::new(config.network_id, config.origin, &seed)
}

impl Net {
    pub fn new(config: NetworkConfig, rng: &mut Rng) -> Net {
        let relay = Relay::default();
        Net {
            cast: new_sender_key(config.origin, rng),
            signer: Arc::new(signer_of(&config)),
            config,
            peers: ByHandle::default(),
            holds: Holds::default(),
            snooper: Snooper::new(SnooperConfig::default()),
            attached: false,
            trees: NetTrees::new(relay.budget.clone()),
            relay,
            local: LocalGroups::default(),
            groups: BTreeMap::new(),
            table: None,
        }
    }

    /// Members or groups changed: the table is made anew when next needed.
    pub fn change(&mut self) {
        self.table = None;
    }

    pub fn set_group(&mut self, config: GroupConfig) {
        // The table holds the lists, too: they are copied unless it goes first.
        self.change();
        let GroupConfig {
            group,
            receivers,
            repaired,
            signed,
            more,
        } = config;
        let known = more.then(|| self.groups.get_mut(&group)).flatten();
        if let Some(known) = known {
            Arc::make_mut(&mut known.receivers).extend(receivers);
        } else if receivers.is_empty() && !signed {
            self.groups.remove(&group);
        } else {
            let receivers = Arc::new(receivers.into_iter().collect());
            let known = Group {
                receivers,
                repaired,
                signed,
            };
            self.groups.insert(group, known);
        }
    }

    /// From more receivers than this on, the group takes trees.
    pub fn directly(&self, group: IpAddr) -> usize {
        match self.groups.get(&group) {
            Some(known) if known.repaired => 0,
            _ => TREE_FROM,
        }
    }

    /// Brings the table up to date. `port`: the UDP port of this process.
    pub fn table(&mut self, port: u16) -> &Table {
        let Net {
            config,
            peers,
            groups,
            table,
            ..
        } = self;
        table.get_or_insert_with(|| {
            let mut builder = TableBuilder::new(own_of(config));
            builder.own_ports(&[port]);
            for entry in peers.values().filter(|entry| entry.is_member) {
                builder.member(entry.names.clone());
            }
            for (address, group) in groups.iter() {
                if !group.receivers.is_empty() {
                    builder.shared_group(*address, group.receivers.clone());
                }
                if group.signed {
                    builder.signed(*address);
                }
            }
            builder.build()
        })
    }

    pub fn next_deadline(&self) -> u64 {
        let snooper = if self.attached {
            self.snooper.next_deadline()
        } else {
            None
        };
        let others = self.holds.next_deadline().min(self.trees.next_deadline());
        snooper.unwrap_or(u64::MAX).min(others)
    }
}

fn own_of(config: &NetworkConfig) -> Own {
    Own {
        origin: u64::from_be_bytes(config.origin),
        ipv4: config.ipv4,
        ipv6: config.ipv6,
        ipv6_prefix: config.ipv6_prefix,
        link_local: config.link_local,
        mac: config.mac,
    }
}

pub fn names_of(config: &PeerConfig) -> Member {
    Member {
        peer: config.peer,
        origin: u64::from_be_bytes(config.origin),
        ipv4: config.ipv4,
        ipv6: config.ipv6,
        link_local: config.link_local,
        mac: config.mac,
    }
}
