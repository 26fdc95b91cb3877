//! The calls about multicast trees.

use crate::api::{CastKey, Error, NetId, TreeConfig};
use crate::command::Command;
use crate::dataplane::{Dataplane, lock};
use crate::limits::{SPENT_KEYS_MAX, STRIPES_MAX};
use crate::shared::NetShared;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use weft_forward::tree::limits::{ADOPTABLE_MAX, BACKUPS_MAX, CHILDREN_MAX, SEQUENCE_END};
use weft_forward::tree::{TreeConfig as Part, TreeName};
use weft_session::{AUTH_SHARED, AUTH_SIGNED, CastSigner, CastTx, Secret, SenderKey};

fn name_of(origin: [u8; 8], tree: u16) -> Result<TreeName, Error> {
    if tree == 0 {
        return Err(Error::bad_argument("Trees are numbered from 1 on."));
    }
    let origin = u64::from_be_bytes(origin);
    Ok(TreeName { origin, tree })
}

/// What own trees are sealed with, newest key of each, as the engine said it last.
#[derive(Default)]
pub struct OwnCasts {
    now: HashMap<u16, Arc<CastTx>>,
    /// Tree, key and next sequence of keys that were replaced or dropped: named again they go on there, so that no nonce is ever
    /// used twice. Oldest first.
    spent: VecDeque<(u16, u32, u64)>,
}

impl OwnCasts {
    /// The present key goes on when it is named again, or none is.
    fn set(
        &mut self,
        origin: [u8; 8],
        tree: u16,
        key: Option<(u32, Secret)>,
        signer: Option<&Arc<CastSigner>>,
    ) -> Option<Arc<CastTx>> {
        let present = self.now.get(&tree);
        let Some((id, key)) = key else {
            return present.cloned();
        };
        let auth = signer.map_or(AUTH_SHARED, |_| AUTH_SIGNED);
        if let Some(same) = present.filter(|cast| cast.key_id() == id && cast.auth() == auth) {
            return Some(same.clone());
        }
        self.retire(tree);
        let before = self.spent.iter().rev().find(|(t, k, _)| (*t, *k) == (tree, id));
        let lowest = before.map_or(0, |(_, _, next)| *next);
        let key = SenderKey::of_tree(tree, id, lowest, key);
        let cast = Arc::new(match signer {
            Some(signer) => CastTx::signed(origin, key, signer.clone()),
            None => CastTx::new(origin, key),
        });
        self.now.insert(tree, cast.clone());
        Some(cast)
    }

    fn retire(&mut self, tree: u16) {
        let Some(cast) = self.now.remove(&tree) else {
            return;
        };
        if self.spent.len() >= SPENT_KEYS_MAX {
            self.spent.pop_front();
        }
        self.spent.push_back((tree, cast.key_id(), cast.next()));
    }

    fn next(&self, tree: u16) -> u64 {
        self.now.get(&tree).map_or(0, |cast| cast.next())
    }
}

impl Dataplane {
    fn shared(&self, net: NetId) -> Result<Arc<NetShared>, Error> {
        let found = lock(&self.nets).get(&net).cloned();
        found.ok_or_else(|| Error::new("no-such-network", format!("There is no network {net} here.")))
    }

