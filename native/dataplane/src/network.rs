//! One network as the receive thread owns it.

use crate::adapter::{AdapterThread, Common};
use crate::api::{GroupConfig, NetworkConfig, PeerConfig, PeerId};
use crate::relay::Relay;
use crate::shared::{NetShared, OwnTree, PeerState, View};
use crate::sys::{self, Wake};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use weft_device::Device;
use weft_forward::{Fair, FairLimits, LocalGroups, Member, Own, ReceiverList, TableBuilder};
use weft_packet::{MergeConfig, Merger};
use weft_session::{ByHandle, CastSigner, CastTx, SenderKey, Suite};

/// A peer as the engine configured it.
pub struct PeerEntry {
    pub config: PeerConfig,
    pub state: Arc<PeerState>,
    /// Control messages that the sessions would not take yet.
    pub backlog: VecDeque<Vec<u8>>,
}

/// An attached adapter.
pub struct Attached {
    pub device: Arc<dyn Device>,
    pub merger: Merger,
    pub wake: Arc<Wake>,
    pub stop: Arc<AtomicBool>,
    pub thread: Option<JoinHandle<()>>,
}

/// A group as the engine told of it.
struct Group {
    receivers: Arc<ReceiverList>,
    publishers: Option<Vec<PeerId>>,
    repaired: bool,
    signed: bool,
}

pub struct Net {
    pub config: NetworkConfig,
    pub shared: Arc<NetShared>,
    /// What was published last.
    pub view: Arc<View>,
    pub local: Arc<LocalGroups>,
    pub peers: ByHandle<PeerEntry>,
    groups: BTreeMap<IpAddr, Group>,
    pub own_trees: HashMap<u16, OwnTree>,
    /// As the engine said it: trees that are not there (yet) among them.
    pub send_on: BTreeMap<IpAddr, Vec<u16>>,
    /// Groups that the engine wants no trees for.
    pub directly: BTreeSet<IpAddr>,
    /// Some tree was set: its deadlines count.
    pub has_trees: bool,
    pub cast: Arc<CastTx>,
    pub adapter: Option<Attached>,
    pub relay: Relay,
    /// What this host may send to groups.
    pub own_limits: FairLimits,
    /// What came of others.
    pub fair: Fair,
    /// The view has to be made anew.
    pub is_stale: bool,
}

/// Fresh randomness for each start and each rotation: sender keys live in memory only.
pub fn new_sender_key(origin: [u8; 8]) -> Arc<CastTx> {
    let mut random = [0; 36];
    sys::random(&mut random);
    let mut key = weft_session::Secret::default();
    key.copy_from_slice(&random[4..]);
    // 0 means "none was given".
    let key_id = u32::from_be_bytes([random[0], random[1], random[2], random[3]]).max(1);
    let suite = Suite::choose(Suite::here(), Suite::here()).unwrap_or(Suite::ChaCha20Poly1305);
    Arc::new(CastTx::new(
        origin,
        SenderKey {
            key_id,
            scope: 0,
            lowest: 0,
            suite,
            key,
        },
    ))
}

