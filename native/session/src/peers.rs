//! The peers of one network. Of a large one most are never called: until something is done with a peer it is only its
//! configuration, a twentieth of what its state takes.

use crate::api::PeerConfig;
use crate::by_handle::ByHandle;
use crate::peer::Peer;

enum Slot {
    /// With what names our side of the control streams to come.
    Asleep(PeerConfig, u64),
    Awake(Box<Peer>),
}

impl Slot {
    fn config(&self) -> &PeerConfig {
        match self {
            Slot::Asleep(config, _) => config,
            Slot::Awake(peer) => &peer.config,
        }
    }
}

#[derive(Default)]
pub(crate) struct Peers {
    slots: ByHandle<Slot>,
    /// Handles in the order of their keys.
    by_key: Vec<u32>,
}

impl Peers {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn handles(&self) -> impl Iterator<Item = u32> {
        self.slots.handles()
    }

    pub fn config(&self, peer: u32) -> Option<&PeerConfig> {
        self.slots.get(peer).map(Slot::config)
    }

    /// Where the peer with this key is among `by_key`, or would be.
    fn place_of(&self, key: &[u8; 32]) -> Result<usize, usize> {
        self.by_key
            .binary_search_by_key(&Some(key), |peer| self.config(*peer).map(|config| &config.key))
    }

    /// Handle of the peer with this key.
    pub fn with_key(&self, key: &[u8; 32]) -> Option<u32> {
        self.place_of(key).ok().map(|place| self.by_key[place])
    }

    /// None for one that is unknown or asleep.
    pub fn awake(&self, peer: u32) -> Option<&Peer> {
        match self.slots.get(peer)? {
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
        let slot = self.slots.get_mut(peer)?;
        if let Slot::Asleep(config, association) = slot {
            *slot = Slot::Awake(Box::new(Peer::new(*config, *association)));
        }
        match slot {
            Slot::Asleep(..) => None,
            Slot::Awake(peer) => Some(peer),
        }
    }

    /// Adds it, or replaces what is known of one that sleeps. False: it is awake, and what changes with its configuration
    /// is the caller's to do. `association` is for one that is new. Who is known keeps its key, and nobody else has it.
    pub fn put(&mut self, config: PeerConfig, association: u64) -> bool {
        match self.slots.get_mut(config.peer) {
            Some(Slot::Awake(_)) => return false,
            Some(Slot::Asleep(known, _)) => {
                debug_assert_eq!(known.key, config.key);
                *known = config;
            }
            None => {
                let (Ok(place) | Err(place)) = self.place_of(&config.key);
                self.by_key.insert(place, config.peer);
                self.slots.insert(config.peer, Slot::Asleep(config, association));
            }
        }
        true
    }

    /// Its configuration, and the state if it was awake.
    pub fn remove(&mut self, peer: u32) -> Option<(PeerConfig, Option<Box<Peer>>)> {
        if let Ok(place) = self.place_of(&self.config(peer)?.key) {
            self.by_key.remove(place);
        }
        Some(match self.slots.remove(peer)? {
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

        assert_eq!(
            [1, 2, 3].map(|n| peers.with_key(&[n; 32])),
            [Some(1), Some(2), None]
        );

        assert!(peers.remove(1).is_some_and(|(_, state)| state.is_some()));
        assert!(peers.remove(2).is_some_and(|(_, state)| state.is_none()));
        assert!(peers.remove(2).is_none() && peers.len() == 0);
    }

    #[test]
    fn each_is_found_by_its_key() {
        let mut peers = Peers::default();
        for peer in [5, 200, 7, 90, 1] {
            assert!(peers.put(config(peer, Level::Member), 0));
        }
        assert!(peers.remove(90).is_some() && peers.remove(1).is_some());
        assert!(peers.put(config(3, Level::Member), 0));
        let found = [1, 3, 5, 7, 90, 200].map(|key| peers.with_key(&[key; 32]));
        assert_eq!(found, [None, Some(3), Some(5), Some(7), None, Some(200)]);
    }

    #[test]
    fn asleep_it_takes_little() {
        assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
    }
}
