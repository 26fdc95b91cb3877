//! The calls about multicast trees.

use crate::dataplane::Dataplane;
use crate::error::{Result, bad, of_dataplane};
use crate::parse;
use napi::bindgen_prelude::{Either, Null, Uint8Array};
use napi_derive::napi;
use weft_dataplane as dp;

#[napi(object)]
pub struct OwnKey {
    pub id: u32,
    pub key: Uint8Array,
}

#[napi(object)]
pub struct TreeConfig {
    pub origin: Uint8Array,
    pub tree: u32,
    pub epoch: u32,
    /// `null` at the origin. An `Option` would take `undefined` only.
    pub parent: Either<u32, Null>,
    pub backups: Vec<u32>,
    pub children: Vec<u32>,
    pub adoptable: Vec<u32>,
    pub repair: String,
    pub bytes_per_second: f64,
    pub groups: Option<u32>,
    pub left: Option<bool>,
    pub signer: Option<Uint8Array>,
    pub key: Option<OwnKey>,
}

#[napi(object)]
pub struct CastKey {
    pub origin: Uint8Array,
    pub tree: u32,
    pub id: u32,
    pub lowest: f64,
    pub key: Uint8Array,
}

fn short(what: &str, n: u32) -> Result<u16> {
    u16::try_from(n).map_err(|_| bad(format!("{what} {n} is above 65,535.")))
}

fn secret(bytes: &[u8]) -> Result<dp::Secret> {
    let mut secret = dp::Secret::default();
    secret.copy_from_slice(&parse::bytes::<32>("A key", bytes)?);
    Ok(secret)
}

fn tree_config(t: TreeConfig) -> Result<dp::TreeConfig> {
    let repair = match t.repair.as_str() {
        "off" => dp::Repair::Off,
        "nack" => dp::Repair::Nack,
        "fec" => dp::Repair::Fec,
        other => return Err(bad(format!("Repair is “off”, “nack” or “fec”, not “{other}”."))),
    };
    let own_key = |k: OwnKey| -> Result<_> { Ok((k.id, secret(&k.key)?)) };
    let key = t.key.map(own_key).transpose()?;
    let signer = t
        .signer
        .map(|key| parse::bytes::<32>("A signer", &key))
        .transpose()?;
    Ok(dp::TreeConfig {
        origin: parse::bytes("An origin", &t.origin)?,
        tree: short("The tree", t.tree)?,
        epoch: short("The epoch", t.epoch)?,
        parent: match t.parent {
            Either::A(peer) => Some(peer),
            Either::B(Null) => None,
        },
        backups: t.backups,
        children: t.children,
        adoptable: t.adoptable,
        repair,
        // Negative and NaN become 0 by the cast.
        bytes_per_second: t.bytes_per_second as u64,
        groups: short("The number of groups", t.groups.unwrap_or(1))?,
        left: t.left.unwrap_or(false),
        signer,
        key,
    })
}

#[napi]
impl Dataplane {
    #[napi]
    pub fn set_tree(&self, net: u32, tree: TreeConfig) -> Result<()> {
        self.inner.set_tree(net, tree_config(tree)?).map_err(of_dataplane)
    }

    #[napi]
    pub fn drop_tree(&self, net: u32, origin: Uint8Array, tree: u32) -> Result<()> {
        let origin = parse::bytes("An origin", &origin)?;
        let tree = short("The tree", tree)?;
        self.inner.drop_tree(net, origin, tree).map_err(of_dataplane)
    }

    #[napi]
    pub fn set_cast_key(&self, net: u32, key: CastKey) -> Result<()> {
        let key = dp::CastKey {
            origin: parse::bytes("An origin", &key.origin)?,
            tree: short("The tree", key.tree)?,
            id: key.id,
            lowest: key.lowest as u64,
            key: secret(&key.key)?,
        };
        self.inner.set_cast_key(net, key).map_err(of_dataplane)
    }

    #[napi]
    pub fn send_on(&self, net: u32, group: String, trees: Vec<u32>) -> Result<()> {
        let short = |tree: u32| short("The tree", tree);
        let trees = trees.into_iter().map(short).collect::<Result<Vec<_>>>()?;
        self.inner
            .send_on(net, parse::ip(&group)?, trees)
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn send_directly(&self, net: u32, group: String) -> Result<()> {
        self.inner
            .send_directly(net, parse::ip(&group)?)
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn cast_signer(&self, net: u32) -> Result<Uint8Array> {
        let key = self.inner.cast_signer(net).map_err(of_dataplane)?;
        Ok(key.to_vec().into())
    }

    /// Exact: sequences stay below 2^48.
    #[napi]
    pub fn cast_sequence(&self, net: u32, tree: u32) -> f64 {
        let tree = u16::try_from(tree).unwrap_or(0);
        self.inner.cast_sequence(net, tree) as f64
    }
}
