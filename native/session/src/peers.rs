//! The peers of one network. Of a large one most are never called: until something is done with a peer it is only its
//! configuration, a twentieth of what its state takes.

use crate::api::PeerConfig;
use crate::peer::Peer;
use std::collections::BTreeMap;

enum Slot {
    /// With what names our side of the control streams to come.
    Asleep(PeerConfig, u64),
    Awake(Box<Peer>),
}

#[derive(Default)]
pub(crate) struct Peers {
    slots: BTreeMap<u32, Slot>,
}

impl Peers {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn handles(&self) -> impl Iterator<Item = u32> {
        self.slots.keys().copied()
    }

    pub fn config(&self, peer: u32) -> Option<&PeerConfig> {
        Some(match self.slots.get(&peer)? {
            Slot::Asleep(config, _) => config,
            Slot::Awake(peer) => &peer.config,
        })
    }

    /// None for one that is unknown or asleep.
    pub fn awake(&self, peer: u32) -> Option<&Peer> {
        match self.slots.get(&peer)? {
            Slot::Asleep(..) => None,
            Slot::Awake(peer) => Some(peer),
        }
    }

    pub fn all_awake(&self) -> impl Iterator<Item = &Peer> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Asleep(..) => None,
            Slot::Awake(peer) => Some(&**peer),
        })
    }

    /// The peer, with its state from now on. None for one that is unknown.
    pub fn wake(&mut self, peer: u32) -> Option<&mut Peer> {
        let slot = self.slots.get_mut(&peer)?;
        if let Slot::Asleep(config, association) = slot {
            *slot = Slot::Awake(Box::new(Peer::new(*config, *association)));
        }
        match slot {
            Slot::Asleep(..) => None,
            Slot::Awake(peer) => Some(peer),
        }
    }

    /// Adds it, or replaces what is known of one that sleeps. False: it is awake, and what changes with its configuration
    /// is the caller's to do. `association` is for one that is new.
    pub fn put(&mut self, config: PeerConfig, association: u64) -> bool {
        let slot = self
            .slots
            .entry(config.peer)
            .or_insert(Slot::Asleep(config, association));
        if let Slot::Asleep(known, _) = slot {
            *known = config;
            return true;
        }
        false
    }

    /// Its configuration, and the state if it was awake.
    pub fn remove(&mut self, peer: u32) -> Option<(PeerConfig, Option<Box<Peer>>)> {
        Some(match self.slots.remove(&peer)? {
            Slot::Asleep(config, _) => (config, None),
            Slot::Awake(peer) => (peer.config, Some(peer)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Level;

    fn config(peer: u32, level: Level) -> PeerConfig {
        PeerConfig {
            peer,
            key: [peer as u8; 32],
            level,
            origin: [peer as u8; 8],
        }
    }

    #[test]
    fn a_peer_has_no_state_until_something_is_done_with_it() {
        let mut peers = Peers::default();
        assert!(peers.put(config(1, Level::Stranger), 7));
        assert!(peers.put(config(1, Level::Member), 8), "asleep: replaced");
        assert!(peers.put(config(2, Level::Member), 9));
        assert_eq!(peers.config(1).map(|c| c.level), Some(Level::Member));
        assert!(peers.awake(1).is_none() && peers.all_awake().count() == 0);

        let peer = peers.wake(1).expect("known");
        assert!(peer.is_member() && peer.association == 7);
        peer.association = 10;
        assert_eq!(peers.wake(1).map(|p| p.association), Some(10), "once");
        assert!(peers.wake(3).is_none(), "unknown");
        assert!(!peers.put(config(1, Level::Stranger), 11), "awake: not replaced");
        assert_eq!(peers.all_awake().map(|p| p.config.peer).collect::<Vec<_>>(), [1]);

        assert!(peers.remove(1).is_some_and(|(_, state)| state.is_some()));
        assert!(peers.remove(2).is_some_and(|(_, state)| state.is_none()));
        assert!(peers.remove(2).is_none() && peers.len() == 0);
    }

    #[test]
    fn asleep_it_takes_little() {
        assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
    }
}
