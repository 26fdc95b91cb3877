//! Failures as data.

use std::net::SocketAddr;
use std::{fmt, io};

/// Stable names: the binding hands them to the engine, whose table knows text and remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    PortTaken,
    AddressUnavailable,
    NoRights,
    Unsupported,
    Internal,
}

impl ErrorCode {
    pub const fn name(self) -> &'static str {
        match self {
            ErrorCode::PortTaken => "port-taken",
            ErrorCode::AddressUnavailable => "address-unavailable",
            ErrorCode::NoRights => "no-rights",
            ErrorCode::Unsupported => "unsupported",
            ErrorCode::Internal => "internal",
        }
    }
}

/// Why an address could not be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindError {
    pub code: ErrorCode,
    pub message: String,
}

impl BindError {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn from_io(address: SocketAddr, error: &io::Error) -> BindError {
        let (code, message) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                ErrorCode::PortTaken,
                format!("The port {address} is in use by another program: stop it or choose another port."),
            ),
            // EAFNOSUPPORT: a kernel without IPv6.
            io::ErrorKind::AddrNotAvailable => (
                ErrorCode::AddressUnavailable,
                format!("The address {address} does not exist on this machine: choose an existing one."),
            ),
            io::ErrorKind::PermissionDenied => (
                ErrorCode::NoRights,
                format!("No rights for {address}: ports below 1024 need them; choose a higher port."),
            ),
            _ => (ErrorCode::Internal, format!("Binding {address} failed: {error}.")),
        };
        BindError { code, message }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BindError {}

/// Why a message was not sent. None is fatal: the next may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// Longer than the path or the interface allows (EMSGSIZE).
    TooBig,
    /// The other host said earlier that nobody listens (ECONNREFUSED).
    Refused,
    /// No route, interface down, or a firewall of this host says no.
    Unreachable,
    /// The send buffer stayed full for [`crate::UdpSocket::FULL_WAIT_MS`].
    Full,
    /// Anything else that the system said.
    Other,
}

impl SendFailure {
    pub const ALL: [SendFailure; 5] = [
        SendFailure::TooBig,
        SendFailure::Refused,
        SendFailure::Unreachable,
        SendFailure::Full,
        SendFailure::Other,
    ];

    /// The key in the data plane's statistics.
    pub const fn name(self) -> &'static str {
        match self {
            SendFailure::TooBig => "sendTooBig",
            SendFailure::Refused => "sendRefused",
            SendFailure::Unreachable => "sendUnreachable",
            SendFailure::Full => "sendFull",
            SendFailure::Other => "sendFailed",
        }
    }
}
