//! Trees as JavaScript says them.

use super::{Result, bad, parse};
use crate::api;
use napi::bindgen_prelude::{Either, Null, Uint8Array};
use napi_derive::napi;
use weft_forward::tree::{Repair, TreeConfig, TreeError, TreeName};
use weft_session::Secret;

#[napi(object, js_name = "OwnKey")]
pub struct JsOwnKey {
    pub id: u32,
    pub key: Uint8Array,
}

#[napi(object, js_name = "TreeConfig")]
pub struct JsTreeConfig {
    pub origin: Uint8Array,
    pub tree: u32,
    pub epoch: u32,
    pub parent: Either<u32, Null>,
    pub backups: Vec<u32>,
    pub children: Vec<u32>,
    pub adoptable: Vec<u32>,
    pub repair: String,
    pub bytes_per_second: f64,
    pub groups: Option<u32>,
    pub left: Option<bool>,
    pub signer: Option<Uint8Array>,
    pub key: Option<JsOwnKey>,
}

#[napi(object, js_name = "CastKey")]
pub struct JsCastKey {
    pub origin: Uint8Array,
    pub tree: u32,
    pub id: u32,
    pub lowest: f64,
    pub key: Uint8Array,
}

pub fn tree_number(tree: u32) -> Result<u16> {
    let number = u16::try_from(tree).ok().filter(|tree| *tree > 0);
    number.ok_or_else(|| bad(format!("{tree} is no number of a tree (1 – 65,535).")))
}

fn secret(key: &[u8]) -> Result<Secret> {
    let mut secret = Secret::default();
    secret.copy_from_slice(&parse::bytes::<32>("A sender key", key)?);
    Ok(secret)
}

/// What is said beside the epoch itself: what casts are signed with, and what own ones are sealed with.
pub type Keys = (Option<[u8; 32]>, Option<(u32, Secret)>);

pub fn tree_config(config: JsTreeConfig) -> Result<(TreeConfig, Keys)> {
    let repair = match config.repair.as_str() {
        "off" => Repair::Off,
        "nack" => Repair::Nack,
        "fec" => Repair::Fec,
        other => return Err(bad(format!("“{other}” is neither off, nack nor fec."))),
    };
    let epoch = u16::try_from(config.epoch);
    let key = config
        .key
        .map(|key| secret(&key.key).map(|secret| (key.id, secret)))
        .transpose()?;
    let signer = config
        .signer
        .map(|key| parse::bytes::<32>("A signer", &key))
        .transpose()?;
    let config = TreeConfig {
        name: TreeName {
            origin: u64::from_be_bytes(parse::bytes("An origin", &config.origin)?),
            tree: tree_number(config.tree)?,
        },
        epoch: epoch.map_err(|_| bad(format!("{} is no epoch.", config.epoch)))?,
        parent: match config.parent {
            Either::A(parent) => Some(parent),
            Either::B(Null) => None,
        },
        backups: config.backups,
        children: config.children,
        adoptable: config.adoptable,
        repair,
        bytes_per_second: config.bytes_per_second as u64,
        groups: config.groups.unwrap_or(1).min(u32::from(u16::MAX)) as u16,
        left: config.left.unwrap_or(false),
    };
    Ok((config, (signer, key)))
}

pub fn cast_key(key: &JsCastKey) -> Result<api::CastKey> {
    Ok(api::CastKey {
        origin: parse::bytes("An origin", &key.origin)?,
        tree: tree_number(key.tree)?,
        id: key.id,
        lowest: key.lowest as u64,
        key: secret(&key.key)?,
    })
}

pub fn refused(error: TreeError) -> napi::Error<super::Code> {
    let text = match error {
        TreeError::TooManyTrees => "There are too many trees.",
        TreeError::TooManyPeers => "There are too many backups, children or adoptable peers.",
        TreeError::OldEpoch => "That epoch is older than all that are kept.",
    };
    bad(text)
}
