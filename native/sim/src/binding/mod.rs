//! The binding: thin. `index.d.ts` is its specification, kept by hand; what is meant is written there.

mod node;
mod options;
mod parse;
mod trees;
mod values;
mod world;

use napi::Error;

/// The `code` of a thrown error.
#[derive(Debug)]
pub struct Code(pub &'static str);

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl From<napi::Status> for Code {
    fn from(status: napi::Status) -> Code {
        match status {
            napi::Status::GenericFailure => Code("internal"),
            // Arguments of other types than index.d.ts says.
            _ => Code("bad-argument"),
        }
    }
}

pub type Result<T, E = Error<Code>> = std::result::Result<T, E>;

pub fn bad(message: impl Into<String>) -> Error<Code> {
    Error::new(Code("bad-argument"), message.into())
}
