//! Failures as data.

use std::{fmt, io};

/// Stable names: the binding hands them to the engine, whose table knows text and remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    NoRights,
    NoTun,
    NameTaken,
    BadArgument,
    AdapterLost,
    Unsupported,
    /// Anything else that the system said.
    Internal,
}

impl ErrorCode {
    pub const fn name(self) -> &'static str {
        match self {
            ErrorCode::NoRights => "no-rights",
            ErrorCode::NoTun => "no-tun",
            ErrorCode::NameTaken => "name-taken",
            ErrorCode::BadArgument => "bad-argument",
            ErrorCode::AdapterLost => "adapter-lost",
            ErrorCode::Unsupported => "unsupported",
            ErrorCode::Internal => "internal",
        }
    }
}

/// A code, and a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceError {
    pub code: ErrorCode,
    pub message: String,
}

impl DeviceError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        DeviceError {
            code,
            message: message.into(),
        }
    }

    /// `what` was tried and the system refused.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn from_io(what: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => DeviceError::new(
                ErrorCode::NoRights,
                format!("No rights for {what}: start the helper or run as root (CAP_NET_ADMIN)."),
            ),
            _ => DeviceError::new(ErrorCode::Internal, format!("{what} failed: {error}.")),
        }
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeviceError {}
