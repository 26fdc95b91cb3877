//! The binding: thin. `index.d.ts` is its specification, kept by hand; what is meant is written there.
#![cfg(target_os = "linux")]
mod adapter;
mod dataplane;
mod error;
mod events;
mod helper;
mod parse;
mod sys;
mod trees;

use error::{Result, bad};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

// Constants are exported under their own name.
#[allow(non_upper_case_globals)]
#[napi]
pub const version: &str = env!("CARGO_PKG_VERSION");

#[napi(js_name = "x25519PublicKey")]
pub fn x25519_public_key(secret: Uint8Array) -> Result<Uint8Array> {
    let secret: [u8; 32] = secret
        .as_ref()
        .try_into()
        .map_err(|_| bad("A secret key has 32 bytes."))?;
    Ok(weft_session::public_key(&secret).to_vec().into())
}

/// The answer of the helper.
#[napi(object)]
pub struct HelperAnswer {
    pub answer: String,
    pub fds: Vec<i32>,
}

#[napi]
pub fn helper_call(socket_path: String, line: String) -> Result<HelperAnswer> {
    let (answer, fds) = helper::call(&socket_path, &line)?;
    Ok(HelperAnswer {
        answer,
        fds: fds.into_iter().map(std::os::fd::IntoRawFd::into_raw_fd).collect(),
    })
}

#[napi]
pub fn close_fd(fd: i32) -> Result<()> {
    sys::take_fd(fd)
        .map(drop)
        .map_err(|e| bad(format!("The descriptor {fd} cannot be closed: {e}.")))
}