    /// Adds or replaces an epoch of a tree; the newest 4 are kept. At the origin its packets take it from now on.
    ///
    /// # Errors
    /// `bad-argument`: too many peers, tree 0, a tree without parent whose origin is another member, or an own tree with another
    /// signer. `no-such-network`.
    pub fn set_tree(&self, net: NetId, config: TreeConfig) -> Result<(), Error> {
        let name = name_of(config.origin, config.tree)?;
        for (what, given, most) in [
            ("backups", config.backups.len(), BACKUPS_MAX),
            ("children", config.children.len(), CHILDREN_MAX),
            ("adoptable members", config.adoptable.len(), ADOPTABLE_MAX),
        ] {
            if given > most {
                return Err(Error::bad_argument(format!("At most {most} {what}.")));
            }
        }
        let shared = self.shared(net)?;
        let is_own = config.origin == shared.view.load().origin;
        if is_own != config.parent.is_none() {
            return Err(Error::bad_argument(
                "The origin of a tree, and nobody else, has no parent.",
            ));
        }
        let own_signer = config.signer.map(|_| &shared.signer);
        if is_own && config.signer != own_signer.map(|signer| signer.public_key()) {
            return Err(Error::bad_argument("Own trees are signed with the own key."));
        }
        let cast = is_own
            .then(|| lock(&shared.own_casts).set(config.origin, config.tree, config.key, own_signer))
            .flatten();
        let part = Part {
            name,
            epoch: config.epoch,
            parent: config.parent,
            backups: config.backups,
            children: config.children,
            adoptable: config.adoptable,
            repair: config.repair,
            bytes_per_second: config.bytes_per_second,
            groups: config.groups,
            left: config.left,
        };
        self.push(Command::SetTree(net, Box::new(part), config.signer, cast));
        Ok(())
    }

    /// Forgets a tree with its epochs and keys.
    ///
    /// # Errors
    /// `bad-argument`: tree 0.
    pub fn drop_tree(&self, net: NetId, origin: [u8; 8], tree: u16) -> Result<(), Error> {
        let name = name_of(origin, tree)?;
        let Ok(shared) = self.shared(net) else {
            return Ok(());
        };
        if origin == shared.view.load().origin {
            lock(&shared.own_casts).retire(tree);
        }
        self.push(Command::DropTree(net, name));
        Ok(())
    }

    /// A subscriber's key; the newest 4 of each tree are kept.
    ///
    /// # Errors
    /// `bad-argument`: tree 0, or a lowest sequence of 2^48 or more. `no-such-network`.
    pub fn set_cast_key(&self, net: NetId, key: CastKey) -> Result<(), Error> {
        name_of(key.origin, key.tree)?;
        if key.lowest >= SEQUENCE_END {
            return Err(Error::bad_argument("Sequences are below 2^48."));
        }
        self.shared(net)?;
        self.push(Command::SetCastKey(net, Box::new(key)));
        Ok(())
    }

    /// Packets of this group take these own trees by turns; none: as if never said, they wait and the engine is asked.
    ///
    /// # Errors
    /// `bad-argument`: no group address, or more than 16 trees.
    pub fn send_on(&self, net: NetId, group: IpAddr, trees: Vec<u16>) -> Result<(), Error> {
        if trees.len() > STRIPES_MAX {
            return Err(Error::bad_argument(format!("At most {STRIPES_MAX} trees.")));
        }
        if !crate::dataplane::is_group(&group) {
            return Err(Error::bad_argument(format!("{group} is not a group address.")));
        }
        self.push(Command::SendOn(net, group, trees));
        Ok(())
    }

    /// Packets of this group go to each receiver by themselves, until [`Dataplane::send_on`]; while they go on, the engine is asked
    /// again every 10 s.
    ///
    /// # Errors
    /// `bad-argument`: no group address.
    pub fn send_directly(&self, net: NetId, group: IpAddr) -> Result<(), Error> {
        if !crate::dataplane::is_group(&group) {
            return Err(Error::bad_argument(format!("{group} is not a group address.")));
        }
        self.push(Command::SendDirectly(net, group));
        Ok(())
    }

    /// The key that casts of own trees are signed with (Ed25519), for their descriptions. The secret never leaves the data plane.
    ///
    /// # Errors
    /// `no-such-network`.
    pub fn cast_signer(&self, net: NetId) -> Result<[u8; 32], Error> {
        Ok(self.shared(net)?.signer.public_key())
    }

    /// The sequence that the next cast of an own tree gets under its newest key; 0 without such a tree.
    pub fn cast_sequence(&self, net: NetId, tree: u16) -> u64 {
        let next = |shared: Arc<NetShared>| lock(&shared.own_casts).next(tree);
        self.shared(net).map_or(0, next)
    }
}