/// What own casts are signed with; new at each start.
fn new_signer(config: &NetworkConfig) -> CastSigner {
    let mut seed = weft_session::Secret::default();
    sys::random(&mut seed[..]);
    CastSigner::new(config.network_id, config.origin, &seed)
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

fn member_of(config: &PeerConfig) -> Member {
    Member {
        peer: config.peer,
        origin: u64::from_be_bytes(config.origin),
        ipv4: config.ipv4,
        ipv6: config.ipv6,
        link_local: config.link_local,
        mac: config.mac,
    }
}

impl Net {
    pub fn new(config: NetworkConfig, common: &Common) -> Net {
        let cast = new_sender_key(config.origin);
        let table = TableBuilder::new(own_of(&config)).build();
        let (mac, mtu) = (config.mac, config.mtu);
        let view = Arc::new(View {
            own_trees: HashMap::new(),
            send_on: HashMap::new(),
            directly: HashSet::new(),
            repaired: HashSet::new(),
            table,
            fair: FairLimits::default(),
            peers: HashMap::new(),
            cast: cast.clone(),
            mac,
            origin: config.origin,
            mtu,
            ipv4: config.ipv4.map(|(address, _)| address),
            ipv6: config.ipv6,
        });
        let shared = Arc::new(NetShared::new(
            config.net,
            view.clone(),
            Arc::new(new_signer(&config)),
            common,
        ));
        Net {
            config,
            shared,
            view,
            local: Arc::default(),
            peers: ByHandle::default(),
            groups: BTreeMap::new(),
            own_trees: HashMap::new(),
            send_on: BTreeMap::new(),
            directly: BTreeSet::new(),
            has_trees: false,
            cast,
            adapter: None,
            relay: Relay::new(),
            own_limits: FairLimits::default(),
            fair: Fair::new(FairLimits::default().on_arrival()),
            is_stale: true,
        }
    }

    /// Makes and publishes the view. `ports`: the UDP ports of this process.
    pub fn publish(&mut self, ports: &[u16]) {
        let mut builder = TableBuilder::new(own_of(&self.config));
        builder.own_ports(ports);
        let members = self.peers.values().filter(|p| p.config.member);
        for entry in members {
            builder.member(member_of(&entry.config));
        }
        for (address, group) in &self.groups {
            if !group.receivers.is_empty() {
                builder.shared_group(*address, group.receivers.clone());
            }
            if let Some(publishers) = &group.publishers {
                builder.publishers(*address, publishers.clone());
            }
            if group.signed {
                builder.signed(*address);
            }
        }
        let peers = self
            .peers
            .values()
            .map(|entry| (entry.config.peer, entry.state.clone()))
            .collect();
        let (cast, mac, mtu) = (self.cast.clone(), self.config.mac, self.config.mtu);
        self.view = Arc::new(View {
            own_trees: self.own_trees.clone(),
            send_on: self.present_trees(),
            directly: self.directly.iter().copied().collect(),
            repaired: self
                .groups
                .iter()
                .filter(|(_, group)| group.repaired)
                .map(|(address, _)| *address)
                .collect(),
            table: builder.build(),
            fair: self.own_limits,
            peers,
            cast,
            mac,
            origin: self.config.origin,
            mtu,
            ipv4: self.config.ipv4.map(|(address, _)| address),
            ipv6: self.config.ipv6,
        });
        self.shared.view.store(self.view.clone());
        self.is_stale = false;
        self.wake_adapter();
    }

    /// `send_on` without trees that nothing can be sealed for.
    fn present_trees(&self) -> HashMap<IpAddr, Vec<u16>> {
        let present = |trees: &[u16]| -> Vec<u16> {
            let there = trees.iter().filter(|tree| self.own_trees.contains_key(tree));
            there.copied().collect()
        };
        let groups = self.send_on.iter().map(|(group, trees)| (*group, present(trees)));
        groups.filter(|(_, trees)| !trees.is_empty()).collect()
    }

    pub fn set_group(&mut self, config: GroupConfig) {
        let GroupConfig {
            group,
            receivers,
            publishers,
            repaired,
            signed,
            more,
        } = config;
        let known = more.then(|| self.groups.get_mut(&group)).flatten();
        if let Some(known) = known {
            Arc::make_mut(&mut known.receivers).extend(receivers);
        } else if receivers.is_empty() && publishers.is_none() && !signed {
            self.groups.remove(&group);
        } else {
            let receivers = Arc::new(receivers.into_iter().collect());
            let known = Group {
                receivers,
                publishers,
                repaired,
                signed,
            };
            self.groups.insert(group, known);
        }
        self.is_stale = true;
    }

    pub fn wake_adapter(&self) {
        if let Some(adapter) = &self.adapter {
            adapter.wake.wake();
        }
    }

    /// Starts the adapter's thread.
    ///
    /// # Errors
    /// The system has no thread or descriptor left.
    pub fn attach(&mut self, device: Arc<dyn Device>, common: Common) -> std::io::Result<()> {
        self.detach();
        let (wake, stop) = (Arc::new(Wake::new()?), Arc::new(AtomicBool::new(false)));
        let features = device.features();
        let config = MergeConfig {
            checksum: features.checksum,
            tcp: features.tcp,
            udp: features.udp,
        };
        let (shared, copy) = (self.shared.clone(), (device.clone(), wake.clone(), stop.clone()));
        let thread = crate::spawn::guarded("weft-adapter", self.config.net, common.clone(), move || {
            let (device, wake, stop) = copy;
            AdapterThread::new(shared, device, common, wake, stop).run();
        })?;
        self.shared.injected.listen(Some(wake.clone()));
        let merger = Merger::new(config);
        self.adapter = Some(Attached {
            device,
            merger,
            wake,
            stop,
            thread: Some(thread),
        });
        Ok(())
    }

    /// Stops the thread (it looks at its orders at once) and closes the descriptor.
    pub fn detach(&mut self) {
        let Some(mut adapter) = self.adapter.take() else {
            return;
        };
        self.shared.injected.listen(None);
        adapter.stop.store(true, Relaxed);
        adapter.wake.wake();
        if let Some(thread) = adapter.thread.take() {
            // A panic was already reported by the thread itself.
            let _ = thread.join();
        }
    }
}
