//! Errors of the binding: thrown with `code` from the contract's table, and a message with the remedy.

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

pub fn coded(code: &'static str, message: impl Into<String>) -> Error<Code> {
    Error::new(Code(code), message.into())
}

pub fn bad(message: impl Into<String>) -> Error<Code> {
    coded("bad-argument", message)
}

pub fn of_dataplane(error: weft_dataplane::Error) -> Error<Code> {
    coded(error.code, error.message)
}

pub fn of_device(error: weft_device::DeviceError) -> Error<Code> {
    coded(error.code.name(), error.message)
}
